"""The four messages of the telescope bus, and what they hold.

Names, order, types and defaults are the wire's: schemas are generated from these classes, and
applications in the field read by position. New fields may be appended to the end of
``ObservationBase`` alone, nullable and null by default; nothing else may change. The text of a
field is its ``doc`` in the schema; its rules are what ``validate`` asks before a message is sent.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, ClassVar

from nightjar_telescope.rules import (
    INTEGER_MAX,
    Between,
    Length,
    Never,
    OneOf,
    Pattern,
    Required,
    UnknownAs,
)

EPOCH = datetime.fromtimestamp(0, UTC)
"""The default of times: a constant, so that every process has the same schema."""
ID_LENGTH = 255
"""Most characters of an identifier: its columns are VARCHAR(255)."""

_NAME = Length(1, ID_LENGTH)


class CommandType(StrEnum):
    """What a command asks for; a plain string on the wire."""

    START_OBSERVATION = "start_observation"
    CANCEL_OBSERVATION = "cancel_observation"


class AckStatus(StrEnum):
    """How far an application is with a command."""

    RECEIVED = "received"
    STARTED = "started"
    COMPLETED = "completed"
    FAILED = "failed"
    REJECTED = "rejected"
    TIMEOUT = "timeout"


class StatusLevel(StrEnum):
    """How grave a status is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"
    CRITICAL = "critical"


class Message:
    """A record of the bus.

    Attributes
    ----------
    avro_doc : str
        The record's ``doc`` in its schema; a docstring would be missing under ``python -OO``.
    """

    avro_doc: ClassVar[str]


@dataclass(frozen=True)
class UserBase(Message):
    """Who submitted an observation: in the schema for older applications, always null."""

    avro_doc: ClassVar[str] = "User who submitted an observation; sent as null."

    user_id: Annotated[str, "Unique identifier of the user"]
    username: Annotated[str, "Name of the user"]
    email: Annotated[str, "E-mail address of the user"]
    id: Annotated[int, "Row id of the user at the sender"]
    is_active: Annotated[bool, "Whether the user is active"]
    created_at: Annotated[datetime, "When the user was created, UTC"]


@dataclass(frozen=True)
class ObservationBase(Message):
    """One observation as it is asked for. The last record of its message: it alone may grow."""

    avro_doc: ClassVar[str] = "Observation that a telescope is asked for, or asked to cancel."

    target_name: Annotated[str, "Name of the target, 1 to 255 characters", _NAME]
    observation_object: Annotated[str, "Object to be observed, 1 to 255 characters", _NAME]
    ra: Annotated[
        float, "Right ascension, ICRS [deg], 0 <= ra < 360", Between(0, 360, is_open_above=True)
    ]
    dec: Annotated[float, "Declination, ICRS [deg], -90 <= dec <= 90", Between(-90, 90)]
    center_frequency: Annotated[float, "Center frequency [MHz]; 0 for optical", Between(0)]
    rf_gain: Annotated[float, "RF gain [dB]; 0 for optical"]
    if_gain: Annotated[float, "IF gain [dB]; 0 for optical"]
    bb_gain: Annotated[float, "Baseband gain [dB]; 0 for optical"]
    observation_type: Annotated[str, "Type of observation, out of the telescope's own list"]
    integration_time: Annotated[
        float, "Integration time [s], above 0", Between(0, is_open_below=True)
    ]
    output_filename: Annotated[
        str,
        "Name of the file of data: 1 to 200 of A-Z a-z 0-9 . _ -, no dot first",
        Pattern(
            r"(?!\.)[A-Za-z0-9._-]{1,200}", "1 to 200 characters of A-Z a-z 0-9 . _ -, no dot first"
        ),
    ]
    id: Annotated[int | None, "Row id at the sender, unused"] = None
    observation_id: Annotated[
        str,
        "Unique identifier of the observation, in its command, data and status",
        _NAME,
    ] = ""
    user_id: Annotated[int, "Unused, 0"] = 0
    user: Annotated[
        UserBase | None,
        "Sent as null: no personal data on the bus",
        Never("no personal data on the bus"),
    ] = None
    status: Annotated[str, "State of the observation at the sender"] = "pending"
    submitted_at: Annotated[datetime, "When the observation was submitted, UTC"] = EPOCH
    completed_at: Annotated[datetime | None, "When the observation was completed, UTC"] = None
    created_at: Annotated[datetime, "When the observation was created at the sender, UTC"] = EPOCH
    updated_at: Annotated[datetime, "When the observation was last changed, UTC"] = EPOCH


