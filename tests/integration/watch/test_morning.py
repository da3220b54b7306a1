"""The summary on demand: printed, told to nobody."""

import pytest
from django.core.management import call_command

from accounts.models import OutboxMail
from tests.integration.selected.world import Consumer, packet, received

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("watched")]


def test_the_summary_is_printed_and_told_to_nobody(session, capsys):
    made = Consumer()
    made.work(received(packet(1)))

    call_command("morning")

    assert OutboxMail.objects.count() == 0
    printed = capsys.readouterr().out
    assert printed.startswith("Nightjar, morning of ")
