"""Loci of ANTARES to rows and files: from our archive, else from its REST interface."""

from datetime import timedelta

import httpx
import pytest
from sqlalchemy import select

from broker.config import config
from broker.db import lock
from broker.dead_letters import DeadLetter
from broker.errors import TransientError
from pipeline.alerts.tables import Alert
from pipeline.clients.antares import NOBODY, Antares
from pipeline.selected.antares import MOST_TAKES, AntaresReader
from pipeline.selected.rerun import rerun
from pipeline.selected.tables import SelectedAlert, SelectedRun
from pipeline.selected.thumbnails import AGAIN_S, Thumbnails
from tests.factories import make_object
from tests.integration.selected.test_reception import archived
from tests.integration.selected.world import (
    EVENING,
    MORNING,
    Consumer,
    counts,
    expected,
    packet,
    received,
    tree,
)
from tests.standins.antares import Later, alert, antares, settings, thumbnail
from tests.standins.schema_registry import busy
from tests.unit.pipeline.selected.test_antares_messages import locus, value
from tests.unit.pipeline.selected.test_cutouts import WHOLE

pytestmark = pytest.mark.integration

ALERTS, IMAGES = "/v2/loci/ANT2026abc/alerts", "/v2/alerts/lsst%3A12/thumbnails"
ALERT = Alert.__table__
OBJECT = "170028502154444814"
JD_UTC, MJD_TAI = 2461220.738162598, 61220.238590839246
"""2026-06-29 05:42:57.249 UTC, of surveys.md; TAI is 37 s ahead."""
WAIT_S = 900.0


def source(number, **fields):
    place = {"ra": 53.1, "dec": -27.8, "midpointMjdTai": MJD_TAI, "band": "r", "psfFlux": 5.5}
    return {"diaSourceId": number, "diaObjectId": int(OBJECT)} | place | fields


NEWEST = alert("lsst:12", 61220.2, **source("12", extendedness=0.25, ssObjectId="7"))
EARLIER = alert("lsst:11", 61219.2, **source(11, extendedness=0.75))
FOREIGN = {**alert("ztf:1", 61230.0), "properties": {"ztf_magpsf": 18.5}}


class Taker(Consumer):
    """A consumer of ANTARES that asks a stand-in."""

    def __init__(self, url: str) -> None:
        client = Antares(httpx.Client(timeout=0.3), settings(url, tries=1), lambda _: None)
        self.reader = AntaresReader(client)
        super().__init__(source="antares", read=self.reader.read)
        self.thumbnails = Thumbnails(self.target, client, WAIT_S, lambda: self.now)

    def look(self) -> None:
        self.thumbnails.fetch()
        self.writer.write({})


def rows(session):
    session.expire_all()
    return session.scalars(select(SelectedAlert).order_by(SelectedAlert.id)).all()


def letters(session):
    return [(one.source_offset, one.reason) for one in session.scalars(select(DeadLetter))]


def message(mjd=None):
    properties = locus()["properties"]
    return value(locus(properties=properties | {"newest_alert_observation_time": mjd}))


def test_bad_loci_are_letters_with_their_place_and_the_books_add_up(session, root):
    with antares({ALERTS: [FOREIGN, EARLIER, NEWEST]}) as server:
        taker = Taker(server.url)
        unknown = value(locus(id="ANT2026gone"))
        taker.reception.take(received(b"", message(), b"{}", unknown, message()))

    assert letters(session) == [(0, "empty"), (2, "bad_value"), (3, "bad_value")]
    assert counts(session) == [(5, 1, 0, 3, 1)]


@pytest.mark.parametrize("alerts", [[], [FOREIGN]], ids=["none", "ZTF's"])
def test_a_locus_without_any_lsst_alert_is_a_letter(session, root, alerts):
    with antares({ALERTS: alerts}) as server:
        Taker(server.url).reception.take(received(message()))

    assert letters(session) == [(0, "no_id")]


def test_while_antares_is_away_nothing_is_lost(session, root):
    nobody = f"/v2/loci/{NOBODY}/alerts"
    with antares({ALERTS: busy, nobody: busy}) as server:
        taker = Taker(server.url)
        for _ in range(3 * MOST_TAKES):
            with pytest.raises(TransientError):
                taker.reception.take(received(message()))
        assert counts(session) == []
        server.known.update({ALERTS: [NEWEST]})
        taker.reception.take(received(message()))

    assert counts(session) == [(1, 1, 0, 0, 0)]


def takes(taker, batch) -> int:
    """Take a batch until it is stored; return how often it was taken."""
    for take in range(1, 100):
        try:
            taker.reception.take(batch)
        except TransientError:
            continue
        taker.reader.forget()
        return take
    raise AssertionError("it is never stored")


def test_a_locus_alone_that_antares_does_not_answer_for_is_a_letter_in_the_end(session, root):
    with antares({ALERTS: busy}) as server:
        taker = Taker(server.url)
        assert takes(taker, received(message())) == MOST_TAKES
        assert takes(taker, received(message(), first=1)) == MOST_TAKES

    assert letters(session) == [(0, "unanswered"), (1, "unanswered")]
    assert counts(session) == [(2, 0, 0, 2, 0)]


