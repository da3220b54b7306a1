"""The exported filter in the unmodified ANTARES DevKit, beside our mask; and others' filters."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker.kafka_types import Packet
from broker.sections.selected import ExtendednessSettings, SelectedSettings
from pipeline.filters import export, extendedness, locus
from pipeline.surveys import lsst
from tests import samples
from tests.client_environment import PROGRAMS, ClientEnvironment
from tests.environment import of_a_stranger
from tests.unit.pipeline.filters.golden import REQUIRED, by_thresholds
from tests.unit.pipeline.surveys.lsst_packets import alert, packet, row

pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.xdist_group("devkit"),
]

DEVKIT = ClientEnvironment("antares-devkit-0.11.1", "antares.lock")
WAYS = ("class, their locus", "class, our locus", "function")


class DevKit:
    """A process of the DevKit that holds one filter and is asked about loci."""

    def __init__(self, filter_file: Path) -> None:
        words = [DEVKIT.installed(), PROGRAMS / "antares.py", filter_file, locus.__file__]
        self.process = subprocess.Popen(
            [str(word) for word in words],
            env=of_a_stranger(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, records: Sequence[Any], **constants: Any) -> list[list[dict[str, Any]]]:
        """Return what each way says of each packet's record."""
        loci = [locus.as_plain(locus.of_lsst(record)) for record in records]
        return self.ask_about(loci, **constants)

    def ask_about(self, loci: Sequence[Any], **constants: Any) -> list[list[dict[str, Any]]]:
        question = json.dumps({"constants": constants, "loci": loci})
        self.process.stdin.write(question + "\n")
        self.process.stdin.flush()
        return json.loads(self.process.stdout.readline())

    def end(self) -> None:
        self.process.stdin.close()
        self.process.wait(10)
        self.process.stdout.close()


@pytest.fixture(scope="module")
def devkit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevKit]:
    """The filter as ``export_filter`` writes it."""
    file = tmp_path_factory.mktemp("antares") / export.SOURCE.name
    file.write_text(export.module(ExtendednessSettings()))
    asked = DevKit(file)
    yield asked
    asked.end()


def mask(values: Sequence[bytes], rule: ExtendednessSettings) -> list[bool]:
    batch, rejected = lsst.decode([Packet(at, 0, value) for at, value in enumerate(values)])
    assert rejected == []
    return extendedness.judge(batch, SelectedSettings(extendedness=rule)).is_selected.tolist()


def selected(answers: list[list[dict[str, Any]]]) -> dict[str, list[bool]]:
    return {way: [one[at]["selected"] for one in answers] for at, way in enumerate(WAYS)}


@pytest.mark.samples
@by_thresholds
def test_four_ways_select_the_same_real_alerts(devkit, thresholds, counts):
    found = samples.rubin()
    for required, count in zip(REQUIRED, counts, strict=True):
        rule = ExtendednessSettings(**thresholds, require_sssource=required)
        ours = mask([one.value for one in found], rule)
        theirs = selected(devkit.ask([one.record for one in found], **export.constants(rule)))

        assert sum(ours) == count
        assert theirs == dict.fromkeys(WAYS, ours)


@pytest.mark.samples
def test_the_properties_are_the_statistics_of_the_headers(devkit):
    found = samples.rubin()
    batch, _ = lsst.decode([Packet(at, 0, one.value) for at, one in enumerate(found)])
    rule = ExtendednessSettings(require_sssource="any")
    judged = extendedness.judge(batch, SelectedSettings(extendedness=rule))
    names = ("median", "min", "max")
    wanted = [
        {f"lsst_extendedness_{name}": judged.facts[f"extendedness_{name}"][at] for name in names}
        if is_selected
        else {}
        for at, is_selected in enumerate(judged.is_selected)
    ]

    answers = devkit.ask([one.record for one in found], **export.constants(rule))

    assert [one[0]["properties"] for one in answers] == wanted
    assert [one[1]["properties"] for one in answers] == wanted


SHARES = st.floats(0, 1, width=32)
VALUES = st.none() | SHARES | st.just(float("nan"))
ALERTS = st.builds(
    lambda own, sso, earlier: alert(
        {"extendedness": own, "ssObjectId": sso},
        prvDiaSources=[row(extendedness=each, midpointMjdTai=61000.0 + at) for at, each in earlier],
    ),
    VALUES,
    st.sampled_from([None, 0, 7]),
    st.lists(VALUES, max_size=5).map(lambda values: list(enumerate(values))),
)
LIMITS = st.tuples(SHARES, SHARES).map(sorted)


@st.composite
def rules(draw):
    """Thresholds that the settings take: no minimum above its maximum."""
    median, extremes = draw(LIMITS), draw(LIMITS)
    return ExtendednessSettings(
        median_min=median[0],
        median_max=median[1],
        min_threshold=extremes[0],
        max_threshold=extremes[1],
        require_sssource=draw(st.sampled_from([True, False, "any"])),
    )


@given(st.lists(ALERTS, min_size=1, max_size=12), rules())
def test_four_ways_select_the_same_of_any_alerts(devkit, records, rule):
    ours = mask([packet(record) for record in records], rule)

    theirs = selected(devkit.ask(records, **export.constants(rule)))

    assert theirs == dict.fromkeys(WAYS, ours)


@pytest.mark.parametrize(
    ("properties", "tags", "expected"),
    [
        ({}, [], False),
        ({"lsst_diaSource_ssObjectId": 0}, [], False),
        ({"lsst_diaSource_ssObjectId": "0"}, [], False),
        ({"ssObject": ""}, [], False),
        ({"ssObjectId": float("nan")}, [], False),
        ({"lsst_diaSource_ssObjectId": 9}, [], True),
        ({"ssObjectId": "2010 AB"}, [], True),
        ({"ssObject": 3}, [], True),
        ({}, ["comet"], True),
        ({}, ["extragalactic"], False),
    ],
)
def test_the_solar_system_shows_in_many_ways_on_antares(devkit, properties, tags, expected):
    plain = locus.as_plain(locus.of_lsst(alert({"extendedness": 0.5})))
    plain["alerts"][-1]["properties"].pop("lsst_diaSource_ssObjectId", None)
    plain["alerts"][-1]["properties"] |= properties
    plain["user_tags"] = tags

    (answers,) = devkit.ask_about([plain], **export.constants(ExtendednessSettings()))

    assert [one["selected"] for one in answers] == [expected] * len(WAYS)


@pytest.mark.samples
@pytest.mark.parametrize(
    ("name", "tagged"),
    [
        ("lsst_transient_quality_scimma", 9),
        ("lsst_ddf", 40),
        ("decam_shadow", 1),
        ("shadow_virgo", 1),
    ],
)
def test_filters_of_others_find_on_our_locus_what_they_find_on_theirs(name, tagged):
    (packages,) = DEVKIT.installed().parents[1].glob("lib/python*/site-packages")
    asked = DevKit(packages / "antares_devkit" / "filters" / name / "__init__.py")
    try:
        answers = asked.ask([one.record for one in samples.rubin()])
    finally:
        asked.end()

    assert {one["status"] for pair in answers for one in pair} == {"Succeeded"}
    assert [pair[0] for pair in answers] == [pair[1] for pair in answers]
    assert sum(pair[1]["selected"] for pair in answers) == tagged  # surveys.md, section 5
