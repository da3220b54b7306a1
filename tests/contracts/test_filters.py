"""Every filter of the registry has a bit of its own, and names why it refuses."""

from dataclasses import replace

import pytest
from pydantic import ValidationError

from broker.config import Config
from broker.kafka_rights import PUBLIC_PREFIX
from broker.sections.selected import FilterSettings, SelectedSettings
from pipeline import surveys
from pipeline.alerts.tables import OUTPUT_CLASS_TOPIC, OUTPUT_NONE_TOPIC
from pipeline.bootstrap import LASAIR_PREFIX
from pipeline.filters import FILTERS, filter_named, running
from pipeline.selected import columns, sources
from pipeline.selected.tables import SelectedAlert
from tests.unit.pipeline.alerts.batches import make_batch

EVER = ("extendedness",)
"""Who has, or had, each number, from 0: one is added at the end, and none ever goes or changes."""

every_filter = pytest.mark.parametrize("one", FILTERS, ids=lambda one: one.name)


@every_filter
def test_a_filter_is_found_by_its_name(one):
    assert filter_named(one.name) is one


def test_an_unknown_filter_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match="known: extendedness"):
        filter_named("antares")


def test_bits_names_and_topics_are_not_shared():
    settings = Config().selected
    bits = [
        OUTPUT_CLASS_TOPIC,
        OUTPUT_NONE_TOPIC,
        *(bit for one in FILTERS for bit in one.topics(settings)),
    ]

    assert len({one.name for one in FILTERS}) == len(FILTERS)
    topics = [topic for one in FILTERS for topic in one.topics(settings).values()]
    assert len(set(topics)) == len(topics)
    assert [bit.bit_count() for bit in bits] == [1] * len(bits)
    assert len(set(bits)) == len(bits)


def strangers(filters):
    """Return the filters whose number is or was another's, or that nobody has written down."""
    ever = dict(enumerate(EVER))
    return [one.name for one in filters if ever.get(one.number) != one.name]


def test_a_number_is_never_given_twice_as_stored_alerts_keep_its_bits():
    assert strangers(FILTERS) == []
    assert len(set(EVER)) == len(EVER)


@pytest.mark.parametrize("number", [0, 1], ids=["of one that is gone", "not written down"])
def test_a_filter_in_the_place_of_another_is_refused(number):
    heir = replace(FILTERS[0], name="faint", number=number)

    assert strangers([heir]) == ["faint"]


@every_filter
def test_what_a_filter_selects_is_not_open_to_every_account(one):
    assert not one.topic(Config().selected).startswith(PUBLIC_PREFIX)


@every_filter
def test_a_filters_json_is_off_until_somebody_wants_it_and_goes_where_lasairs_client_may_read(one):
    settings = Config().selected

    assert one.bits(settings) == one.bit
    assert one.json_topic(settings).startswith(LASAIR_PREFIX)


@every_filter
def test_a_filter_runs_until_it_is_switched_off(one):
    settings = Config().selected
    off = {one.name: getattr(settings, one.name).model_copy(update={"enabled": False})}

    assert one in running(settings)
    assert one not in running(settings.model_copy(update=off))


@every_filter
def test_what_a_filter_selects_is_a_source_that_is_read_from_its_topic(one, monkeypatch):
    settings = Config()
    monkeypatch.setattr(sources, "config", lambda: settings)
    [source] = [
        name
        for name, where in settings.own_sources.items()
        if where.topic == one.topic(settings.selected)
    ]

    assert sources.settings_of(source).topic == one.topic(settings.selected)
    assert {source, *settings.selected.filter_sources} <= set(sources.names())


@every_filter
def test_a_row_that_lacks_everything_is_refused_for_a_reason_of_the_filter(one):
    row = dict.fromkeys(SelectedAlert.__table__.columns.keys())
    row["extra"] = dict.fromkeys(column.name for column in columns.EXTRA)

    [reason] = one.judge_rows([row], Config().selected)

    assert reason in one.reasons


@every_filter
def test_the_settings_of_a_filter_are_the_section_of_its_name(one):
    assert isinstance(one.section(Config().selected), FilterSettings)
    assert set(Config().selected.filters) == {each.name for each in FILTERS}


class Faint(FilterSettings):
    """The section of a filter that nobody has written yet."""

    topic: str = "faint-alerts"
    lasair_topic: str = "lasair_1faint"


class Two(SelectedSettings):
    """Settings with a second filter."""

    faint: Faint = Faint()


def test_a_second_filter_is_a_record_and_a_section_and_nothing_else(monkeypatch):
    second = replace(FILTERS[0], name="faint", number=1)
    settings = Config().model_copy(update={"selected": Two()})
    monkeypatch.setattr(sources, "config", lambda: settings)

    assert second.topics(settings.selected) == {16: "faint-alerts", 32: "lasair_1faint"}
    assert second.is_on(settings.selected)
    assert sources.settings_of("faint").topic == "faint-alerts"
    assert sources.names()[-1] == "faint"
    assert "source of a filter" in str(_refusal(name="faint"))


def test_a_source_of_others_names_a_filter_that_there_is():
    assert "no filter nobody" in str(_refusal(name="elsewhere", filter="nobody"))


def _refusal(**source):
    """Return why a record of a broker of others is refused beside two filters."""
    given = {"topic": "t", "bootstrap_servers": "kafka.invalid:9092"} | source
    with pytest.raises(ValidationError) as refused:
        Two(sources=[given])
    return refused.value


@every_filter
def test_a_packet_that_lacks_everything_is_refused_for_a_reason_of_the_filter(one):
    batch = make_batch(surveys.survey(one.survey).name)

    judged = one.judge(batch, Config().selected)

    assert set(judged.reason.tolist()) <= set(one.reasons)
    assert all(len(values) == len(batch) for values in judged.facts.values())