@dataclass(frozen=True)
class TelescopeCommand(Message):
    """A command from the control centre to a telescope's applications."""

    avro_doc: ClassVar[str] = "Command from the control centre to the applications of a telescope."

    command_id: Annotated[str, "Unique identifier of the command", _NAME] = ""
    command_type: Annotated[
        str,
        "start_observation or cancel_observation; refuse others as rejected",
        OneOf(tuple(CommandType)),
    ] = CommandType.START_OBSERVATION.value
    timestamp: Annotated[int, "When the command was issued, Unix time UTC [ms]"] = 0
    observation_request: Annotated[
        ObservationBase | None,
        "The observation to start, or a copy of the one to cancel",
        Required(),
    ] = None


@dataclass(frozen=True)
class CommandAcknowledgment(Message):
    """An application's word on a command; one at each step."""

    avro_doc: ClassVar[str] = "Acknowledgment of a command by one application of a telescope."

    ack_id: Annotated[str, "Unique identifier of the acknowledgment", _NAME]
    command_id: Annotated[str, "The command that is acknowledged", _NAME]
    timestamp: Annotated[int, "When the acknowledgment was sent, Unix time UTC [ms]"]
    status: Annotated[
        AckStatus, "How far the application is with the command", UnknownAs(AckStatus.RECEIVED)
    ]
    message: Annotated[str | None, "The same for people"] = None
    source_application: Annotated[
        str, "Name of the application, such as telescope-robotics", Length(0, ID_LENGTH)
    ] = ""
    source_hostname: Annotated[str | None, "Host that the application runs on"] = None
    progress_percent: Annotated[
        float | None, "Share that is done, 0 to 100 [%]", Between(0, 100)
    ] = None
    estimated_completion_time: Annotated[
        int | None, "When the command will be completed, Unix time UTC [ms]"
    ] = None
    error_code: Annotated[str | None, "Why it failed or was rejected, as a code"] = None
    error_details: Annotated[str | None, "Why it failed or was rejected, in words"] = None


@dataclass(frozen=True)
class TelescopeData(Message):
    """One piece of an observation's data."""

    avro_doc: ClassVar[str] = "One piece of the data of an observation."

    data_id: Annotated[str, "Unique identifier of the piece, 1 to 255 characters", _NAME]
    observation_id: Annotated[str, "The observation of the data, 1 to 255 characters", _NAME]
    sequence_number: Annotated[
        int,
        "Place of the piece within the observation, 0 to 2147483647",
        Between(0, INTEGER_MAX),
    ]
    timestamp: Annotated[int, "When the data were taken, Unix time UTC [ms]"]
    data_payload: Annotated[bytes | None, "The data, such as those of a spectrum or image"] = None


@dataclass(frozen=True)
class TelescopeStatus(Message):
    """How an application or a component of a telescope is."""

    avro_doc: ClassVar[str] = "Status of an application, or of a component, of a telescope."

    status_id: Annotated[str, "Unique identifier of the status", _NAME]
    timestamp: Annotated[int, "When the status was taken, Unix time UTC [ms]"]
    source_application: Annotated[
        str, "Name of the application, such as telescope-data-handler", Length(0, ID_LENGTH)
    ] = ""
    source_hostname: Annotated[str | None, "Host that the application runs on"] = None
    level: Annotated[StatusLevel, "How grave the status is", UnknownAs(StatusLevel.WARNING)] = (
        StatusLevel.INFO
    )
    component: Annotated[str, "Component that the status is of; empty: the application"] = ""
    message: Annotated[str, "The status in words"] = ""
    is_operational: Annotated[bool, "Whether the component can work"] = True
    current_observation_id: Annotated[str | None, "Observation under way"] = None
    cpu_usage_percent: Annotated[float | None, "CPU in use [%]"] = None
    memory_usage_percent: Annotated[float | None, "Memory in use [%]"] = None
    disk_usage_percent: Annotated[float | None, "Disk in use [%]"] = None
    error_code: Annotated[str | None, "What is wrong, as a code"] = None
    additional_info: Annotated[str | None, "Anything more, as text"] = None


@dataclass(frozen=True)
class Kind:
    """Where one kind of message goes.

    Attributes
    ----------
    message : type of Message
        Its class.
    topic_end : str
        Its topic is a telescope's prefix and this word.
    key_field : str
        Field that is the key in Kafka.
    file : str
        Its schema's file.
    """

    message: type[Message]
    topic_end: str
    key_field: str
    file: str


KINDS = (
    Kind(TelescopeCommand, "commands", "command_id", "telescope-command.avsc"),
    Kind(CommandAcknowledgment, "acknowledgments", "command_id", "command-acknowledgment.avsc"),
    Kind(TelescopeData, "data", "data_id", "telescope-data.avsc"),
    Kind(TelescopeStatus, "status", "source_application", "telescope-status.avsc"),
)
