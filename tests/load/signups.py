"""Strangers who sign up at once, each as a program would: REST, the mail's code, REST, Kafka."""

import json
import re
import statistics
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from broker.config import config
from tests.consumers import consumer, next_word
from tests.e2e.site import Site

AT_ONCE = 8
PATIENCE_S = 600.0
ANSWER_S = 60.0
LIMITS = {
    f"NIGHTJAR_ACCOUNTS__{name}": "1000000"
    for name in ("SIGNUPS_PER_IP_H", "SIGNUPS_H", "ACTIVATIONS_PER_IP_H")
}
"""Raised for a crowd from one address; in force they are a sign-up a minute and 200 an hour."""


@dataclass
class Stranger:
    """Somebody who signs up, and what came of it.

    Attributes
    ----------
    email : str
        Their address.
    logins : list of (str, str)
        User names and passwords that they were shown: by address, and named.
    began_s, activated_s, read_s : float
        When they asked, had a password, and had read a message [s, monotonic].
    """

    email: str
    logins: list[tuple[str, str]] = field(default_factory=list)
    began_s: float = 0.0
    activated_s: float = 0.0
    read_s: float = 0.0


def sign_up_all(site: Site, count: int) -> list[Stranger]:
    """Let strangers sign up and activate, eight at a time; return them."""
    mark = f"{time.time_ns():x}"
    strangers = [Stranger(f"stranger{number}.{mark}@example.org") for number in range(count)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        list(pool.map(lambda stranger: sign_up(site, stranger), strangers))
    return strangers


def sign_up(site: Site, stranger: Stranger) -> None:
    """Sign up, wait for the mail, activate."""
    stranger.began_s = time.monotonic()
    post(site, "signup", {"email": stranger.email})
    code = code_for(site, stranger.email)
    made = post(site, "activate", {"email": stranger.email, "activation_code": code})
    stranger.activated_s = time.monotonic()
    named = made["credential"]
    stranger.logins = [
        (made["kafka_username"], made["password"]),
        (named["kafka_username"], named["kafka_password"]),
    ]


def post(site: Site, route: str, body: dict[str, Any]) -> dict[str, Any]:
    """Ask REST as nobody; return what was answered, without its envelope."""
    return ask(site, "POST", route, body=body)


def ask(
    site: Site, method: str, route: str, token: str = "", body: dict[str, Any] | None = None
) -> dict[str, Any]:
    """Ask REST, with a bearer token if there is one; return the answer without its envelope."""
    headers = {"Content-Type": "application/json"}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    request = urllib.request.Request(
        f"{site.url}/babamul/{route}", json.dumps(body or {}).encode(), headers, method=method
    )
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        raise AssertionError(f"{route}: {error.code} {error.read()[:500]!r}") from None
    return found.get("data") or found


def code_for(site: Site, email: str) -> str:
    """Wait for the mail to an address; return the code in its link."""
    give_up_at = time.monotonic() + PATIENCE_S
    while not (mails := site.mails.to(email)):
        assert time.monotonic() < give_up_at, f"no mail for {email}: {site.system.tails()}"
        time.sleep(0.1)
    body = mails[-1].get_body(("plain",))
    found = re.search(r"activation_code=([\w-]+)", body.get_content() if body else "")
    assert found, "no code in the mail"
    return found[1]


def read_one(login: tuple[str, str], topic: str = "babamul.ztf-test") -> None:
    """Read one message as a person's consumer does."""
    username, password = login
    group = f"{username if '@' not in username else 'babamul-crowd'}-{time.time_ns()}"
    reading = consumer(username, password, config().kafka.public_servers, group)
    reading.subscribe([topic])
    assert next_word(reading) == "message", username
    reading.close()


def told(values_s: Sequence[float]) -> str:
    """Return median, 95th percentile and longest of some times."""
    ordered = sorted(values_s)
    p95 = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    return (
        f"median {statistics.median(ordered):.1f} s, p95 {p95:.1f} s, longest {ordered[-1]:.1f} s"
    )
