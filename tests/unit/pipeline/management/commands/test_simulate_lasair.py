"""``manage.py simulate_lasair`` without Kafka."""

import pytest
from django.core.management import CommandError, call_command

from pipeline.simulate import lasair


@pytest.mark.parametrize("words", [["--count=0"], ["--gap=-1"]])
def test_what_makes_no_sense_is_refused(words):
    with pytest.raises(CommandError, match="1 or more"):
        call_command("simulate_lasair", *words)


def test_messages_are_shown_with_their_topics(capsys):
    call_command("simulate_lasair", "--to=stdout", "--count=2")

    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [*lasair.TOPICS, *lasair.TOPICS]
    assert '"objectId": "ZTF26nightja"' in lines[0]
