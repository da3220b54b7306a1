"""Settings of selected alerts, as people write them."""

import pytest

from broker.config import ConfigError, build

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
