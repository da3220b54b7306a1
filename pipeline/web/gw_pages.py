"""Events of gravitational waves: the list, one event, one plan, and their files."""

from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import chain
from mimetypes import guess_type
from pathlib import PurePath
from typing import Any

from django.http import FileResponse, Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from sqlalchemy.orm import Session

from broker.access import PUBLIC, TELESCOPE_OPERATORS, access, has_role
from broker.config import config, project_path
from pipeline.alerts.query import reading
from pipeline.gw import plan_files, query, share_paths, sky_plans, tile_claims
from pipeline.gw.plan_tables import GwPlan
from pipeline.gw.query import PAGE_SIZE, Event
from pipeline.gw.strategies import TITLES
from pipeline.gw.tables import GwSkymap
from pipeline.telescope import board
from pipeline.telescope.record import Telescope, of_plan
from pipeline.web import gw_shown
from pipeline.web.api.answers import plain_file
from pipeline.web.paging import page_number

SHIFTERS = ("shifter", "admin")
REFRESH_S = 5
KINDS = {"real": ("real",), "mock": ("mock", "test")}
LEVELS = (50, 90, 95)


@access(PUBLIC)
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show events, those heard of last first; ``kind=mock`` shows the mocks."""
    kind = "mock" if request.GET.get("kind") == "mock" else "real"
    page = page_number(request)
    with reading() as session:
        found = query.list_events(session, KINDS[kind], page)
    context = {
        "rows": found.rows,
        "count": found.count,
        "kind": kind,
        "page": page,
        "has_next": page * PAGE_SIZE < found.count,
    }
    return render(request, "pipeline/gw/events.html", context)


@access(PUBLIC)
@require_safe
def event(request: HttpRequest, trigger_id: str) -> HttpResponse:
    """Show one event; ``part=plans`` only what changes while plans are made."""
    with reading() as session:
        found = _required(session, trigger_id)
        context = _plans(session, found) | _log(request, session, found)
    context |= {"event": found, "newest": found.newest, "refresh_s": REFRESH_S}
    context["seen"] = found.described
    context["is_operator"] = _is_staff(request, TELESCOPE_OPERATORS)
    if request.GET.get("part") == "plans":
        return render(request, "pipeline/gw/plans.html", context)
    context |= {
        "notices": list(gw_shown.changes(found.notices)),
        "judged": gw_shown.judged(found.newest),
        "classes": gw_shown.classes(found),
        "links": gw_shown.links(found),
        "levels": LEVELS,
        "code": _code(found),
    }
    return render(request, "pipeline/gw/event.html", context)


@access(PUBLIC)
@require_safe
def event_json(_request: HttpRequest, trigger_id: str) -> JsonResponse:
    """Return one event for programs."""
    with reading() as session:
        return JsonResponse(gw_shown.as_json(_required(session, trigger_id)))


@access(PUBLIC)
@require_safe
def sky_map(_request: HttpRequest, trigger_id: str, number: int) -> HttpResponse:
    """Return the sky map of a notice as it came."""
    name = f"{trigger_id}-{number}.multiorder.fits"
    return plain_file(_map(trigger_id, number).fits, "application/fits", name)


@access(PUBLIC)
@require_safe
def region(_request: HttpRequest, trigger_id: str, number: int, percent: int) -> HttpResponse:
    """Return the region of a credible level as a MOC in JSON."""
    if percent not in LEVELS:
        raise Http404(f"levels: {', '.join(map(str, LEVELS))} %")
    moc = getattr(_map(trigger_id, number), f"moc_{percent}")
    answer = JsonResponse(moc)
    answer["Content-Disposition"] = f'attachment; filename="{trigger_id}-{number}-{percent}.json"'
    return answer


@access(PUBLIC)
@require_safe
def plan(request: HttpRequest, trigger_id: str, plan_id: int) -> HttpResponse:
    """Show one plan: its tiles, on the map and in order."""
    with reading() as session:
        found = _required(session, trigger_id)
        shown = query.find_plan(session, trigger_id, plan_id)
        if shown is None:
            raise Http404(f"no plan {plan_id} of {trigger_id}")
        notice = next(each for each in found.notices if each.id_gw == shown.id_gw)
        sky_map = query.map_of(session, notice)
        tiles = query.tiles_of(session, [plan_id])
        claims = query.claims_of(session, [plan_id]) if _is_shifter(request) else []
    colours = sky_plans.colours([shown])
    taken = {claim.tile_id: claim for claim in claims if claim.state != "released"}
    context = {
        "event": found,
        "newest": found.newest,
        "plan": shown,
        "notice": notice,
        "tiles": [(tile, taken.get(tile.id)) for tile in tiles[plan_id]],
        "maps": sky_plans.maps(sky_map, sky_plans.footprints([shown], tiles, colours)),
        "left_out": sky_plans.left_out(shown),
        "files": _files(shown.folder),
        "visibility": _visibility(shown),
        "owncloud": _owncloud(found, shown),
        "is_shifter": _is_shifter(request),
        "bus": None if found.is_retracted else _bus(request, shown),
        "now": datetime.now(UTC),
    }
    return render(request, "pipeline/gw/plan.html", context)


@access(PUBLIC)
@require_safe
def plan_file(_request: HttpRequest, trigger_id: str, plan_id: int, name: str) -> FileResponse:
    """Return a file of a plan."""
    with reading() as session:
        shown = query.find_plan(session, trigger_id, plan_id)
    path = _files(shown.folder).get(name) if shown else None
    if path is None:
        raise Http404(f"no file {name[:100]!r}: plans lose their files after a while")
    return FileResponse(path.open("rb"), content_type=guess_type(name)[0] or "text/plain")


def _required(session: Session, trigger_id: str) -> Event:
    found = query.find_event(session, trigger_id)
    if found is None:
        raise Http404(f"no event {trigger_id[:64]!r}")
    return found


def _map(trigger_id: str, number: int) -> GwSkymap:
    with reading() as session:
        found = query.find_map(session, trigger_id, number)
    if found is None:
        raise Http404("no sky map came with this notice")
    return found


def _plans(session: Session, found: Event) -> dict[str, Any]:
    numbered = {notice.id_gw: notice for notice in found.notices}
    every = chain.from_iterable(found.plans.values())
    current = sky_plans.current_plans(
        plan for plan in every if numbered[plan.id_gw].state == "current"
    )
    colours = sky_plans.colours(current)
    tiles = query.tiles_of(session, list(colours))
    drawn = sky_plans.footprints(current, tiles, colours)
    return {
        "maps": sky_plans.maps(found.sky_map, drawn),
        "legend": [
            (plan, colours[plan.id], sky_plans.left_out(plan))
            for plan in current
            if plan.id in colours
        ],
        "groups": [
            (group, TITLES[group.strategy], found.plans[group.id], numbered[group.id_gw])
            for group in found.groups
        ],
        "is_planning": found.newest.is_process_running
        or any(group.state in {"wanted", "running"} for group in found.groups),
        "now": datetime.now(UTC),
    }


def _log(request: HttpRequest, session: Session, found: Event) -> dict[str, Any]:
    """Return what only shifters see: who decided and took what, what was sent, what failed."""
    if not _is_shifter(request):
        return {"is_shifter": False}
    steps, sent = query.work_of(session, [notice.id_gw for notice in found.notices])
    plan_ids = [plan.id for plans in found.plans.values() for plan in plans]
    return {
        "is_shifter": True,
        "turns": tile_claims.turns(session, plan_ids),
        "steps": [step for step in steps if step.state not in {"done", "skipped"}],
        "sent": sent,
    }


def _is_shifter(request: HttpRequest) -> bool:
    return _is_staff(request, SHIFTERS)


def _is_staff(request: HttpRequest, roles: tuple[str, ...]) -> bool:
    user: Any = request.user
    return bool(user.is_active and user.is_staff and has_role(user, roles))


def _bus(request: HttpRequest, shown: GwPlan) -> Telescope | None:
    """Return the telescope on the bus that an operator may send tiles of a plan to, or None."""
    found = of_plan(shown.telescope) if _is_staff(request, TELESCOPE_OPERATORS) else None
    if found is None or found.settings.kind != "optical":
        return None
    with reading() as session:
        return found if board.accepts_commands(session, found.name) else None


def _owncloud(found: Event, shown: GwPlan) -> str | None:
    """Return the page of the folder on OwnCloud that a plan's files lie in."""
    path = next(each.owncloud_url for each in found.notices if each.id_gw == shown.id_gw)
    return share_paths.link(config().owncloud.link_base, path)


def _files(folder: str | None) -> Mapping[str, Any]:
    """Return the files of a plan that anybody may have, by name."""
    if not folder:
        return {}
    root = project_path(config().home) / folder
    return {path.name: path for path in plan_files.for_teams(root)}


def _visibility(shown: GwPlan) -> str:
    """Return the name of the picture of a plan's visibility curves."""
    return PurePath(plan_files.picture_file(shown.telescope, plan_files.VISIBILITY)).name


def _code(found: Event) -> list[tuple[str, str]]:
    """Return how a program reads this event: title and text."""
    address = f"{config().web.public_url}/gw/{found.newest.trigger_id}"
    code = [("curl", f'curl "{address}.json"\n')]
    if found.mapped is not None:
        number = found.mapped.reception_count
        text = (
            "from urllib.request import urlopen\n\nfrom mocpy import MOC\n\n"
            f'with urlopen("{address}/maps/{number}/90.json") as answer:\n'
            '    region = MOC.from_string(answer.read().decode(), format="json")\n'
            "print(region.sky_fraction * 41252.96, 'deg²')\n"
        )
        code.append(("Python (mocpy)", text))
    return code
