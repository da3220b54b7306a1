"""Which e-mail addresses may have an account, and the form in which they are kept."""

import re

_LOCAL = re.compile(r"[A-Za-z0-9._+-]{1,64}")
_LABEL = re.compile(r"[A-Za-z0-9-]+")
_UNSEEN_IN_USERNAME = re.compile(r"[^A-Za-z0-9._-]")
LONGEST = 254
"""Characters of an address that any mail server takes (RFC 5321)."""


class AddressError(Exception):
    """No account can have such an address; the message says which rule it breaks."""


def kept_form(text: str) -> str:
    """Return an address as accounts and Kafka know it: without blanks around, in lower case.

    The letters are judged before they are lowered: some that are not ASCII become ASCII then.

    Raises
    ------
    AddressError
        With the broken rule; the address is not repeated.
    """
    address = text.strip(" \t\r\n")
    if len(address) > LONGEST:
        raise AddressError(f"must have at most {LONGEST} characters")
    local, at, domain = address.partition("@")
    if not at or "@" in domain:
        raise AddressError("must contain exactly one @")
    if not _LOCAL.fullmatch(local):
        raise AddressError("before the @ only letters, digits and . _ + - may stand, at most 64")
    labels = domain.split(".")
    if len(labels) < 2 or not all(_LABEL.fullmatch(label) for label in labels):  # noqa: PLR2004 a name and its top-level domain
        raise AddressError("after the @ must stand a domain such as example.org")
    if not display_name(address):
        raise AddressError("before the @ must stand a letter, a digit or one of . _ -")
    return address.lower()


def display_name(address: str) -> str:
    """Return what a person is called here: the local part without ``+``; may be empty."""
    return _UNSEEN_IN_USERNAME.sub("", address.partition("@")[0].lower())
