"""Whose address a request comes from."""

import runpy

import pytest
from django.test import RequestFactory

from broker import limits
from broker.config import ROOT, build


@pytest.mark.parametrize(
    ("proxies", "header", "address"),
    [
        (0, None, "192.0.2.1"),
        (0, "203.0.113.9", "192.0.2.1"),
        (1, None, "192.0.2.1"),
        (1, "203.0.113.9", "203.0.113.9"),
        (1, "10.0.0.1, 203.0.113.9", "203.0.113.9"),
        (2, "10.0.0.1, 203.0.113.9, 198.51.100.2", "203.0.113.9"),
        (2, "203.0.113.9", "192.0.2.1"),
        (1, "no address", "192.0.2.1"),
        (1, "2001:DB8::1", "2001:db8::1"),
    ],
)
def test_only_what_our_own_proxies_wrote_is_believed(monkeypatch, proxies, header, address):
    settings = build({"NIGHTJAR_WEB__TRUSTED_PROXIES": str(proxies)})
    monkeypatch.setattr(limits, "config", lambda: settings)
    headers = {"x-forwarded-for": header} if header else {}

    request = RequestFactory().get("/", headers=headers, REMOTE_ADDR="192.0.2.1")

    assert limits.client_ip(request) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("", ""),
    ],
)
def test_an_ipv6_address_counts_with_its_network(address, network):
    assert limits.network(address) == network


def test_threads_are_left_to_pages_and_one_client_finds_room_for_all_that_it_sends():
    threads = runpy.run_path(str(ROOT / "gunicorn.conf.py"))["threads"]

    assert threads - limits.THREADS >= 4
    assert build({}).limits.searches + limits.WAITING <= limits.THREADS
