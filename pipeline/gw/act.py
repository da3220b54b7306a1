"""What a click in Slack leads to: one transaction of rows; Slack is told by the steps that follow.

The request has checked the signature and the role and left a row of ``gw_slack_actions``. A click
that leads to nothing is answered to whoever clicked, as far as Slack can be reached: that answer is
a courtesy, not a record.
"""

import structlog
from sqlalchemy.orm import Session

from broker.db import transaction
from broker.errors import TransientError
from broker.queues import LIMITS_S
from pipeline import ledger
from pipeline.clients.slack import slack
from pipeline.clients.slack_errors import SlackRefusedError
from pipeline.gw import buttons, standing, steps
from pipeline.gw.act_answers import Answer, card_row
from pipeline.gw.action_tables import GwDecision, GwSlackAction
from pipeline.gw.buttons import Button
from pipeline.gw.life import CARD_AGAIN, DECIDED, HEADLINE
from pipeline.gw.step_registry import named
from pipeline.gw.steps import Want
from pipeline.gw.tables import GwAlert
from pipeline.gw.tasks import ACT_QUEUE

ATTEMPTS = 5
log = structlog.get_logger(__name__)
NOT_YOURS = "Only shifters decide and plan. An admin lists them: the Slack id in a staff record."
NO_BUTTON = "This button has gone: the message is older than this version."
NO_EVENT = "This message belongs to no notice that is still kept."


def run(action_id: int, owner: str) -> None:
    """Do what one click asks for, if nobody else does; safe to repeat.

    Parameters
    ----------
    action_id : int
        ``gw_slack_actions.id``.
    owner : str
        Celery task id.
    """
    lease_s = LIMITS_S[ACT_QUEUE][1] + ledger.LEASE_MARGIN_S
    row = ledger.claim(GwSlackAction, action_id, owner, lease_s)
    if row is None:
        return
    held = ledger.Held(GwSlackAction, row.id, owner, row.attempts)
    if row.attempts > ATTEMPTS:
        _put_back(held, f"its worker died {ATTEMPTS} times: {row.last_error}")
        return
    try:
        answer = _do(held)
    except Exception as error:
        log.exception("slack.action_broke", action=row.action_id, action_id=row.id)
        _put_back(held, repr(error))
        return
    if answer is None:
        return
    steps.ring(answer.bells)
    log.info("slack.action", action=row.action_id, user=row.user_id, answer=answer.text)
    if answer.text and row.channel:
        _whisper(row.channel, row.user_id, answer.text, row.thread_ts or "")


def _do(held: ledger.Held) -> Answer | None:
    """Write what the click asks for and end its row, in one transaction."""
    with transaction() as session:
        if not ledger.lock_mine(session, held):
            return None
        action = session.get_one(GwSlackAction, held.id)
        answer = _answer(session, action)
        ledger.end(session, held, "skipped" if answer.is_refusal else "done", answer.text or None)
        return answer


def _answer(session: Session, action: GwSlackAction) -> Answer:
    button = buttons.find(action.action_id)
    if button is None:
        return Answer(NO_BUTTON, is_refusal=True)
    if button.needs_shifter and not action.role:
        return Answer(NOT_YOURS, is_refusal=True)
    if button.place == buttons.ON_CARD:
        return _on_card(session, action, button)
    answer: Answer = named(button.function)(session, action)
    return answer


def _on_card(session: Session, action: GwSlackAction, button: Button) -> Answer:
    """Act on the notice of a card, if it is the one that counts."""
    row = card_row(session, action)
    if row is None:
        return Answer(NO_EVENT, is_refusal=True)
    action.id_gw = row.id_gw
    if why := standing.obstacle(session, row):
        return Answer(why, is_refusal=True)
    answer: Answer = named(button.function)(session, action, row)
    return answer


def decide(session: Session, action: GwSlackAction, row: GwAlert) -> Answer:
    """Write a decision; the card, the announcement and the observations' channel show it."""
    decided = GwDecision(
        id_gw=row.id_gw,
        trigger_id=row.trigger_id,
        decision=action.action_id,
        decided_by=action.user_name or action.user_id,
        slack_user=action.user_id,
    )
    session.add(decided)
    session.flush()
    cause = f"decision-{decided.id}"
    wants = [
        Want(HEADLINE, row.id_gw, key=cause),
        Want(CARD_AGAIN, row.id_gw, key=cause),
        Want(DECIDED, row.id_gw, key=str(decided.id)),
    ]
    return Answer(bells=steps.want(session, wants))


def _put_back(held: ledger.Held, why: str) -> None:
    with transaction() as session:
        if held.attempts >= ATTEMPTS:
            ledger.end(session, held, "failed", why)
        else:
            rest_s = ledger.back_off_s(held.attempts)
            ledger.give_back(session, held, rest_s, why, is_counted=True)


def _whisper(channel: str, user: str, text: str, thread_ts: str) -> None:
    client = slack()
    if client is None:
        return
    try:
        client.whisper(channel, user, text, thread_ts)
    except (SlackRefusedError, TransientError) as error:
        log.warning("slack.not_whispered", user=user, error=str(error))
