"""Tell operators of silent telescopes, and of commands that nobody knows whether they were sent.

Slack's deliveries are the memory: a silence that was told is open until its end was told too, and a
command is told of once. A telescope that accepts no commands, or was never heard, may be as silent
as it likes.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select

from broker.config import config
from broker.db import transaction
from broker.errors import TransientError
from pipeline.gw import blocks, deliver
from pipeline.gw.blocks import Message, escape
from pipeline.gw.steps import StepFailed
from pipeline.gw.tables import Delivery
from pipeline.telescope import board
from pipeline.telescope.board import Health
from pipeline.telescope.record import Telescope, telescopes
from pipeline.telescope.tables import TelescopeCommand
from pipeline.watch.tell import channel

SILENT, BACK = "telescope_silent", "telescope_back"
"""Kinds of deliveries; their key is the telescope and since when it was silent."""
UNKNOWN = "command_unknown"
"""Its key is the command."""
UNKNOWN_SINCE = timedelta(days=1)
"""Who was away for longer finds them on the page: each has its message, and Slack its limits."""
UNKNOWN_AT_ONCE = 20

log = structlog.get_logger(__name__)


def tell(now: datetime) -> None:
    """Tell what is due; safe to repeat.

    Parameters
    ----------
    now : datetime
        UTC.
    """
    if not (to := channel()):
        return
    for telescope in telescopes():
        try:
            _tell(telescope, to, now)
        except (StepFailed, TransientError) as error:
            log.warning("watch.silence_not_told", telescope=telescope.name, error=str(error))
    for command in _unknown(now):
        try:
            deliver.post(deliver.Address(to, UNKNOWN, command.command_id), _decide(command))
        except (StepFailed, TransientError) as error:
            log.warning("watch.unknown_not_told", command_id=command.command_id, error=str(error))


def silent(health: list[Health], now: datetime) -> list[Health]:
    """Return the applications that were heard once, and not for long enough to ring."""
    before = now - timedelta(seconds=config().telescope.alarm_after_s)
    return [each for each in health if each.heard_at is not None and each.heard_at < before]


def _tell(telescope: Telescope, to: str, now: datetime) -> None:
    with transaction() as session:
        accepts = board.accepts_commands(session, telescope.name)
        health = board.health(session, telescope, now)
        key = session.scalar(
            select(Delivery.key)
            .where(
                Delivery.channel == to,
                Delivery.kind == SILENT,
                Delivery.key.startswith(f"{telescope.name}:", autoescape=True),
            )
            .order_by(Delivery.id.desc())
            .limit(1)
        )
    if not accepts:
        return
    is_open = key is not None and not deliver.is_settled(deliver.Address(to, BACK, key))
    if quiet := silent(health, now):
        since = min(each.heard_at for each in quiet if each.heard_at)
        key = key if is_open and key else f"{telescope.name}:{since:%Y-%m-%dT%H:%M:%S.%f}"
        deliver.post(deliver.Address(to, SILENT, key), _silence(telescope, quiet))
        return
    is_heard = not any(each.is_stale for each in health)
    if is_open and key and is_heard and deliver.is_sent(deliver.Address(to, SILENT, key)):
        deliver.post(deliver.Address(to, BACK, key), _end(telescope))


def _unknown(now: datetime) -> Sequence[TelescopeCommand]:
    """Return the newest commands that wait for somebody to decide."""
    waits = TelescopeCommand.state == "unknown", TelescopeCommand.created_at > now - UNKNOWN_SINCE
    newest = select(TelescopeCommand).where(*waits).order_by(TelescopeCommand.created_at.desc())
    with transaction() as session:
        return session.scalars(newest.limit(UNKNOWN_AT_ONCE)).all()


def _decide(command: TelescopeCommand) -> Message:
    title = f"❓ Nobody knows whether a command of {command.telescope} was sent"
    asked = f"{command.created_at:%Y-%m-%d %H:%M:%S} UTC, asked for by {command.requested_by}"
    lines = [escape(f"• {command.command_type} of {asked}")]
    if command.last_error:
        lines.append(escape(f"• {command.last_error}"))
    lines.append("Ask at the telescope, then send it again or cancel it; nobody else will.")
    url = f"{config().web.public_url}/telescopes/commands/{command.command_id}"
    return blocks.message(
        title,
        blocks.header(title),
        blocks.section(lines),
        blocks.context(blocks.link(url, "The command")),
    )


def _silence(telescope: Telescope, quiet: list[Health]) -> Message:
    title = f"🔕 {telescope.title} has fallen silent"
    lines = [f"• {escape(each.doubt or each.application)}" for each in quiet]
    lines.append("Commands ask for a confirmation, and no observation is asked for by itself.")
    return _message(telescope, title, lines)


def _end(telescope: Telescope) -> Message:
    title = f"🔔 {telescope.title} is heard again"
    return _message(telescope, title, ["All of its applications tell how they are."])


def _message(telescope: Telescope, title: str, lines: list[str]) -> Message:
    url = f"{config().web.public_url}/telescopes/{telescope.name}"
    return blocks.message(
        title,
        blocks.header(title),
        blocks.section(lines),
        blocks.context(blocks.link(url, "The telescope's board")),
    )
