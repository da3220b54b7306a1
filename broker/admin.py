"""Read-only admin pages that stay fast on tables of millions of rows."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.core.paginator import Paginator
from django.db import OperationalError, connection, transaction
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from psycopg.errors import QueryCanceled
from typing_extensions import override

if TYPE_CHECKING:  # Django's own classes cannot be subscripted when the code runs
    _Paginator = Paginator[Any]
    _ModelAdmin = admin.ModelAdmin[Any]
else:
    _Paginator = Paginator
    _ModelAdmin = admin.ModelAdmin

PAGED_ROWS = 10_000
"""Rows that pages reach; later pages would be slow, and nobody turns a hundred pages."""
LIST_TIMEOUT_MS = 5_000

_ESTIMATE = """
    WITH wanted AS (SELECT to_regclass(%s) AS id)
    SELECT sum(greatest(c.reltuples, 0))::bigint FROM pg_class AS c, wanted
    WHERE c.relkind = 'r' AND (c.oid = wanted.id
        OR c.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = wanted.id))
    HAVING bool_or(c.reltuples >= 0)
"""
"""Of all partitions of a table that has some: Postgres counts the whole at ANALYZE only."""


class BoundedPaginator(_Paginator):
    """Pages over the first ``PAGED_ROWS`` rows; it never counts more."""

    @cached_property
    def count(self) -> int:
        """Return the number of rows, or ``PAGED_ROWS`` if there are more."""
        rows = self.object_list
        return rows.order_by()[:PAGED_ROWS].count() if isinstance(rows, QuerySet) else len(rows)


class ReasonForm(forms.Form):
    """Why somebody does something; its page is ``admin/ask_reason.html``."""

    why = forms.CharField(
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 3, "cols": 80, "autofocus": True}),
        label="Reason",
        help_text="Kept in the audit trail with your name.",
    )


class ReadOnlyAdmin(_ModelAdmin):
    """Pages that show rows; nobody adds, changes or deletes one by hand."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    @override
    def has_add_permission(self, request: HttpRequest) -> bool:
        """Nobody adds a row by hand."""
        return False

    @override
    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody changes a row by hand."""
        return False

    @override
    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        """Nobody deletes a row by hand."""
        return False


class MirrorAdmin(ReadOnlyAdmin):
    """Pages of one mirror: look, search, filter, follow links; only streams write its rows."""

    paginator = BoundedPaginator
    list_max_show_all = 0
    ordering = ("-pk",)
    sortable_by = ("pk",)
    search_fields = ("pk",)  # shows the box; ``find`` searches

    class Media:
        """What its pages load."""

        css: ClassVar = {"all": ("broker/mirror.css",)}

    @override
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search by ``find``, which uses indexes, not by substrings of every column."""
        term = search_term.strip()
        return (self.find(queryset, term) if term else queryset), False

    def find(self, rows: QuerySet[Any], term: str) -> QuerySet[Any]:
        """Return the rows that ``term`` names."""
        return rows.filter(pk=int(term)) if term.isdecimal() else rows.none()

    @override
    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """Show the list, or say that the filters chosen would read too much."""
        context = {"title": self._list_title(), **(extra_context or {})}
        try:
            with transaction.atomic():
                _bound_statements()
                return self._list(request, context)
        except OperationalError as error:
            if not isinstance(error.__cause__, QueryCanceled) or not request.GET:
                raise
        messages.warning(
            request, "That search would read too many rows. Name an id, or choose fewer filters."
        )
        return redirect(request.path)

    def _list(self, request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
        """Return the list, read whole: what it queries must not run after the bound is gone."""
        response = super().changelist_view(request, context)
        if isinstance(response, TemplateResponse) and "cl" in (response.context_data or {}):
            found: Any = response.context_data
            self.add_to_list(request, found)
        return response

    def add_to_list(self, request: HttpRequest, context: dict[str, Any]) -> None:
        """Add to what the template of the list gets; its queries are bounded as the list's are."""

    def _list_title(self) -> str:
        options = self.model._meta
        name = str(options.verbose_name_plural).capitalize()
        rows = estimated_rows(options.db_table)
        if rows is None or rows <= PAGED_ROWS:
            return name
        return f"{name}: about {rows:,}, of which pages reach the newest {PAGED_ROWS:,}"


def estimated_rows(table: str) -> int | None:
    """Return about how many rows ``table`` has; None if Postgres never estimated it."""
    with connection.cursor() as cursor:
        cursor.execute(_ESTIMATE, [table])
        row = cursor.fetchone()
    return row[0] if row and row[0] is not None and row[0] >= 0 else None


def link(row: Model | None, text: str | None = None) -> SafeString | str:
    """Return a link to a row's admin page, or a dash where there is no row."""
    if row is None:
        return "–"
    options = row._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_change", args=[row.pk])
    return format_html('<a href="{}">{}</a>', url, text or str(row.pk))


def list_link(model: type[Model], text: str, **filters: object) -> SafeString:
    """Return a link to a model's list, filtered."""
    options = model._meta
    url = reverse(f"admin:{options.app_label}_{options.model_name}_changelist", query=filters)
    return format_html('<a href="{}">{}</a>', url, text)


def html_table(headings: Sequence[str], rows: Iterable[Sequence[object]]) -> SafeString:
    """Return an HTML table; every cell is escaped unless it is safe already."""
    head = format_html_join("", "<th scope='col'>{}</th>", ((text,) for text in headings))
    body = format_html_join(
        "",
        "<tr>{}</tr>",
        ((format_html_join("", "<td>{}</td>", ((cell,) for cell in row)),) for row in rows),
    )
    return format_html("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>", head, body)


def _bound_statements() -> None:
    """Bound each further statement of the transaction that is open."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('statement_timeout', %s, true)", [str(LIST_TIMEOUT_MS)])
