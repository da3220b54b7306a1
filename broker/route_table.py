"""``docs/routes.md``: every URL and who may open it, written from what each view declares."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from django.urls import URLPattern, URLResolver, get_resolver

from broker.access import Access, declared
from broker.config import ROOT

COMMAND = "python manage.py route_table"
FILE: Path = ROOT / "docs/routes.md"
ADMIN = "admin"
WHO = {
    "public": "anybody",
    "account": "a browser that an account is signed in with",
    "api": "a bearer token of an account",
    "staff": "staff",
}
_HEAD = f"""\
# Every URL and who may open it

Written by `{COMMAND}` from what each view declares; `tests/contracts/test_access.py` tries every
kind of credential on every one. What the words mean stands in [web.md](web.md). Below `/admin/`
each page asks for staff, and for Django's permissions of its table.

| URL | opened by |
|---|---|
"""


def table() -> str:
    """Return the text of the file.

    Raises
    ------
    ValueError
        Naming a URL whose view declares nothing.
    """
    rows = sorted(set(_rows(get_resolver().url_patterns)))
    return _HEAD + "".join(f"| `{route}` | {who} |\n" for route, who in rows)


def _rows(
    patterns: Sequence[URLPattern | URLResolver], before: str = "/"
) -> Iterator[tuple[str, str]]:
    for each in patterns:
        route = before + str(each.pattern)
        if isinstance(each, URLPattern):
            yield route, _who(route, declared(each.callback))
        elif each.app_name == ADMIN:
            yield f"{route}…", WHO["staff"]
        else:
            yield from _rows(each.url_patterns, route)


def _who(route: str, access: Access | None) -> str:
    if access is None:
        raise ValueError(f"{route} declares no access")
    roles = f": {', '.join(access.roles)}" if access.roles else ""
    return WHO[access.kind] + roles
