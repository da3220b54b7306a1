"""Images for alerts: fetched once, tried again while they are late, told when they are missing."""

import gzip
from datetime import UTC, datetime
from io import BytesIO

import pytest
from astropy.io import fits
from sqlalchemy import select, text, update
from sqlalchemy.orm import Session

from broker.db import lock
from broker.dead_letters import DeadLetter
from pipeline.lasair import stamps, tasks
from pipeline.lasair.fetch import ASKING
from pipeline.lasair.message import LasairMessage
from pipeline.lasair.tables import StampRequest
from pipeline.selected.tables import OutputFile
from pipeline.simulate import fits as simple_fits
from pipeline.simulate.alerce import Shown, StandIn
from pipeline.simulate.lasair import ABSENT, LATE, LasairObject, find
from pipeline.simulate.serving import running
from tests.standins.schema_registry import Answers, busy, serving

pytestmark = pytest.mark.integration

OID, JD = "ZTF18abcdefg", 2460824.0
AT = datetime(2025, 5, 28, 12, tzinfo=UTC)
STEM = "images/by_date/2025-05-28/ZTF18abcdefg_2025-05-28T12-00-00.000"
PAST = text("now() - interval '1 second'")
KILLED_AT = ("image_written",)


class Died(BaseException):
    """What kill -9 is to a test of one process."""


def image(value=1.0):
    import numpy as np

    return gzip.compress(simple_fits.primary(np.full((5, 4), value, np.float32)))


IMAGES = {"science": image(1), "template": image(2), "difference": image(3)}


@pytest.fixture
def request_id(session: Session, root) -> int:
    return ask(session)


def ask(session: Session, jd: float | None = JD, object_id: str = OID) -> int:
    said = LasairMessage(object_id, jd, AT, {})
    [found] = stamps.want(session, "ztf", [said])
    return found


def shown(images, jd=JD, number=17) -> Shown:
    return Shown(number, jd - 2_400_000.5, images)


def look(session: Session, set_up, request_id: int, *known: Shown, times: int = 1) -> StampRequest:
    """Let the request look at a stand-in; return its row."""
    with running(StandIn(lambda *_: known)) as standin:
        point_at(set_up, standin)
        for _ in range(times):
            session.execute(update(StampRequest).values(not_before=PAST))
            stamps.run(request_id, "me")
    return row(session, request_id)


def point_at(set_up, standin) -> None:
    given = {n.removeprefix("NIGHTJAR_").lower(): v for n, v in standin.settings.items()}
    set_up(**given)


def row(session: Session, request_id: int) -> StampRequest:
    session.expire_all()
    return session.get_one(StampRequest, request_id)


def states(found: StampRequest) -> tuple[str, str, str, str]:
    return found.state, found.science_state, found.template_state, found.difference_state


def files(root) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())


def test_without_a_place_to_ask_nothing_is_fetched(session, root, request_id):
    stamps.run(request_id, "me")

    found = row(session, request_id)
    assert found.state == "skipped"
    assert "alerce.ztf_url" in (found.last_error or "")
    assert files(root) == []


def test_a_server_that_is_away_is_asked_again_and_the_last_attempt_fails(
    session, set_up, request_id
):
    class _Busy(Answers):
        def answer(self):
            busy(self)

    with serving(_Busy, {}) as server:
        set_up(alerce__ztf_url=server.url, alerce__ztf_stamps_url=server.url)
        stamps.run(request_id, "me")
        first = row(session, request_id)
        assert (first.state, first.attempts, first.looks) == ("wanted", 1, 0)
        assert "503" in (first.last_error or "")
        session.execute(update(StampRequest).values(not_before=PAST, attempts=stamps.ATTEMPTS - 1))
        stamps.run(request_id, "me")

    assert row(session, request_id).state == "failed"


def test_an_answer_that_cannot_be_read_is_no_use_to_repeat(session, set_up, request_id):
    class _Odd(Answers):
        def answer(self):
            self.reply(200, b"<html>")

    with serving(_Odd, {}) as server:
        set_up(alerce__ztf_url=server.url, alerce__ztf_stamps_url=server.url)
        stamps.run(request_id, "me")

    assert row(session, request_id).state == "failed"


def test_while_another_process_asks_it_waits_uncounted(session, set_up, request_id):
    with running(StandIn(lambda *_: [shown(IMAGES)])) as standin, lock(ASKING):
        point_at(set_up, standin)
        stamps.run(request_id, "me")
        assert standin.asked == []

    found = row(session, request_id)
    assert (found.state, found.attempts) == ("wanted", 0)


def test_three_images_are_written_as_fits_and_png(session, root, set_up, request_id):
    found = look(session, set_up, request_id, shown(IMAGES))

    assert states(found) == ("done", "present", "present", "present")
    assert (found.place, found.detection_id) == ("alerce", 17)
    kinds = ("difference", "science", "template")
    assert files(root) == [f"{STEM}_{kind}.{end}" for kind in kinds for end in ("fits", "png")]
    content = (root / f"{STEM}_template.fits").read_bytes()
    assert content == gzip.decompress(IMAGES["template"])
    assert fits.getdata(BytesIO(content)).tolist() == [[2.0] * 4] * 5
    assert (root / f"{STEM}_science.png").read_bytes().startswith(b"\x89PNG")
    noted = session.scalars(select(OutputFile.path).where(OutputFile.kind == "image")).all()
    assert sorted(noted) == files(root)


