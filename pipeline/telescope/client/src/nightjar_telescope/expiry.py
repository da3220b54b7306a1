"""When a command's time is over, and the answer that it gets then."""

import socket
import time
import uuid

from nightjar_telescope.messages import (
    AckStatus,
    CommandAcknowledgment,
    CommandType,
    Message,
    TelescopeCommand,
)
from nightjar_telescope.record import Record

EXPIRES_AT = "expires_at"
"""Header of commands: Unix time [ms] from which on they are not to be carried out."""
LIFETIME_MS = 300_000
"""Of a command without that header, counted from its timestamp."""
EXPIRED = "expired"


def now_ms() -> int:
    """Return Unix time, UTC [ms]."""
    return time.time_ns() // 1_000_000


def expired_by_ms(message: Message, record: Record, at_ms: int) -> int:
    """Return for how long a command's time has been over [ms]; 0 or less: it is not.

    A command that cancels never expires, nor does what is no command.
    """
    if not isinstance(message, TelescopeCommand):
        return 0
    if message.command_type == CommandType.CANCEL_OBSERVATION:
        return 0
    header = record.header(EXPIRES_AT)
    if header is not None and header.isascii() and header.isdigit():
        return at_ms - int(header)
    return at_ms - message.timestamp - LIFETIME_MS


def expired_answer(
    command: TelescopeCommand, late_ms: int, application: str
) -> CommandAcknowledgment:
    """Return the acknowledgment that rejects a command because its time is over."""
    return CommandAcknowledgment(
        f"ack-{uuid.uuid4()}",
        command.command_id,
        now_ms(),
        AckStatus.REJECTED,
        message=f"read {late_ms / 1000:.1f} s after it had expired; not carried out",
        source_application=application,
        source_hostname=socket.gethostname(),
        error_code=EXPIRED,
    )
