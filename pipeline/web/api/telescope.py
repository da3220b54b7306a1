"""REST of the telescope bus, for staff and their programs: command, look, stop."""

from collections.abc import Iterable, Mapping
from typing import Any

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from broker.access import TELESCOPE_OPERATORS, staff
from broker.config import config
from broker.reasons import LONGEST_REASON
from broker.refusals import ApiError, field_error
from broker.rest import ApiView, ok
from broker.rest_fields import Flag, Text
from broker.shown import shown
from pipeline.alerts.query import reading
from pipeline.telescope import ledger, observed, query, timeline
from pipeline.telescope.data_tables import ID_CHARACTERS
from pipeline.telescope.ledger import Act, NotNowError, UnconfirmedError
from pipeline.telescope.query import PAGE_SIZE, CommandRecord, TelescopeBoard, Wanted
from pipeline.telescope.record import RecordError, telescope, telescopes
from pipeline.telescope.stopping import complaint, stop_each
from pipeline.telescope.tables import ORIGINS, STATES, TelescopeLatestStatus
from pipeline.telescope.wish import LONGEST_WORD, RefusedError, Wish
from pipeline.web.api.answers import plain_file
from pipeline.web.api.fields import Number, Whole
from pipeline.web.api.parameters import check_body, check_query
from pipeline.web.api.views import RECORD, envelope, listed
from pipeline.web.paging import MAX_PAGE
from pipeline.web.uptimes import uptimes

TAGS = ["telescope"]
CONFLICT, NOT_ALL = 409, 207


class WantedCommands(serializers.Serializer[Any]):
    """Which commands are listed."""

    telescope = Text(required=False, max_length=LONGEST_WORD)
    state = serializers.ChoiceField(choices=STATES, required=False)
    origin = serializers.ChoiceField(choices=ORIGINS, required=False)
    trigger_id = Text(required=False, max_length=LONGEST_WORD)
    requested_by = Text(required=False, max_length=LONGEST_WORD)
    page = Whole(1, MAX_PAGE, default=1)


class WantedPage(serializers.Serializer[Any]):
    """Which page of a list."""

    page = Whole(1, MAX_PAGE, default=1)


class WantedPiece(serializers.Serializer[Any]):
    """Which piece of data."""

    data_id = Text(max_length=ID_CHARACTERS)


class Observation(serializers.Serializer[Any]):
    """What a telescope is asked for: the wire's names and units."""

    target_name = Text(max_length=LONGEST_WORD)
    observation_object = Text(max_length=LONGEST_WORD)
    ra = Number(help_text="ICRS [deg], 0 to less than 360")
    dec = Number(help_text="ICRS [deg], -90 to 90")
    center_frequency = Number(default=0.0, help_text="[MHz]; 0: optical")
    rf_gain = Number(default=0.0, help_text="[dB]; 0: optical")
    if_gain = Number(default=0.0, help_text="[dB]; 0: optical")
    bb_gain = Number(default=0.0, help_text="[dB]; 0: optical")
    observation_type = Text(max_length=LONGEST_WORD)
    integration_time = Number(help_text="[s], more than 0")
    output_filename = Text(max_length=LONGEST_WORD)


class NewCommand(serializers.Serializer[Any]):
    """A command that is asked for."""

    telescope = Text(max_length=LONGEST_WORD)
    observation = Observation()
    trigger_id = Text(required=False, max_length=LONGEST_WORD)
    tile_id = Text(required=False, max_length=LONGEST_WORD)
    filter = Text(required=False, max_length=LONGEST_WORD)
    idempotency_key = Text(
        required=False,
        max_length=LONGEST_WORD,
        help_text="the same makes no second command; of this telescope",
    )
    is_confirmed = Flag(default=False, help_text="you have seen what speaks against it")


class Why(serializers.Serializer[Any]):
    """Why something is done."""

    why = Text(max_length=LONGEST_REASON)
    is_confirmed = Flag(default=False, help_text="you have seen what speaks against it")


class StopWhich(Why):
    """What is stopped, and why."""

    telescope = Text(required=False, max_length=LONGEST_WORD, help_text="none: all of them")


class ResumeWhich(Why):
    """Which telescope goes on, and why."""

    telescope = Text(max_length=LONGEST_WORD)


class WithdrawWhich(Why):
    """What is taken back, and why."""

    trigger_id = Text(max_length=LONGEST_WORD, help_text="of the event")


