"""Mirrors of the telescope bus's tables; nothing here writes."""

from broker.access import COMMAND_TELESCOPES
from broker.choices import words_of
from broker.mirror import Mirror, mirror
from pipeline.telescope import data_tables, schema_table, tables

_LEVELS = words_of(tables.LEVELS)

TelescopeSwitch: type[Mirror] = mirror(
    tables.TelescopeSwitch,
    "TelescopeSwitch",
    __name__,
    verbose_name="switch of a telescope",
    title="telescope",
)

TelescopeCommand: type[Mirror] = mirror(
    tables.TelescopeCommand,
    "TelescopeCommand",
    __name__,
    verbose_name="command to a telescope",
    title="command_id",
    choices={
        "command_type": words_of(tables.COMMAND_TYPES),
        "state": words_of(tables.STATES),
        "timeout_stage": words_of(tables.TIMEOUT_STAGES),
        "late_status": words_of(tables.ACK_STATUSES),
        "ended_by": words_of(tables.ENDED_BY),
        "origin": words_of(tables.ORIGINS),
    },
    permissions=((COMMAND_TELESCOPES.partition(".")[2], "Can command telescopes"),),
)

TelescopeAcknowledgment: type[Mirror] = mirror(
    tables.TelescopeAcknowledgment,
    "TelescopeAcknowledgment",
    __name__,
    verbose_name="acknowledgment of a telescope",
    title="ack_id",
    links={"source_id": "Source"},
    choices={
        "status": words_of(tables.ACK_STATUSES),
        "disposition": words_of(tables.DISPOSITIONS),
    },
)

TelescopeStatus: type[Mirror] = mirror(
    tables.TelescopeStatus,
    "TelescopeStatus",
    __name__,
    verbose_name="status of a telescope",
    title="status_id",
    links={"source_id": "Source"},
    choices={"level": _LEVELS},
)

TelescopeLatestStatus: type[Mirror] = mirror(
    tables.TelescopeLatestStatus,
    "TelescopeLatestStatus",
    __name__,
    verbose_name="newest status of a telescope",
    title="application",
    choices={"level": _LEVELS},
)

TelescopeEvent: type[Mirror] = mirror(
    tables.TelescopeEvent,
    "TelescopeEvent",
    __name__,
    verbose_name="event at a telescope",
    title="what",
)

TelescopeSchema: type[Mirror] = mirror(
    schema_table.TelescopeSchema,
    "TelescopeSchema",
    __name__,
    verbose_name="schema of telescopes",
    title="subject",
)

TelescopeDataRaw: type[Mirror] = mirror(
    data_tables.TelescopeDataRaw,
    "TelescopeDataRaw",
    __name__,
    verbose_name="piece of a telescope's data",
    title="data_id",
)
