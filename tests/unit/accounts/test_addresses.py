"""Addresses: what may have an account, and in which form it is kept."""

import pytest

from accounts.addresses import AddressError, display_name, kept_form

KEPT = {
    "plain": ("vera@example.org", "vera@example.org"),
    "blanks around": ("  vera@example.org\n", "vera@example.org"),
    "capitals": ("Vera.Rubin@Example.ORG", "vera.rubin@example.org"),
    "plus": ("vera+kafka@example.org", "vera+kafka@example.org"),
    "two labels": ("v@a.b", "v@a.b"),
}
REFUSED = {
    "no at": "vera.example.org",
    "two at": "vera@x@example.org",
    "empty": "",
    "no local part": "@example.org",
    "one label": "vera@localhost",
    "empty label": "vera@example..org",
    "dot at the end": "vera@example.org.",
    "blank inside": "ve ra@example.org",
    "a second header": "vera@example.org\nBcc: all@example.org",
    "quotes": '"vera"@example.org',
    "nothing but plus": "+@example.org",
    "no ASCII": "véra@example.org",
    "Kelvin sign, whose small letter is k": "\u212aepler@example.org",
    "domain with Kelvin sign": "kepler@\u212a.org",
    "NUL": "vera\x00@example.org",
    "other digits": "vera٣@example.org",
    "too long": "v" * 65 + "@example.org",
    "far too long": "v@" + "a." * 200 + "org",
}


@pytest.mark.parametrize(("text", "kept"), KEPT.values(), ids=KEPT)
def test_an_address_is_kept_trimmed_and_lower_case(text, kept):
    assert kept_form(text) == kept


@pytest.mark.parametrize("text", REFUSED.values(), ids=REFUSED)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(AddressError):
        kept_form(text)


def test_the_display_name_is_the_local_part_without_plus():
    assert display_name("Vera+Kafka@example.org") == "verakafka"
