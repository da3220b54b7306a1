"""What says that a server or the disk is away, and that no message is at fault."""

import psycopg
import sqlalchemy.exc

from broker.errors import TransientError

OUTAGES = (
    TransientError,
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
    psycopg.OperationalError,
    OSError,
)
