"""How long a log-in and a forgotten password take, by who asks: the time must tell nobody apart."""

import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from django.test import Client

from accounts import passwords
from accounts.models import BabamulUser
from tests.bench_api.profiles import SEED

ROUNDS = 40
ALIKE = 0.10
"""Largest difference between medians of one group, of the smallest."""
RIGHT = "Correct-horse-7"
STATES = {"known": "active", "inactive": "inactive", "suspended": "suspended"}
GROUPS = {
    "log-in refused": ("unknown", "wrong password", "inactive", "suspended"),
    "forgotten password": ("forgot, unknown", "forgot, known"),
}


def medians(host: Mapping[str, str], rounds: int = ROUNDS) -> dict[str, float]:
    """Return the median of each kind [ms]; the kinds are asked by turns, in a drawn order."""
    _make_accounts()
    kinds = _kinds(Client(headers=dict(host)))
    rng = np.random.default_rng(SEED)
    times_ms: dict[str, list[float]] = {name: [] for name in kinds}
    for ask in kinds.values():
        ask()
    for _ in range(rounds):
        for name in rng.permutation(list(kinds)):
            begun = time.perf_counter()
            kinds[name]()
            times_ms[name].append(1000 * (time.perf_counter() - begun))
    return {name: float(np.median(each)) for name, each in times_ms.items()}


def lines(found: Mapping[str, float]) -> list[str]:
    """Return the medians as text."""
    return [f"{name:42}{median_ms:9.1f}" for name, median_ms in found.items()]


def failures(found: Mapping[str, float]) -> list[str]:
    """Return the groups whose medians differ by more than they may."""
    wrong = []
    for group, names in GROUPS.items():
        low_ms, high_ms = (pick(found[name] for name in names) for pick in (min, max))
        if high_ms > low_ms * (1 + ALIKE):
            wrong.append(f"{group}: medians from {low_ms:.1f} to {high_ms:.1f} ms")
    return wrong


def _make_accounts() -> None:
    BabamulUser.objects.filter(email__endswith="@logins.example.org").delete()
    for name, state in STATES.items():
        BabamulUser.objects.create(
            email=f"{name}@logins.example.org",
            username=name,
            state=state,
            password=passwords.UNUSABLE if state == "inactive" else passwords.hashed(RIGHT),
        )


def _kinds(client: Client) -> dict[str, Callable[[], Any]]:
    def log_in(name: str, password: str) -> Callable[[], Any]:
        body = {"email": f"{name}@logins.example.org", "password": password}
        return lambda: client.post("/babamul/auth", body, content_type="application/json")

    def forget(name: str) -> Callable[[], Any]:
        body = {"email": f"{name}@logins.example.org"}
        path = "/babamul/forgot-password"
        return lambda: client.post(path, body, content_type="application/json")

    return {
        "unknown": log_in("nobody", RIGHT),
        "wrong password": log_in("known", "wrong"),
        "inactive": log_in("inactive", RIGHT),
        "suspended": log_in("suspended", RIGHT),
        "right password": log_in("known", RIGHT),
        "forgot, unknown": forget("nobody"),
        "forgot, known": forget("known"),
    }
