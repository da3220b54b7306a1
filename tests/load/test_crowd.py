"""A crowd signs up: nobody's credential is lost, and Kafka holds exactly what the rows say."""

import time

import psycopg
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


def rows(site):
    """Return principal and state of every credential."""
    with psycopg.connect(site.system.environment["NIGHTJAR_POSTGRES__URL"]) as connection:
        found = connection.execute("SELECT principal, state FROM babamul_credentials").fetchall()
    return dict(found)


def test_no_credential_of_a_crowd_is_lost(site, crowd, capsys):
    strangers, took_s = crowd
    principals = {name for stranger in strangers for name, _ in stranger.logins}
    give_up_at = time.monotonic() + signups.PATIENCE_S
    while set(rows(site).values()) != {"active"}:
        assert time.monotonic() < give_up_at, rows(site)
        time.sleep(1)
    settled_s = max(time.monotonic() - strangers[0].began_s, took_s)

    assert set(rows(site)) == principals
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

    assert rows(site)[stranger.email] == "active"
    with capsys.disabled():
        print(
            f"\nalone: sign-up to password and confirmed grant"
            f" {stranger.activated_s - stranger.began_s:.1f} s, to the first message of both"
            f" credentials {stranger.read_s - stranger.began_s:.1f} s"
        )
