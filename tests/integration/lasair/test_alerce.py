"""ALeRCE, over real HTTP with faults, and its stand-in with real stamps."""

import pytest

from broker.errors import TransientError
from broker.sections.lasair import AlerceSettings
from pipeline.clients.alerce import MAX_STAMP_BYTES, Alerce, AlerceError, Detection, is_set
from pipeline.simulate.alerce import Shown, StandIn
from pipeline.simulate.serving import running
from tests.samples import ztf_originals
from tests.standins.schema_registry import Answers, busy, cut, garbage, hanging, moved, serving

OID, CANDID = "ZTF18abcdefg", 697251920715010005
DETECTIONS = f"/ztf/v1/objects/{OID}/detections"
STAMP = f"/get_stamp?oid={OID}&candid={CANDID}&type=science&format=fits"


class _Paths(Answers):
    """Answers from ``server.known``: path to bytes or to a fault."""

    def answer(self) -> None:
        found = self.server.known.get(self.path)
        if callable(found):
            found(self)
        else:
            self.reply(404 if found is None else 200, found or b"<h1>Not Found</h1>")


def client(url: str, **given: float) -> Alerce:
    settings = {"connect_timeout_s": 1, "read_timeout_s": 0.3, "requests_per_s": 1000}
    places = {"ztf_url": f"{url}/ztf/v1/", "ztf_stamps_url": url, "lsst_url": url}
    return Alerce.from_settings(AlerceSettings(**settings | places | given))


def detections(answer):
    with serving(_Paths, {DETECTIONS: answer}) as server, client(server.url) as alerce:
        return alerce.detections("ztf", OID)


def stamp(answer):
    with serving(_Paths, {STAMP: answer}) as server, client(server.url) as alerce:
        return alerce.stamp("ztf", OID, CANDID, "science")


def oversized(handler):
    handler.reply(200, b"\x1f\x8b" + b" " * MAX_STAMP_BYTES)


@pytest.mark.parametrize(
    ("fault", "error", "cause"),
    [
        (busy, TransientError, "503"),
        (hanging, TransientError, "ReadTimeout"),
        (cut, TransientError, "RemoteProtocolError"),
        (moved, AlerceError, "302"),
        (garbage, AlerceError, "JSONDecodeError"),
        (b'{"detections": 1}', AlerceError, "AttributeError"),
        (b'[{"has_stamp": true, "mjd": "x", "candid": 1}]', AlerceError, "ValueError"),
        (b'[{"has_stamp": true, "mjd": 58450.1}]', AlerceError, "candid"),
    ],
)
def test_trouble_with_detections_is_named(fault, error, cause):
    with pytest.raises(error, match=cause):
        detections(fault)


@pytest.mark.parametrize("fault", [busy, hanging, cut])
def test_a_server_that_is_away_is_asked_for_an_image_again(fault):
    with pytest.raises(TransientError):
        stamp(fault)


@pytest.mark.parametrize("answer", [None, garbage, moved, oversized, b"", b"SIMPL"])
def test_what_is_no_image_is_not_there(answer):
    assert stamp(answer) is None


def test_a_server_that_does_not_listen_is_away():
    with client("http://127.0.0.1:1") as alerce, pytest.raises(TransientError, match="Connect"):
        alerce.detections("ztf", OID)


def test_an_object_that_is_not_known_has_no_detections():
    assert detections(None) == []


def test_detections_without_images_are_left_out():
    rows = (
        b'[{"has_stamp": false, "mjd": 58449.5, "candid": "1"},'
        b' {"has_stamp": true, "mjd": 58450.25, "candid": "697251920715010005"}]'
    )

    assert detections(rows) == [Detection(CANDID, 2458450.75)]


def test_a_name_leads_nowhere_else():
    with serving(_Paths, {}) as server, client(server.url) as alerce:
        assert alerce.detections("ztf", "../../admin?x=1#") == []
        assert alerce.stamp("ztf", "a&candid=9", 1, "science") is None

    assert server.asked == [
        "/ztf/v1/objects/..%2F..%2Fadmin%3Fx%3D1%23/detections",
        "/get_stamp?oid=a%26candid%3D9&candid=1&type=science&format=fits",
    ]


class _Clock:
    """Time that goes on only while somebody sleeps."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return 1000.0 + sum(self.slept)

    def sleep(self, pause_s: float) -> None:
        self.slept.append(pause_s)


def test_one_client_after_the_other_asks_no_more_often_than_allowed(monkeypatch):
    clock = _Clock()
    monkeypatch.setattr("pipeline.clients.alerce.time", clock)
    with serving(_Paths, {}) as server:
        for _ in range(3):
            with client(server.url, requests_per_s=2) as alerce:
                alerce.detections("ztf", OID)
                alerce.detections("ztf", OID)

    assert clock.slept == [0.5] * 6


@pytest.mark.samples
def test_a_real_stamp_comes_as_it_is_late_and_absent_ones_do_not():
    packet = ztf_originals()[0].record
    images = {
        kind: packet[f"cutout{kind.capitalize()}"]["stampData"]
        for kind in ("science", "difference")
    }
    jd = packet["candidate"]["jd"]
    shown = Shown(packet["candid"], jd - 2_400_000.5, images, late=1)
    oid = packet["objectId"]

    def find(_survey, name):
        return [shown] if name == oid else []

    with running(StandIn(find)) as standin, client(standin.url) as alerce:
        [found] = alerce.detections("ztf", oid)
        looks = [alerce.stamp("ztf", oid, found.id, "science") for _ in range(2)]
        absent = [alerce.stamp("ztf", oid, found.id, "template") for _ in range(2)]
        unknown = alerce.stamp("ztf", "ZTF99zzzzzzz", found.id, "science")

    assert found == Detection(packet["candid"], pytest.approx(jd, abs=1e-8))
    assert looks == [None, images["science"]]
    assert absent == [None, None]
    assert unknown is None


def test_times_and_names_of_lsst():
    """2026-06-29 05:42:57.249 UTC: surveys.md §2."""
    shown = Shown(170032915988086813, 61220.238590839246, {"difference": b"SIMPLE  ="})

    def find(survey, _name):
        return [shown] if survey == "lsst" else []

    with running(StandIn(find)) as standin, client(standin.url) as alerce:
        [found] = alerce.detections("lsst", "17")
        image = alerce.stamp("lsst", "17", found.id, "difference")

    assert found.id == shown.id
    assert found.jd_utc == pytest.approx(2461220.7381626, abs=1e-6)
    assert image == b"SIMPLE  ="


@pytest.mark.parametrize(
    ("given", "survey", "expected"),
    [({}, "ztf", True), ({"ztf_url": ""}, "ztf", False), ({"lsst_url": ""}, "lsst", False)],
)
def test_a_service_without_an_address_is_not_asked(given, survey, expected):
    assert is_set(AlerceSettings(**given), survey) is expected
