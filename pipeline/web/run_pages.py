"""Nightly runs of selected alerts: what was read, which files there are, make them again."""

from datetime import date
from pathlib import Path
from typing import Any

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from broker.access import access, staff
from broker.celery import enqueue
from broker.config import config
from broker.host import this_host
from pipeline.alerts.query import reading
from pipeline.selected import query
from pipeline.selected.sources import output_root
from pipeline.selected.tasks import QUEUE, RERUN

READERS = ("admin", "data_manager")
PAGE = "/runs"


@access(staff(*READERS))
@require_http_methods(["GET", "HEAD"])
def page(request: HttpRequest) -> HttpResponse:
    """Show the last nights: counts that add up, files with their checksums, runs."""
    with reading() as session:
        nights = query.nights(session)
    settings = config()
    shown = [{"night": each, "deleted_after": each.deleted_after(settings)} for each in nights]
    return render(request, "pipeline/runs.html", {"nights": shown, "most": query.MOST_NIGHTS})


@access(staff(*READERS))
@require_POST
def make_again(request: HttpRequest, selection_id: int, night: str) -> HttpResponse:
    """Ask for the files of a night once more, from rows and archive."""
    try:
        wanted = date.fromisoformat(night)
    except ValueError:
        raise Http404(f"{night} is no date") from None
    user: Any = request.user
    if enqueue(RERUN, QUEUE, selection_id, wanted.isoformat(), user.get_username()):
        messages.success(request, f"The files of {wanted} are being made again; see its runs.")
    else:
        messages.error(request, "Nobody could be asked now: try again in a minute.")
    return redirect(PAGE)


@access(staff(*READERS))
@require_http_methods(["GET", "HEAD"])
def file(_request: HttpRequest, file_id: int) -> HttpResponseBase:
    """Give a table as it lies on this machine's disk."""
    with reading() as session:
        found = query.table(session, file_id)
    if found is None or (found.host, found.root) != (this_host(), str(output_root())):
        raise Http404("no such table on this machine")
    path = Path(found.root) / found.path
    if not path.is_file():
        raise Http404("the table is not on disk")
    return FileResponse(path.open("rb"), as_attachment=True, filename=path.name)
