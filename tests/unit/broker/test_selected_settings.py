"""Settings of selected alerts, as people write them."""

from typing import get_args

import pytest

from broker.config import ConfigError, build
from broker.sections.output import ExtraColumn
from pipeline.selected.columns import EXTRA

NAME = "NIGHTJAR_SELECTED__EXTENDEDNESS__"


@pytest.mark.parametrize(("text", "value"), [("true", True), ("False", False), ("any", "any")])
def test_the_solar_system_is_required_in_words(text, value):
    rule = build({NAME + "REQUIRE_SSSOURCE": text}).selected.extendedness

    assert rule.require_sssource == value


@pytest.mark.parametrize(
    ("field", "text"), [("MEDIAN_MIN", "1.5"), ("REQUIRE_SSSOURCE", "both"), ("TOPIC", "a b")]
)
def test_a_wrong_value_is_named_with_its_field(field, text):
    with pytest.raises(ConfigError, match=rf"selected\.extendedness\.{field.lower()}"):
        build({NAME + field: text})


PLACE = {"name": "elsewhere", "topic": "t", "bootstrap_servers": "broker.invalid:9092"}


@pytest.mark.parametrize(
    ("field", "wrong", "said"),
    [
        ("security_protocol", "SASL_TLS", "'PLAINTEXT', 'SSL', 'SASL_PLAINTEXT' or 'SASL_SSL'"),
        ("sasl_mechanism", "SCRAM", "'PLAIN', 'SCRAM-SHA-256' or 'SCRAM-SHA-512'"),
        ("ca_file", "nowhere.pem", "there is no file .*nowhere.pem"),
        ("schema_dir", "nowhere", "there is no folder .*nowhere"),
        ("topic", "^(selected", r"'\^\(selected' is no regular expression: missing \)"),
    ],
)
def test_a_mistake_in_a_source_is_told_with_the_settings_name(field, wrong, said):
    with pytest.raises(ConfigError, match=rf"selected\.sources\.0\.{field}: .*{said}"):
        build({}, {"selected": {"sources": [PLACE | {field: wrong}]}})


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"output": {"extra_columns": ["snrr"]}}, r"output\.extra_columns\.0: .*'snr'"),
        (
            {"collect": {"scheduled": ["elsewher"]}, "selected": {"sources": [PLACE]}},
            r": collect\.scheduled: no source elsewher; known: .*, elsewhere",
        ),
        (
            {"selected": {"extendedness": {"median_min": 0.9, "median_max": 0.2}}},
            r"selected\.extendedness: median_min is above median_max",
        ),
        (
            {"selected": {"extendedness": {"min_threshold": 0.9, "max_threshold": 0.2}}},
            r"selected\.extendedness: min_threshold is above max_threshold",
        ),
        (
            {"selected": {"extendedness": {"require_sssource": "maybe"}}},
            r"require_sssource: 'maybe' is none of true, false, any$",
        ),
    ],
)
def test_what_would_never_select_or_collect_is_refused(values, said):
    with pytest.raises(ConfigError, match=said):
        build({}, values)


def test_the_names_of_further_columns_are_those_that_there_are():
    assert list(get_args(ExtraColumn)) == [column.name for column in EXTRA]
