"""An observation's page: its commands, and the data that has arrived."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from broker.access import TELESCOPE_OPERATORS, access, staff
from broker.config import config
from pipeline.alerts.query import reading
from pipeline.telescope import observed, query
from pipeline.web.api.answers import plain_file
from pipeline.web.paging import page_number


@access(staff(*TELESCOPE_OPERATORS))
@require_safe
def observation(request: HttpRequest, observation_id: str) -> HttpResponse:
    """Show the pieces of an observation in sequence, or with ``data_id`` give one's bytes."""
    if "data_id" in request.GET:
        return _piece(observation_id, request.GET["data_id"])
    page = page_number(request)
    with reading() as session:
        found = observed.observation(session, observation_id, page)
        commands = query.of_observation(session, observation_id)
    if not found.count and not commands:
        raise Http404(f"no observation {observation_id[:64]!r}")
    context = {
        "observation_id": observation_id,
        "found": found,
        "rows": commands,
        "page": page,
        "has_next": page * observed.PAGE_SIZE < found.count,
        "slow_after_s": config().telescope.slow_after_s,
    }
    return render(request, "pipeline/console/observation.html", context)


def _piece(observation_id: str, data_id: str) -> HttpResponse:
    with reading() as session:
        found = observed.payload(session, observation_id, data_id)
    if found is None:
        raise Http404("no such piece, or it came without bytes")
    return plain_file(found, "application/octet-stream", observed.file_name(data_id))