def test_what_is_there_is_kept_and_the_rest_is_looked_for_again(session, root, set_up, request_id):
    without = {kind: IMAGES[kind] for kind in ("science", "difference")}

    first = look(session, set_up, request_id, shown(without))
    assert states(first) == ("wanted", "present", "absent", "present")
    assert (first.looks, first.attempts) == (1, 0)
    with running(StandIn(lambda *_: [shown(IMAGES)])) as standin:
        point_at(set_up, standin)
        session.execute(update(StampRequest).values(not_before=PAST))
        stamps.run(request_id, "me")
        asked = [path for path in standin.asked if "get_stamp" in path]

    assert states(row(session, request_id)) == ("done", "present", "present", "present")
    assert len(asked) == 1
    assert "type=template" in asked[0]


def test_rests_grow_to_a_day_and_then_it_is_missing(session, set_up, request_id):
    rests = []
    with running(StandIn(lambda *_: [])) as standin:
        point_at(set_up, standin)
        for _ in range(len(stamps.LOOK_AGAIN_S) + 1):
            session.execute(update(StampRequest).values(not_before=PAST))
            stamps.run(request_id, "me")
            found = row(session, request_id)
            if found.state == "wanted":
                rests.append(round((found.ring_at - found.created_at).total_seconds()))

    assert rests == [300, 1800, 7200, 43_200, 86_400]
    assert states(found) == ("failed", "absent", "absent", "absent")
    assert found.last_error == "science absent, template absent, difference absent"


def test_an_older_detection_is_not_taken_for_the_wanted_one(session, set_up, request_id):
    found = look(session, set_up, request_id, shown(IMAGES, JD - 3))

    assert states(found)[1:] == ("absent", "absent", "absent")
    assert found.detection_id is None


def test_without_a_date_the_nearest_detection_counts(session, root, set_up):
    request_id = ask(session, jd=None)
    near, far = shown(IMAGES, JD - 3), shown({}, JD - 9, number=16)

    found = look(session, set_up, request_id, far, near)

    assert states(found)[0] == "done"


@pytest.mark.parametrize(
    "content",
    [b"\x1f\x8bnot gzip", gzip.compress(b"no FITS"), gzip.compress(b"SIMPLE  = T"), b"SIMPLE"],
    ids=["no gzip", "no FITS", "short", "a word"],
)
def test_a_broken_image_is_told_and_not_written(session, root, set_up, request_id, content):
    found = look(session, set_up, request_id, shown(IMAGES | {"science": content}))

    assert states(found) == ("failed", "broken", "present", "present")
    assert found.last_error == "science broken"
    assert not [name for name in files(root) if "science" in name]


@pytest.mark.parametrize(
    ("number", "looks", "end"), [(LATE, 2, "done"), (ABSENT, 6, "failed"), (1, 1, "done")]
)
def test_the_demos_objects_are_there_late_or_absent(session, root, set_up, number, looks, end):
    one = LasairObject(number, "ztf")
    detection = one.detections(datetime.now(UTC).date())[-1]
    request_id = ask(session, detection.mjd + 2_400_000.5, one.id)

    with running(StandIn(find)) as standin:
        point_at(set_up, standin)
        for look_number in range(1, looks + 1):
            session.execute(update(StampRequest).values(not_before=PAST))
            stamps.run(request_id, "me")
            state = row(session, request_id).state
            assert state == (end if look_number == looks else "wanted")


def test_the_sweeper_rings_what_is_due(session, request_id, monkeypatch):
    rung = []
    monkeypatch.setattr(stamps, "enqueue", lambda *ring: rung.append(ring))
    tasks.sweep()
    session.execute(update(StampRequest).values(ring_at=PAST))
    tasks.sweep()
    tasks.sweep()

    assert rung == [("lasair.stamps", "sinks.here", request_id)]


def test_the_sweeper_rings_at_the_host_whose_files_they_are(session, request_id, monkeypatch):
    rung = []
    monkeypatch.setattr(stamps, "enqueue", lambda *ring: rung.append(ring))
    monkeypatch.setattr(tasks, "is_heard", lambda queue: queue != "sinks.dead")
    other, nobodys = (ask(session, object_id=f"ZTF18{name}") for name in ("bbbbbbb", "ccccccc"))
    for moved_id, host in ((other, "there"), (nobodys, "dead")):
        session.execute(update(StampRequest).filter_by(id=moved_id).values(host=host))
    session.execute(update(StampRequest).values(ring_at=PAST))
    session.commit()

    tasks.sweep()

    assert sorted(rung) == [
        ("lasair.stamps", "sinks.here", request_id),
        ("lasair.stamps", "sinks.there", other),
    ]


@pytest.mark.parametrize("place", KILLED_AT)
def test_whoever_follows_a_dead_worker_leaves_the_same_files(
    session, root, set_up, request_id, monkeypatch, place
):
    def die(name: str) -> None:
        if name == place:
            raise Died

    with monkeypatch.context() as patch:
        patch.setattr(stamps, "failpoint", die)
        with pytest.raises(Died):
            look(session, set_up, request_id, shown(IMAGES))
    before = {name: (root / name).read_bytes() for name in files(root)}
    session.execute(update(StampRequest).values(lease_until=PAST))

    found = look(session, set_up, request_id, shown(IMAGES))

    assert (found.state, found.attempts) == ("done", 2)
    assert {name: (root / name).read_bytes() for name in files(root)} == before
    assert len(before) == 6


def test_who_lost_the_request_writes_nothing_down(session, set_up, request_id, monkeypatch):
    fetched = stamps.fetch

    def lose(wanted):
        session.execute(update(StampRequest).values(owner="another"))
        return fetched(wanted)

    monkeypatch.setattr(stamps, "fetch", lose)
    found = look(session, set_up, request_id, shown(IMAGES))

    assert states(found) == ("running", "wanted", "wanted", "wanted")
    assert session.scalars(select(OutputFile)).all() == []
    assert session.scalars(select(DeadLetter)).all() == []