def test_three_such_loci_hold_their_neighbours_up_three_times_as_long(session, root):
    """Not five to the third: whoever was given up stays so until the batch is stored."""
    bad = [f"ANT2026bad{n}" for n in range(3)]
    with antares({f"/v2/loci/{name}/alerts": busy for name in bad} | {ALERTS: [NEWEST]}) as server:
        taker = Taker(server.url)
        batch = received(*(value(locus(id=name)) for name in bad), message())
        assert takes(taker, batch) <= MOST_TAKES * len(bad)

    assert letters(session) == [(n, "unanswered") for n in range(3)]
    assert counts(session) == [(4, 1, 0, 3, 0)]


def test_the_newest_alert_counts_and_those_before_are_its_history(session, root):
    with antares({ALERTS: [EARLIER, FOREIGN, NEWEST]}) as server:
        Taker(server.url).reception.take(received(message()))

    [row] = rows(session)
    assert (row.dia_source_id, row.dia_object_id, row.ps_flux_njy) == (12, int(OBJECT), 5.5)
    assert (row.extendedness_median, row.extendedness_min, row.extendedness_max) == (
        0.5,
        0.25,
        0.75,
    )
    assert (row.extra["antaresLocusId"], row.extra["antaresAlertId"]) == ("ANT2026abc", "lsst:12")
    assert row.extra["hasSSSource"] is True
    assert (row.science_state, row.science_path) == ("wanted", None)


@pytest.mark.parametrize("mjd", [None, MJD_TAI, JD_UTC - 2400000.5], ids=["unsaid", "TAI", "UTC"])
def test_the_packet_of_our_archive_is_taken_without_asking(session, root, mjd):
    keep(session)
    with antares({}) as server:
        taker = Taker(server.url)
        taker.work(received(message(mjd)))
        assert server.asked == []

    [row] = rows(session)
    assert row.dia_source_id == 2**60 + 7
    assert tree(root) == expected(session, taker.target)
    assert row.science_path in tree(root)


def test_a_packet_of_our_archive_that_cannot_be_read_just_now_is_waited_for(session, root):
    keep(session)
    [segment] = (root.parent / "archive").rglob("*.seg")
    segment.rename(segment.with_suffix(".away"))
    with antares({ALERTS: [NEWEST]}) as server:
        with pytest.raises(TransientError, match="not on this machine"):
            Taker(server.url).reception.take(received(message(MJD_TAI)))
        assert server.asked == []
    assert rows(session) == []


def keep(session):
    """Let our archive have the packet of an alert of the locus's object."""
    archived(session, 2**60 + 7, packet(7))
    known = make_object(session, survey="lsst", object_id=OBJECT)
    session.flush()
    session.execute(ALERT.update().values(object_id=known.id, jd_utc=JD_UTC))


def test_an_older_packet_of_ours_is_not_taken_for_the_newest_alert(session, root):
    keep(session)
    with antares({ALERTS: [NEWEST]}) as server:
        Taker(server.url).reception.take(received(message(NEWEST["mjd"])))
        assert server.asked == [ALERTS]

    assert [row.dia_source_id for row in rows(session)] == [12]


@pytest.mark.parametrize("later", [0.0, 37 / 86400, -37 / 86400], ids=["as said", "UTC", "TAI"])
def test_an_alert_that_antares_does_not_list_yet_is_waited_for(session, root, later):
    with antares({ALERTS: Later([EARLIER], [EARLIER], [EARLIER, NEWEST])}) as server:
        batch = received(message(NEWEST["mjd"] + later))
        assert takes(Taker(server.url), batch) == 3

    assert [row.dia_source_id for row in rows(session)] == [12]


def test_an_alert_that_antares_never_lists_is_a_letter_and_not_an_older_alert(session, root):
    with antares({ALERTS: [EARLIER]}) as server:
        assert takes(Taker(server.url), received(message(NEWEST["mjd"]))) == MOST_TAKES

    assert letters(session) == [(0, "unanswered")]
    assert (
        "does not list the alert of MJD 61220.2 yet"
        in session.scalars(select(DeadLetter.message)).one()
    )


def test_the_newest_alert_of_a_locus_may_be_of_another_survey(session, root):
    with antares({ALERTS: [FOREIGN, NEWEST]}) as server:
        Taker(server.url).reception.take(received(message(FOREIGN["mjd"])))

    assert [row.dia_source_id for row in rows(session)] == [12]


def test_the_alert_that_antares_names_comes_from_our_archive_too(session, root):
    archived(session, 2**60 + 7, packet(7))
    named = alert("lsst:12", 61220.2, **source(str(2**60 + 7)))
    with antares({ALERTS: [named]}) as server:
        Taker(server.url).reception.take(received(message()))

    [row] = rows(session)
    assert (row.science_state, row.extendedness_max) == (
        "present",
        pytest.approx(0.31179, abs=1e-6),
    )


