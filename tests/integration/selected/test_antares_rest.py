"""ANTARES's REST interface, over real HTTP with faults."""

import httpx
import pytest

from broker.errors import TransientError
from pipeline.clients.antares import MAX_IMAGE_BYTES, Antares, AntaresError
from tests.standins.antares import Later, alert, antares, settings, thumbnail
from tests.standins.schema_registry import busy, cut, garbage, hanging, moved

ALERTS, IMAGES, IMAGE = "/v2/loci/ANT1/alerts", "/v2/alerts/a1/thumbnails", "/files/s.fits"


def client(url: str, **given: object) -> Antares:
    return Antares(httpx.Client(timeout=0.3), settings(url, **given), sleep=lambda _: None)


def oversized(handler):
    handler.reply(200, b" " * (MAX_IMAGE_BYTES + 1))


@pytest.mark.parametrize(
    ("fault", "error", "cause"),
    [
        (busy, TransientError, "503"),
        (hanging, TransientError, "ReadTimeout"),
        (cut, TransientError, "RemoteProtocolError"),
        (moved, AntaresError, "302"),
        (None, AntaresError, "404"),
        (garbage, AntaresError, "JSONDecodeError"),
        ({"a": 1}, AntaresError, "data is no list"),
        ([{"id": "a", "mjd": "x", "properties": {}}], AntaresError, "ValueError"),
        ([{"id": "a", "mjd": float("nan"), "properties": {}}], AntaresError, "no time"),
        ([{"id": "a", "mjd": 1.0, "properties": None}], AntaresError, "no properties"),
        ([3], AntaresError, "TypeError"),
    ],
)
def test_trouble_with_alerts_is_named(fault, error, cause):
    with (
        antares({ALERTS: fault}) as server,
        client(server.url) as asked,
        pytest.raises(error, match=cause),
    ):
        asked.alerts("ANT1")


def test_a_request_is_tried_as_often_as_allowed_and_no_more():
    with antares({ALERTS: Later(busy, busy, [])}) as server, client(server.url) as asked:
        with pytest.raises(TransientError):
            asked.alerts("ANT1")
        assert server.asked == [ALERTS, ALERTS]
        assert asked.alerts("ANT1") == []


def test_the_newest_alert_is_the_first_wherever_it_stands():
    rows = [alert("b", 61220.5), alert("c", 61221.5), alert("a", 61219.5)]
    with antares({ALERTS: rows}) as server, client(server.url) as asked:
        found = asked.alerts("ANT1")

    assert [one.id for one in found] == ["c", "b", "a"]


def test_a_name_leads_nowhere_else():
    with antares({}) as server, client(server.url) as asked, pytest.raises(AntaresError):
        asked.alerts("../../admin?x=1#")

    assert server.asked == ["/v2/loci/..%2F..%2Fadmin%3Fx%3D1%23/alerts"]


@pytest.mark.parametrize("answer", [None, moved, oversized, b""])
def test_what_is_no_image_is_not_there(answer):
    with antares({IMAGE: answer}) as server, client(server.url) as asked:
        assert asked.image(f"{server.url}{IMAGE}") is None


def test_images_come_only_from_hosts_that_are_allowed():
    with antares({IMAGE: b"SIMPLE"}) as other, antares({IMAGE: b"FITS"}) as server:
        with client(server.url) as asked:
            assert asked.image(f"{other.url}{IMAGE}") is None
            assert asked.image("file:///etc/passwd") is None
            assert asked.image(IMAGE) == b"FITS"
        assert other.asked == []
        with client(server.url, image_hosts=[other.url.removeprefix("http://")]) as asked:
            assert asked.image(f"{other.url}{IMAGE}") == b"SIMPLE"


def test_the_addresses_of_images_are_by_kind():
    rows = [thumbnail("science", "https://x/s"), thumbnail("template", "https://x/t")]
    with antares({IMAGES: rows}) as server, client(server.url) as asked:
        assert asked.image_addresses("a1") == {"science": "https://x/s", "template": "https://x/t"}
