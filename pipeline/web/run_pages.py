"""Nightly runs of selected alerts: what was read, which files there are, make them again."""

from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

from django.contrib import messages
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from broker import health
from broker.access import access, staff
from broker.celery import enqueue
from broker.config import config
from broker.host import host_queue, this_host
from pipeline.alerts.query import reading
from pipeline.selected import disk, query, retention_book
from pipeline.selected.sources import output_root
from pipeline.selected.tables import RetentionRun
from pipeline.selected.tasks import RERUN

READERS = ("admin", "data_manager")
PAGE = "/runs"


@dataclass(frozen=True)
class Deletion:
    """A run of retention, and what it says by kind."""

    run: RetentionRun
    due: list[str]
    kept: list[str]
    deleted: list[str]

    @classmethod
    def of(cls, run: RetentionRun) -> "Deletion":
        """Return a run as it is shown."""
        return cls(run, *(retention_book.words(sums) for sums in (run.due, run.kept, run.deleted)))


@access(staff(*READERS))
@require_http_methods(["GET", "HEAD"])
def page(request: HttpRequest) -> HttpResponse:
    """Show the last nights: counts that add up, files with their checksums, runs."""
    with reading() as session:
        nights = query.nights(session)
        deletions = retention_book.last(session)
    settings = config()
    shown = [{"night": each, "deleted_after": each.deleted_after(settings)} for each in nights]
    context = {
        "nights": shown,
        "most": query.MOST_NIGHTS,
        "deletions": [Deletion.of(each) for each in deletions],
    }
    return render(request, "pipeline/runs.html", context)


@access(staff(*READERS))
@require_POST
def make_again(request: HttpRequest, selection_id: int, night: str) -> HttpResponse:
    """Ask the host that has the files of a night to make them once more, from rows and archive."""
    try:
        wanted = date.fromisoformat(night)
    except ValueError:
        raise Http404(f"{night} is no date") from None
    with reading() as session:
        selection = query.selection(session, selection_id)
    if selection is None:
        raise Http404(f"there is no selection {selection_id}")
    _ring(request, selection.host, selection_id, wanted)
    return redirect(PAGE)


def _ring(request: HttpRequest, host: str, selection_id: int, night: date) -> None:
    """Ring at the host that has the files, and say whether somebody there can hear it."""
    queue = host_queue(host)
    served = health.queues_served()
    user: Any = request.user
    if served is not None and queue not in served:
        messages.error(
            request,
            f"These files lie on {host}, and no worker there reads the queue {queue}: start"
            " worker-sinks on that machine, then press again.",
        )
    elif enqueue(RERUN, queue, selection_id, night.isoformat(), user.get_username()):
        messages.success(request, f"The files of {night} are being made again; see its runs.")
    else:
        messages.error(request, "Nobody could be asked now: try again in a minute.")


@access(staff(*READERS))
@require_http_methods(["GET", "HEAD"])
def file(_request: HttpRequest, file_id: int) -> HttpResponseBase:
    """Give a table as it lies on this machine's disk, as far as its lines are whole."""
    with reading() as session:
        found = query.table(session, file_id)
    if found is None or (found.host, found.root) != (this_host(), str(output_root())):
        raise Http404("no such table on this machine")
    path = disk.place(Path(found.root), found.path)
    if not path.is_file():
        raise Http404("the table is not on disk")
    content: BinaryIO = path.open("rb")
    if found.closed_at is None:
        # Behind what is noted stands half a line, or a dead writer's.
        with content as whole:
            content = BytesIO(whole.read(found.length))
    return FileResponse(content, as_attachment=True, filename=path.name)