def test_a_line_waits_for_its_images_and_an_absent_one_is_not_waited_for_for_ever(
    session, root, monkeypatch
):
    monkeypatch.setattr("pipeline.selected.thumbnails.AGAIN_S", 0.0)
    kinds = [thumbnail("science", "/s"), thumbnail("template", "/t"), thumbnail("difference", "/d")]
    answers = {ALERTS: [NEWEST], IMAGES: Later(busy, kinds), "/s": WHOLE, "/t": b"<html>"}
    with antares(answers) as server:
        taker = Taker(server.url)
        taker.work(received(message()))
        taker.look()
        assert tree(root) == {}
        taker.look()
        assert [states(row) for row in rows(session)] == [("present", "broken", "wanted")]
        assert [row.csv_seq for row in rows(session)] == [None]
        taker.now = EVENING + timedelta(seconds=WAIT_S)
        taker.look()

    [row] = rows(session)
    assert (states(row), row.csv_seq) == (("present", "broken", "absent"), 1)
    assert tree(root) == expected(session, taker.target)
    assert tree(root)[row.science_path] == WHOLE


def test_a_night_that_is_made_again_asks_once_more_for_what_was_not_there(
    session, root, monkeypatch
):
    kinds = [thumbnail("science", "/s"), thumbnail("template", "/t"), thumbnail("difference", "/d")]
    with antares({ALERTS: [NEWEST], IMAGES: kinds, "/s": WHOLE, "/t": b"<html>"}) as server:
        taker = Taker(server.url)
        taker.work(received(message()))
        taker.now = EVENING + timedelta(seconds=WAIT_S)
        taker.look()
        taker.now = MORNING
        taker.work([])
        before = tree(root)
        assert [states(row) for row in rows(session)] == [("present", "broken", "absent")]

        monkeypatch.setenv("NIGHTJAR_ANTARES__URL", settings(server.url).url)
        config.cache_clear()
        server.known.update({"/t": WHOLE})
        rerun(taker.target.id, EVENING.date(), "dora")

    [row] = rows(session)
    assert states(row) == ("present", "present", "absent")
    assert tree(root)[row.template_path] == WHOLE
    found = {path: each for path, each in tree(root).items() if path.endswith((".csv", ".fits"))}
    assert found == expected(session, taker.target) != before
    run = session.scalars(select(SelectedRun).where(SelectedRun.kind == "rerun")).one()
    assert (run.state, run.missing_cutout_count, run.broken_cutout_count) == ("done", 1, 0)


def states(row):
    return row.science_state, row.template_state, row.difference_state


def test_a_slot_that_had_no_images_does_not_take_those_of_another(session, root):
    kinds = [thumbnail("science", "/s"), thumbnail("template", "/t"), thumbnail("difference", "/d")]
    answers = {ALERTS: [NEWEST], IMAGES: kinds} | dict.fromkeys(("/s", "/t", "/d"), WHOLE)
    with antares(answers) as server:
        one, other = Taker(server.url), Taker(server.url)
        one.work(received(message()))
        [seen_before] = other.thumbnails._wanting()
        one.look()
        server.known.update({IMAGES: busy})
        other.now = EVENING + timedelta(seconds=WAIT_S)
        other.thumbnails._settle(seen_before)

    [row] = rows(session)
    assert (states(row), row.csv_seq) == (("present",) * 3, 1)
    assert tree(root) == expected(session, one.target)


def test_one_process_at_once_asks_for_the_images_of_a_selection(session, root):
    with antares({ALERTS: [NEWEST], IMAGES: []}) as server:
        taker = Taker(server.url)
        taker.work(received(message()))
        with lock(taker.thumbnails.lock):
            taker.look()

    assert server.asked == [ALERTS]


def test_a_batch_whose_time_is_up_is_taken_again_and_its_loci_are_not_given_up(
    session, root, monkeypatch
):
    monkeypatch.setattr("pipeline.selected.reception.MOST_S", 0.0)
    batch = received(message())
    with antares({ALERTS: [NEWEST], f"/v2/loci/{NOBODY}/alerts": []}) as server:
        taker = Taker(server.url)
        for _ in range(2 * MOST_TAKES):
            with pytest.raises(TransientError):
                taker.reception.take(batch)
        monkeypatch.setattr("pipeline.selected.reception.MOST_S", 60.0)
        taker.reception.take(batch)

    assert counts(session) == [(1, 1, 0, 0, 0)]


def test_a_batch_that_is_taken_again_goes_on_where_it_came_to(session, root):
    other = "/v2/loci/ANT2026other/alerts"
    found = alert("lsst:13", 61220.2, **source(13))
    with antares({ALERTS: [NEWEST], other: Later(busy, busy, [found])}) as server:
        batch = received(message(), value(locus(id="ANT2026other")))
        assert takes(Taker(server.url), batch) == 3
        assert server.asked.count(ALERTS) == 1

    assert counts(session) == [(2, 2, 0, 0, 0)]


def test_an_image_that_is_not_there_is_not_asked_for_at_once(session, root):
    with antares({ALERTS: [NEWEST], IMAGES: []}) as server:
        taker = Taker(server.url)
        taker.work(received(message()))
        taker.look()
        taker.look()

    assert AGAIN_S > 0
    assert server.asked == [ALERTS, IMAGES]
