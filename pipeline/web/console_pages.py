"""The telescope console: the board, commands and their timelines, and all that is pressed."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from broker.access import TELESCOPE_OPERATORS, access, staff
from broker.config import config
from pipeline.alerts.query import reading
from pipeline.telescope import ledger, observed, query, running, timeline
from pipeline.telescope.ledger import Act, NotNowError, UnconfirmedError
from pipeline.telescope.query import PAGE_SIZE, Wanted
from pipeline.telescope.record import RecordError, Telescope, telescope, telescopes
from pipeline.telescope.stopping import complaint, stop_each
from pipeline.telescope.tables import ORIGINS, STATES, TelescopeCommand
from pipeline.telescope.wish import RefusedError
from pipeline.web.console_forms import CommandForm, Tile, WhyForm, find_tile
from pipeline.web.paging import page_number
from pipeline.web.uptimes import uptimes

PAGE = "/telescopes"
COMMANDS = f"{PAGE}/commands"
REFRESH_S = 5
SHOWN_COMMANDS = 10
FILTERS = ("telescope", "state", "origin", "trigger_id", "requested_by")
REFUSED, FAILED = 409, 503


@access(staff(*TELESCOPE_OPERATORS))
@require_safe
def index(request: HttpRequest) -> HttpResponse:
    """Show the board and the commands; ``part=live`` only what changes."""
    wanted = Wanted(**{name: request.GET.get(name) or None for name in FILTERS})
    page = page_number(request)
    with reading() as session:
        found = query.commands(session, wanted, page)
        boards = query.boards(session, uptimes())
    context = {
        "boards": boards,
        "rows": found.rows,
        "count": found.count,
        "wanted": wanted,
        "is_filtered": wanted != Wanted(),
        "page": page,
        "has_next": page * PAGE_SIZE < found.count,
        "query": urlencode([(n, v) for n in FILTERS if (v := request.GET.get(n))]),
        "names": [each.name for each in telescopes()],
        "states": STATES,
        "origins": ORIGINS,
        "now": datetime.now(UTC),
        "refresh_s": REFRESH_S,
        "slow_after_s": config().telescope.slow_after_s,
    }
    is_part = request.GET.get("part") == "live"
    return render(request, f"pipeline/console/{'live' if is_part else 'index'}.html", context)


@access(staff(*TELESCOPE_OPERATORS))
@require_http_methods(["GET", "HEAD", "POST"])
def one(request: HttpRequest, name: str) -> HttpResponse:
    """Show one telescope with the form of a command; a POST sends one."""
    target = _telescope(name)
    if request.method != "POST" and request.GET.get("part") == "board":
        return render(request, "pipeline/console/board.html", _context(target))
    tile = _tile(request, target)
    if request.method != "POST":
        form = CommandForm(target, initial=tile.initial(target) if tile else None)
        return _one(request, target, form, tile)
    form = CommandForm(target, request.POST)
    if not form.is_valid():
        return _one(request, target, form, tile, status=400)
    return _send(request, target, form, tile)


@access(staff(*TELESCOPE_OPERATORS))
@require_safe
def command(request: HttpRequest, command_id: str) -> HttpResponse:
    """Show a command and its timeline; ``part=live`` only what changes."""
    return _command(request, command_id, WhyForm())


@access(staff(*TELESCOPE_OPERATORS))
@require_POST
def act(request: HttpRequest, command_id: str, word: str) -> HttpResponse:
    """Cancel a command, ask for it again, or send it again."""
    form = WhyForm(request.POST)
    if word not in ACTS:
        raise Http404(f"no such act; there are {', '.join(ACTS)}")
    if not form.is_valid():
        return _command(request, command_id, form, word=word, status=400)
    try:
        done = ACTS[word](command_id, _who(request), form)
    except UnconfirmedError as error:
        shown = {"doubts": error.doubts, "word": word}
        return _command(request, command_id, form, status=REFUSED, **shown)
    except (NotNowError, RefusedError, RecordError) as error:
        messages.error(request, f"{error}.")
        return redirect(f"{COMMANDS}/{command_id}")
    messages.success(request, f"{done.command_id} {done.did}.")
    return redirect(f"{COMMANDS}/{done.new_id or done.command_id}")


@access(staff(*TELESCOPE_OPERATORS))
@require_http_methods(["GET", "HEAD", "POST"])
def stop(request: HttpRequest) -> HttpResponse:
    """Ask once whether everything shall stop; a POST stops it, and lists what was done."""
    asked = request.POST if request.method == "POST" else request.GET
    name = asked.get("telescope", "")
    stopped = [_telescope(name)] if name else list(telescopes())
    form = WhyForm(request.POST or None)
    context = {"telescopes": stopped, "name": name, "form": form}
    if not form.is_valid():
        with reading() as session:
            shown = [each for each in query.boards(session) if each.telescope in stopped]
        return render(
            request,
            "pipeline/console/stop.html",
            context | {"boards": shown},
            status=400 if form.is_bound else 200,
        )
    by, why = _who(request), form.cleaned_data["why"]
    done = stop_each(stopped, by, why)
    told = {"done": done, "complaint": complaint(done)}
    status = FAILED if told["complaint"] else 200
    return render(request, "pipeline/console/stopped.html", context | told, status=status)


@access(staff(*TELESCOPE_OPERATORS))
@require_POST
def resume(request: HttpRequest, name: str) -> HttpResponse:
    """Let a telescope accept commands again."""
    target, form = _telescope(name), WhyForm(request.POST)
    if form.is_valid():
        ledger.resume(target.name, _who(request), form.cleaned_data["why"])
        messages.success(request, f"{target.title} accepts commands again.")
    else:
        messages.error(request, f"Say why {target.title} may go on.")
    return redirect(f"{PAGE}/{target.name}")


@access(staff(*TELESCOPE_OPERATORS))
@require_POST
def withdraw(request: HttpRequest, trigger_id: str) -> HttpResponse:
    """Take back everything that telescopes were asked for because of an event."""
    acts = ledger.withdraw(trigger_id, _who(request), "taken back on the page of the event")
    if not acts:
        messages.info(request, "Nothing of this event is under way.")
    for each in acts:
        messages.success(request, f"{each.command_id}: {each.did}.")
    return redirect(f"{COMMANDS_OF_EVENT}{trigger_id}")


COMMANDS_OF_EVENT = f"{PAGE}?trigger_id="


def _cancel(command_id: str, by: str, form: WhyForm) -> Act:
    return ledger.cancel(command_id, by, form.cleaned_data["why"])


def _retry(command_id: str, by: str, form: WhyForm) -> Act:
    given = form.cleaned_data
    return ledger.retry(command_id, by, given["why"], is_confirmed=given["is_confirmed"])


def _resend(command_id: str, by: str, form: WhyForm) -> Act:
    given = form.cleaned_data
    return ledger.resend(command_id, by, given["why"], is_confirmed=given["is_confirmed"])


ACTS: dict[str, Callable[[str, str, WhyForm], Act]] = {
    "cancel": _cancel,
    "retry": _retry,
    "resend": _resend,
}
"""What an operator may do to a command, by its word in the address."""


def _send(
    request: HttpRequest, target: Telescope, form: CommandForm, tile: Tile | None
) -> HttpResponse:
    given = form.cleaned_data
    try:
        made = ledger.create(form.wish(tile), _who(request), is_confirmed=given["is_confirmed"])
    except RefusedError as error:
        form.refuse(error)
    except NotNowError as error:
        form.add_error(None, f"{error}.")
    except UnconfirmedError as error:
        return _one(request, target, form, tile, status=REFUSED, doubts=error.doubts)
    else:
        messages.success(request, f"{made.command_id} {made.did}.")
        return redirect(f"{COMMANDS}/{made.command_id}")
    return _one(request, target, form, tile, status=400)


def _one(
    request: HttpRequest,
    target: Telescope,
    form: CommandForm,
    tile: Tile | None,
    *,
    status: int = 200,
    **more: Any,
) -> HttpResponse:
    with reading() as session:
        last = query.commands(session, Wanted(telescope=target.name), 1).rows[:SHOWN_COMMANDS]
    context = {"form": form, "tile": tile, "rows": last, "why": WhyForm()}
    context |= _context(target) | more
    return render(request, "pipeline/console/telescope.html", context, status=status)


def _context(target: Telescope) -> dict[str, Any]:
    with reading() as session:
        boards = query.boards(session, uptimes())
    return {
        "board": next(each for each in boards if each.telescope == target),
        "telescope": target,
        "refresh_s": REFRESH_S,
        "now": datetime.now(UTC),
        "slow_after_s": config().telescope.slow_after_s,
    }


def _command(
    request: HttpRequest, command_id: str, form: WhyForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    settings, now = config().telescope, datetime.now(UTC)
    with reading() as session:
        found = query.find_command(session, command_id)
        if found is None:
            raise Http404(f"no command {command_id[:64]!r}")
        pieces = observed.count(session, found.row.observation_id)
    row, acts = found.row, _acts(found.row)
    context = {
        "found": found,
        "row": row,
        "piece_count": pieces,
        "moments": timeline.timeline(
            row, found.acknowledgments, found.events, settings.clock_off_s
        ),
        "deadline": timeline.deadline(row, now, settings.slow_after_s),
        "ending": timeline.ending(row),
        "is_open": timeline.is_open(row),
        "is_start": row.command_type == running.START,
        "may_cancel": "cancel" in acts,
        "may_retry": "retry" in acts,
        "acts": "-".join(acts),
        "is_changed": request.GET.get("acts", "-".join(acts)) != "-".join(acts),
        "form": form,
        "now": now,
        "refresh_s": REFRESH_S,
        "slow_after_s": settings.slow_after_s,
    } | more
    is_part = request.GET.get("part") == "live"
    template = f"pipeline/console/{'command_live' if is_part else 'command'}.html"
    return render(request, template, context, status=status)


def _acts(row: TelescopeCommand) -> list[str]:
    """Return what may be done to a command now; its page shows it anew when that changes."""
    may = {
        "cancel": running.is_cancellable(row),
        "retry": ledger.is_retriable(row),
        "resend": row.state == "unknown",
    }
    return [word for word in ACTS if may[word]]


def _telescope(name: str) -> Telescope:
    try:
        return telescope(name)
    except RecordError as error:
        raise Http404(str(error)) from None


def _tile(request: HttpRequest, target: Telescope) -> Tile | None:
    given = request.POST if request.method == "POST" else request.GET
    if not (trigger_id := given.get("trigger_id", "")):
        return None
    with reading() as session:
        found = find_tile(session, target, trigger_id, given.get("tile", ""))
    if found is None:
        raise Http404("no such tile of a plan for this telescope")
    return found


def _who(request: HttpRequest) -> str:
    return request.user.get_username()
