"""Where Slack sends what people press: believed when signed, kept as a row, answered at once.

Nothing else happens in the request but opening a dialog, which Slack allows for three seconds
after the click. The rest is the task's, ``pipeline.gw.act``.
"""

from collections.abc import Mapping
from functools import cache
from urllib.parse import parse_qs

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST
from sqlalchemy.dialects.postgresql import insert

from broker.access import PUBLIC, access
from broker.celery import enqueue
from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from broker.logs import log
from pipeline.clients.slack import Slack, connect
from pipeline.clients.slack_errors import SlackRefusedError
from pipeline.clients.slack_signature import is_signed
from pipeline.gw import act_forms
from pipeline.gw.action_tables import GwSlackAction
from pipeline.gw.step_registry import named
from pipeline.gw.tasks import ACT_QUEUE, ACT_TASK
from pipeline.web import slack_people
from pipeline.web.slack_payloads import PayloadError, Press, read

FIELD = "payload"
_NOT_KEPT = ("button", "trigger_id")


@csrf_exempt  # a signature over the whole body stands in its place
@require_POST
@access(PUBLIC)
def actions(request: HttpRequest) -> HttpResponse:
    """Take one click or one filled-in dialog; 200 means: it is kept, or asks for nothing."""
    if not _is_from_slack(request):
        return HttpResponse(status=400)
    try:
        press = read(parse_qs(request.body.decode())[FIELD][0])
    except (PayloadError, KeyError, UnicodeDecodeError) as error:
        log.warning("slack.bad_payload", error=str(error))
        return HttpResponse(status=400)
    return HttpResponse() if press is None else _take(press)


def _take(press: Press) -> HttpResponse:
    """Keep a press, unless it opens a dialog, or its dialog must be filled in otherwise."""
    role = slack_people.role_of(press.user_id)
    if role or not press.button.needs_shifter:
        if faults := _faults(press):
            return JsonResponse({"response_action": "errors", "errors": faults})
        if _asks_back(press):
            return HttpResponse()
    _keep(press, role)
    return HttpResponse()


def _is_from_slack(request: HttpRequest) -> bool:
    return is_signed(
        config().slack.signing_secret.get_secret_value(),
        request.body,
        request.headers.get("X-Slack-Request-Timestamp", ""),
        request.headers.get("X-Slack-Signature", ""),
    )


def _faults(press: Press) -> Mapping[str, str]:
    """Return what must be filled in otherwise, by block."""
    dialog = press.button.dialog
    if dialog is None or press.form is None:
        return {}
    try:
        form = act_forms.read(named(dialog.form), press.form)
    except act_forms.FormError as error:
        return error.faults
    faults: Mapping[str, str] = named(dialog.check)(press.value, form) if dialog.check else {}
    return faults


def _asks_back(press: Press) -> bool:
    """Open the dialog of a button that has one; return whether it is open.

    Where it is not, the task says why, with the link of a page where there is one.
    """
    client, dialog = _impatient_slack(), press.button.dialog
    if dialog is None or press.form is not None or client is None:
        return False
    view = named(dialog.function)(press)
    if view is None:
        return False
    try:
        client.open_dialog(press.trigger_id, view)
    except (SlackRefusedError, TransientError) as error:
        log.warning("slack.no_dialog", action=press.button.name, error=str(error))
        return False
    return True


def _keep(press: Press, role: str | None) -> None:
    """Insert the row of a request, once, and ring for it."""
    row = {name: value for name, value in vars(press).items() if name not in _NOT_KEPT}
    with transaction() as session:
        action_id = session.scalar(
            insert(GwSlackAction)
            .values(**row, action_id=press.button.name, role=role)
            .on_conflict_do_nothing()
            .returning(GwSlackAction.id)
        )
    if action_id is not None:  # else Slack has sent it before
        enqueue(ACT_TASK, ACT_QUEUE, action_id)


@cache
def _impatient_slack() -> Slack | None:
    """Return the client of requests, which neither waits long nor tries again."""
    return connect(config(), config().slack.dialog_timeout_s, retries=0)
