"""The table of URLs is what the views declare."""

import pytest
from django.urls import path

from broker import route_table
from broker.access import PUBLIC, access, staff


@access(PUBLIC)
def shown(_request):
    """A page for everybody."""


@access(staff("operator", "admin"))
def governed(_request):
    """A page for some of staff."""


def test_the_committed_table_is_what_the_views_say():
    assert route_table.FILE.read_text() == route_table.table(), f"run: {route_table.COMMAND}"


def test_a_row_names_the_roles():
    rows = route_table._rows([path("a/<int:number>", shown), path("b", governed)])

    assert list(rows) == [("/a/<int:number>", "anybody"), ("/b", "staff: operator, admin")]


def test_a_view_that_says_nothing_has_no_row():
    with pytest.raises(ValueError, match="/c declares no access"):
        list(route_table._rows([path("c", lambda _request: None)]))