class TelescopeView(ApiView):
    """A view for operators: a session with its CSRF token, or a token of staff."""

    access = staff(*TELESCOPE_OPERATORS)

    def handle_exception(self, exc: Exception) -> Response:
        """Say what the ledger refuses."""
        return super().handle_exception(_refused(exc))


class Commands(TelescopeView):
    """Commands."""

    @extend_schema(
        tags=TAGS, parameters=[WantedCommands], responses=envelope(listed(RECORD)),
        operation_id="telescope_commands",
    )  # fmt: skip
    def get(self, request: Request) -> Response:
        """Return a page of commands, the newest first."""
        asked = check_query(WantedCommands, request)
        page = asked.pop("page")
        with reading() as session:
            found = query.commands(session, Wanted(**asked), page)
        more = page * PAGE_SIZE < found.count
        rows = [_columns(row) for row in found.rows]
        return ok(rows, count=found.count, next=page + 1 if more else None)

    @extend_schema(
        tags=TAGS, request=NewCommand,
        responses={200: envelope(RECORD)[200], 201: envelope(RECORD)[200]},
        operation_id="telescope_command",
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Ask a telescope for an observation; 409 says what wants to be confirmed.

        200: the same was asked for before with this key. 409: something else was.
        """
        asked = check_body(NewCommand, request)
        is_confirmed = asked.pop("is_confirmed")
        wish = Wish(origin="api", **asked)
        made = ledger.create(wish, _who(request), is_confirmed=is_confirmed)
        status = 200 if made.did == ledger.ASKED_BEFORE else 201
        return ok(_act(made), made.did, status=status)


class OneCommand(TelescopeView):
    """A command."""

    @extend_schema(tags=TAGS, responses=envelope(RECORD), operation_id="telescope_command_one")
    def get(self, request: Request, command_id: str) -> Response:  # noqa: ARG002 the framework's form
        """Return a command with its timeline, acknowledgments and events."""
        with reading() as session:
            found = query.find_command(session, command_id)
        if found is None:
            raise ApiError(404, f"there is no command {command_id[:64]}")
        return ok(_record(found))


class CommandAct(TelescopeView):
    """What may be done to a command."""

    @extend_schema(
        tags=TAGS, request=Why, responses=envelope(RECORD), operation_id="telescope_command_act"
    )
    def post(self, request: Request, command_id: str, word: str) -> Response:
        """Cancel a command, ``retry`` it as a new one, or ``resend`` one that is unknown."""
        asked, by = check_body(Why, request), _who(request)
        why = asked["why"]
        match word:
            case "cancel":
                done = ledger.cancel(command_id, by, why)
            case "retry":
                done = ledger.retry(command_id, by, why, is_confirmed=asked["is_confirmed"])
            case "resend":
                done = ledger.resend(command_id, by, why, is_confirmed=asked["is_confirmed"])
            case _:
                raise ApiError(404, "no such act; there are cancel, retry, resend")
        return ok(_act(done), done.did)


class Stop(TelescopeView):
    """The end of everything."""

    @extend_schema(
        tags=TAGS, request=StopWhich, operation_id="telescope_stop",
        responses=envelope(RECORD) | {NOT_ALL: envelope(RECORD)[200]},
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Cancel all unfinished commands of one telescope or all; none is accepted any more.

        207: those in ``failed`` could not be stopped, and may go on.
        """
        asked = check_body(StopWhich, request)
        name = asked.get("telescope")
        stopped = [telescope(name)] if name else telescopes()
        done = stop_each(stopped, _who(request), asked["why"])
        acts = {each.telescope.name: [_act(act) for act in each.acts] for each in done}
        if not (told := complaint(done)):
            return ok(acts)
        failed = {each.telescope.name: each.failure for each in done if each.failure}
        return ok(acts, told, status=NOT_ALL, failed=failed)


class Resume(TelescopeView):
    """The end of a stop."""

    @extend_schema(
        tags=TAGS, request=ResumeWhich, responses=envelope(RECORD), operation_id="telescope_resume"
    )
    def post(self, request: Request) -> Response:
        """Let a telescope accept commands again."""
        asked = check_body(ResumeWhich, request)
        ledger.resume(asked["telescope"], _who(request), asked["why"])
        return ok({"telescope": asked["telescope"], "accepts_commands": True})


class Withdraw(TelescopeView):
    """The end of what was asked for because of an event."""

    @extend_schema(
        tags=TAGS, request=WithdrawWhich, responses=envelope(listed(RECORD)),
        operation_id="telescope_withdraw",
    )  # fmt: skip
    def post(self, request: Request) -> Response:
        """Cancel every command that was asked for because of an event."""
        asked = check_body(WithdrawWhich, request)
        acts = ledger.withdraw(asked["trigger_id"], _who(request), asked["why"])
        return ok([_act(act) for act in acts])


class Status(TelescopeView):
    """How telescopes are."""

    @extend_schema(tags=TAGS, responses=envelope(listed(RECORD)), operation_id="telescope_status")
    def get(self, request: Request) -> Response:  # noqa: ARG002 the framework's form
        """Return each telescope with the newest status of each component."""
        with reading() as session:
            found = query.boards(session, uptimes())
        return ok([_board(each) for each in found])


class ObservationData(TelescopeView):
    """What arrived of an observation."""

    @extend_schema(
        tags=TAGS, parameters=[WantedPage], responses=envelope(listed(RECORD)),
        operation_id="telescope_observation_data",
    )  # fmt: skip
    def get(self, request: Request, observation_id: str) -> Response:
        """Return a page of an observation's pieces in sequence, without their bytes."""
        page = check_query(WantedPage, request)["page"]
        with reading() as session:
            found = observed.observation(session, observation_id, page)
        more = page * observed.PAGE_SIZE < found.count
        rows = [vars(piece) for piece in found.pieces]
        return ok(rows, count=found.count, next=page + 1 if more else None)


class ObservationPayload(TelescopeView):
    """The bytes of a piece."""

    @extend_schema(
        tags=TAGS, parameters=[WantedPiece],
        responses={(200, "application/octet-stream"): OpenApiTypes.BINARY},
        operation_id="telescope_observation_payload",
    )  # fmt: skip
    def get(self, request: Request, observation_id: str) -> HttpResponse:
        """Return the bytes of one piece as they came."""
        data_id = check_query(WantedPiece, request)["data_id"]
        with reading() as session:
            found = observed.payload(session, observation_id, data_id)
        if found is None:
            raise ApiError(404, "no such piece, or it came without bytes")
        return plain_file(found, "application/octet-stream", observed.file_name(data_id))


def _refused(exc: Exception) -> Exception:
    if isinstance(exc, RefusedError):
        errors: dict[str, list[str]] = {}
        for problem in exc.problems:
            errors.setdefault(problem.field, []).append(problem.limit)
        return ApiError(400, str(exc), errors)
    if isinstance(exc, RecordError):
        return field_error("telescope", str(exc))
    if isinstance(exc, UnconfirmedError):
        return ApiError(
            CONFLICT, f"{exc}: confirm it with is_confirmed", {"is_confirmed": list(exc.doubts)}
        )
    if isinstance(exc, NotNowError):
        return ApiError(CONFLICT, str(exc))
    return exc


def _who(request: Request) -> str:
    name: str = request.user.get_username()
    return name


def _act(done: Act) -> dict[str, Any]:
    return done._asdict()


def _columns(row: Any, leave_out: Iterable[str] = ()) -> dict[str, Any]:
    """Return the columns of a row that are of use outside."""
    ours = {"owner", "lease_until", "noted_offset", "source_id", "id", *leave_out}
    return {c.name: getattr(row, c.name) for c in row.__table__.columns if c.name not in ours}


def _record(found: CommandRecord) -> Mapping[str, Any]:
    allowed_s = config().telescope.clock_off_s
    moments = timeline.timeline(found.row, found.acknowledgments, found.events, allowed_s)
    return _columns(found.row) | {
        "ending": timeline.ending(found.row),
        "timeline": [vars(moment) for moment in moments],
        "acknowledgments": [_columns(each) for each in found.acknowledgments],
        "events": [_columns(each) for each in found.events],
        "cancelled_by": [each.command_id for each in found.cancels],
        "retried_by": [each.command_id for each in found.retries],
    }


def _component(row: TelescopeLatestStatus) -> dict[str, Any]:
    """Return a component's status; its texts as the board shows them."""
    found = _columns(row, ("telescope", "application"))
    return {
        name: shown(value) if isinstance(value, str) else value for name, value in found.items()
    }


def _board(found: TelescopeBoard) -> dict[str, Any]:
    return {
        "telescope": found.telescope.name,
        "accepts_commands": found.accepts_commands,
        "doubts": found.doubts,
        "open_commands": found.open_count,
        "applications": [
            {
                "application": each.health.application,
                "heard_at": each.health.heard_at,
                "is_stale": each.health.is_stale,
                "uptime_percent": each.uptime_percent,
                "components": [_component(row) for row in each.rows],
            }
            for each in found.applications
        ],
    }
