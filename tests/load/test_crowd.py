"""A crowd signs up: nobody's credential is lost, and Kafka holds exactly what the rows say."""

import time

import pytest

from broker import kafka_admin
from tests.load import signups

pytestmark = pytest.mark.slow

SAMPLE = 40
"""Logins that are tried by reading a message; every one is looked up in Kafka's listings."""


@pytest.fixture(scope="module")
def crowd(site, request):
    """Strangers who all have signed up, and the seconds that it took."""
    began = time.monotonic()
    strangers = signups.sign_up_all(site, request.config.getoption("--signups"))
    took_s = time.monotonic() - began
    return strangers, took_s


OWN = """
    SELECT c.principal, c.state FROM babamul_credentials AS c JOIN babamul_users AS u
        ON u.id = c.user_id WHERE u.email = ANY(%s)
"""


def rows(site, *strangers):
    """Return principal and state of every credential of these people."""
    return dict(site.system.sql(OWN, [one.email for one in strangers]))


def test_no_credential_of_a_crowd_is_lost(site, crowd, capsys):
    strangers, took_s = crowd
    principals = {name for stranger in strangers for name, _ in stranger.logins}
    give_up_at = time.monotonic() + signups.PATIENCE_S
    while set((found := rows(site, *strangers)).values()) != {"active"}:
        assert time.monotonic() < give_up_at, found
        time.sleep(0.2)
    settled_s = max(time.monotonic() - strangers[0].began_s, took_s)

    assert set(found) == principals
    assert len(principals) == 2 * len(strangers)
    assert principals <= kafka_admin.listed_secrets()
    rights = kafka_admin.listed_rights()
    assert all(len(rights[name]) == 3 for name in principals)
    with capsys.disabled():
        waits = signups.told([each.activated_s - each.began_s for each in strangers])
        print(
            f"\n{len(strangers)} sign-ups in {took_s:.0f} s; sign-up to password: {waits};"
            f" every credential settled after {settled_s:.0f} s"
        )


def test_what_they_were_shown_opens_the_streams(crowd):
    strangers, _ = crowd
    step = max(1, len(strangers) * 2 // SAMPLE)
    for login in [login for each in strangers for login in each.logins][::step]:
        signups.read_one(login)


def test_a_stranger_alone_reads_soon(site, capsys):
    stranger = signups.Stranger(f"alone.{time.time_ns():x}@example.org")
    signups.sign_up(site, stranger)
    for login in stranger.logins:
        signups.read_one(login)
    stranger.read_s = time.monotonic()

    assert rows(site, stranger)[stranger.email] == "active"
    with capsys.disabled():
        print(
            f"\nalone: sign-up to password and confirmed grant"
            f" {stranger.activated_s - stranger.began_s:.1f} s, to the first message of both"
            f" credentials {stranger.read_s - stranger.began_s:.1f} s"
        )
