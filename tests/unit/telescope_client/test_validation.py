"""What may not be sent is named with its field and limit; the limits themselves may be."""

import math
from datetime import UTC, datetime

import pytest
from nightjar_telescope import InvalidMessageError, problems, validate
from nightjar_telescope.messages import UserBase

from tests.unit.telescope_client.messages import (
    acknowledgment,
    command,
    data,
    one_of_each,
    status,
)

ALLOWED = [
    *one_of_each(),
    command(ra=0.0),
    command(ra=math.nextafter(360, 0)),
    command(dec=-90.0),
    command(dec=90),
    command(center_frequency=0.0, rf_gain=-3.0),
    command(output_filename="a" * 200),
    command(output_filename="_.-"),
    command(target_name="Μ 31 ☄", observation_id="o" * 255),
    command(submitted_at=datetime(2026, 1, 1, tzinfo=UTC)),
    command(command_type="cancel_observation"),
    acknowledgment(progress_percent=0.0),
    acknowledgment(progress_percent=100.0, estimated_completion_time=2**63 - 1),
    data(sequence_number=0),
    data(sequence_number=2**31 - 1, data_payload=None),
    data(timestamp=-1, data_payload=b"\0"),
    status(cpu_usage_percent=101.5, source_application=""),
]
REFUSED = [
    (command(ra=360.0), "observation_request.ra = 360.0: must be at least 0 and below 360"),
    (command(ra=-0.001), "observation_request.ra = -0.001: must be at least 0 and below 360"),
    (command(dec=90.0001), "dec = 90.0001: must be at least -90 and at most 90"),
    (command(dec=-91), "dec = -91: must be at least -90 and at most 90"),
    (command(ra=math.nan), "ra = nan: must be finite"),
    (command(bb_gain=math.inf), "bb_gain = inf: must be finite"),
    (command(center_frequency=-1.0), "center_frequency = -1.0: must be at least 0"),
    (command(integration_time=0.0), "integration_time = 0.0: must be above 0"),
    (command(integration_time=math.nan), "integration_time = nan: must be finite"),
    (command(output_filename="../x.fits"), "output_filename = '../x.fits': must be 1 to 200"),
    (command(output_filename=".x"), "output_filename = '.x': must be"),
    (command(output_filename="x\n"), r"output_filename = 'x\n': must be"),
    (command(output_filename="a" * 201), "must be 1 to 200 characters"),
    (command(target_name=""), "target_name = '': must have 1 to 255 characters, has 0"),
    (command(target_name="a" * 256), "must have 1 to 255 characters, has 256"),
    (command(target_name="a\0"), r"target_name = 'a\x00': must not contain a NUL"),
    (command(target_name="\ud800"), "must be text that UTF-8 can carry"),
    (command(observation_id=""), "observation_id = '': must have 1 to 255"),
    (command(ra="10"), "ra = '10': must be float, is str"),
    (command(ra=True), "ra = True: must be float, is bool"),
    (command(user_id=1.0), "user_id = 1.0: must be int, is float"),
    (command(created_at=datetime.now(UTC).replace(tzinfo=None)), "must have a time zone"),
    (
        command(user=UserBase("u", "n", "a@b.c", 1, True, datetime(2026, 1, 1, tzinfo=UTC))),
        "must be null: no personal data on the bus",
    ),
    (command(command_id=""), "command_id = '': must have 1 to 255"),
    (command(command_type="park"), "must be one of start_observation, cancel_observation"),
    (command(observation_request=None), "observation_request = None: must not be null"),
    (command(timestamp=2**63), "must fit 64 bits"),
    (command(timestamp=None), "timestamp = None: must not be null"),
    (acknowledgment(status="started"), "status = 'started': must be AckStatus, is str"),
    (acknowledgment(progress_percent=100.5), "must be at least 0 and at most 100"),
    (data(sequence_number=2**31), "sequence_number = 2147483648: must be at least 0"),
    (data(sequence_number=-1), "sequence_number = -1: must be at least 0 and at most 2147483647"),
    (data(data_id="x\0"), "must not contain a NUL"),
    (data(data_payload="text"), "must be bytes, is str"),
    (status(memory_usage_percent=math.nan), "memory_usage_percent = nan: must be finite"),
    (status(is_operational=1), "is_operational = 1: must be bool, is int"),
]


@pytest.mark.parametrize("message", ALLOWED, ids=repr)
def test_what_may_be_sent_has_no_problem(message):
    validate(message)


@pytest.mark.parametrize(("message", "says"), REFUSED, ids=[says for _, says in REFUSED])
def test_what_may_not_is_named_with_field_and_limit(message, says):
    with pytest.raises(InvalidMessageError) as caught:
        validate(message)

    assert says in str(caught.value)
    assert len(caught.value.problems) == 1


def test_all_that_is_wrong_is_named_at_once():
    found = problems(command(ra=400.0, dec=100.0, target_name=""))

    assert [each.field for each in found] == [
        "observation_request.target_name",
        "observation_request.ra",
        "observation_request.dec",
    ]


def test_a_long_value_is_cut_in_the_message():
    with pytest.raises(InvalidMessageError) as caught:
        validate(command(output_filename="a" * 10_000))

    assert len(str(caught.value)) < 300
