"""The vector of the design: an HMAC that was computed with openssl."""

import pytest
from slack_sdk.signature import Clock

from pipeline.clients.slack_signature import is_signed
from pipeline.simulate.slack.clicks import sign

SECRET = "nightjar-test-secret"
AT_S = 1700000000
BODY = b"payload=%7B%22type%22%3A%22block_actions%22%7D"
SIGNATURE = "v0=6fc7f0aa404470055191d5050785d72aeff976c229617a153812413ca81b68b3"


class At(Clock):
    def __init__(self, later_s):
        self._now_s = AT_S + later_s

    def now(self):
        return self._now_s


def believed(secret=SECRET, body=BODY, timestamp=str(AT_S), signature=SIGNATURE, later_s=0):
    return is_signed(secret, body, timestamp, signature, clock=At(later_s))


def test_the_vector_is_believed():
    assert believed()


def test_the_stand_in_signs_the_same():
    assert sign(SECRET, AT_S, BODY) == SIGNATURE


@pytest.mark.parametrize("later_s", [-300, 300])
def test_five_minutes_are_not_too_old(later_s):
    assert believed(later_s=later_s)


@pytest.mark.parametrize("later_s", [-301, 301])
def test_five_minutes_and_a_second_are(later_s):
    assert not believed(later_s=later_s)


@pytest.mark.parametrize(
    "changed",
    [
        {"body": BODY + b" "},
        {"secret": "another"},
        {"secret": ""},
        {"signature": SIGNATURE[:-1] + "4"},
        {"signature": ""},
        {"signature": "v0=é"},
        {"timestamp": str(AT_S + 1)},
        {"timestamp": "yesterday"},
        {"timestamp": "²"},
        {"timestamp": ""},
        {"timestamp": "9" * 5000},
        {"body": b"\xff"},
    ],
    ids=lambda changed: str(changed)[:40],
)
def test_anything_else_is_not(changed):
    assert not believed(**changed)
