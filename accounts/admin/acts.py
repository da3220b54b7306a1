"""Pages that show rows and offer acts: each act has a page of its own that asks for a reason."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_http_methods
from typing_extensions import override

from accounts.governing import GoverningError
from accounts.models import AuditEntry
from accounts.principals import NAMED
from broker.admin import ReadOnlyAdmin, ReasonForm

GOVERN = "accounts.govern_babamuluser"
SHOWN_ENTRIES = 20


@dataclass(frozen=True)
class Act:
    """Something that staff may do to a row.

    Attributes
    ----------
    word : str
        In the address.
    title : str
        On the button.
    means : str
        What happens, said before it does.
    done : str
        What is told afterwards.
    run : callable
        Takes the row, the actor and the reason; a GoverningError says why not.
    states : tuple of str
        States of the row in which it is offered; empty: in every one.
    """

    word: str
    title: str
    means: str
    done: str
    run: Callable[[Any, str, str], None]
    states: tuple[str, ...] = ()


class ShownAdmin(ReadOnlyAdmin):
    """Pages of one table: look, search, filter; what may be done are ``acts``."""

    acts: tuple[Act, ...] = ()
    target = ""
    """Begins a row's name in the audit trail."""
    key = "uuid"
    """Of what kind the rows' keys are, as addresses have it."""
    change_form_template = "admin/accounts/shown.html"

    @override
    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        """Search; a consumer group stands for the credential whose name begins it."""
        named = NAMED.match(search_term.strip())
        return super().get_search_results(request, queryset, named[0] if named else search_term)

    def may_act(self, request: HttpRequest) -> bool:
        """Return whether this member of staff may do what is offered."""
        return bool(request.user.has_perm(GOVERN))

    @override
    def get_urls(self) -> list[URLPattern]:
        """Add a page for each act."""
        name = f"{self.opts.app_label}_{self.opts.model_name}_act"
        page = self.admin_site.admin_view(self.act)
        return [path(f"<{self.key}:key>/do/<str:word>/", page, name=name), *super().get_urls()]

    @override
    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Show a row, what may be done to it, what it has, and what was done."""
        context: dict[str, Any] = {"title": str(self.opts.verbose_name).capitalize()}
        row = self.get_object(request, object_id)
        if row is not None and self.has_view_permission(request, row):
            context |= {
                "acts": self._offered(row) if self.may_act(request) else [],
                "entries": AuditEntry.objects.filter(target=f"{self.target}:{row.pk}").order_by(
                    "-at"
                )[:SHOWN_ENTRIES],
                **self.more(request, row),
            }
        return super().change_view(
            request, object_id, form_url, {**context, **(extra_context or {})}
        )

    def more(self, request: HttpRequest, row: Any) -> dict[str, Any]:  # noqa: ARG002 for subclasses
        """Return what else the page of ``row`` shows to whoever asks."""
        return {}

    @method_decorator(require_http_methods(["GET", "HEAD", "POST"]))
    def act(self, request: HttpRequest, key: uuid.UUID | int, word: str) -> HttpResponse:
        """Ask for a reason and do it."""
        row, act = self._find_act(request, key, word)
        form = ReasonForm(request.POST if request.method == "POST" else None)
        if form.is_bound and form.is_valid():
            self._do(request, row, act, form.cleaned_data["why"])
            page = "change" if self.get_queryset(request).filter(pk=key).exists() else "changelist"
            name = f"admin:{self.opts.app_label}_{self.opts.model_name}_{page}"
            return redirect(name, key) if page == "change" else redirect(name)
        context = {
            **self.admin_site.each_context(request),
            "title": f"{act.title}: {row}",
            "opts": self.opts,
            "media": self.media,
            "row": row,
            "act": act,
            "form": form,
        }
        return TemplateResponse(request, "admin/accounts/act.html", context)

    def _do(self, request: HttpRequest, row: Any, act: Act, why: str) -> None:
        name = f"{self.opts.verbose_name} {row}"  # a bare name would get a capital letter
        try:
            act.run(row, f"staff:{request.user.get_username()}", why)
        except GoverningError as error:
            messages.error(request, f"{name}: {error}.")
        else:
            messages.success(request, f"{name}: {act.done}")

    def _find_act(self, request: HttpRequest, key: uuid.UUID | int, word: str) -> tuple[Any, Act]:
        """Return row and act of an address."""
        if not self.has_view_permission(request) or not self.may_act(request):
            raise PermissionDenied
        row = self.get_object(request, str(key))
        if row is None:
            raise Http404("no such row")
        for act in self.acts:
            if act.word == word:
                return row, act
        raise Http404("no such act")

    def _offered(self, row: Any) -> list[dict[str, str]]:
        return [
            {"title": act.title, "url": self._url(row, act)}
            for act in self.acts
            if not act.states or row.state in act.states
        ]

    def _url(self, row: Any, act: Act) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_act"
        return reverse(name, args=(row.pk, act.word))
