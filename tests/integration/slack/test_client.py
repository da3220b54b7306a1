"""The client against the stand-in, over HTTP: what is done, what is refused, what nobody knows."""

import pytest

from broker.errors import TransientError
from pipeline.clients.slack import Picture
from pipeline.clients.slack_errors import SlackBusyError, SlackRefusedError
from pipeline.gw.blocks import Message
from pipeline.simulate.slack.faults import Fault
from pipeline.simulate.slack.workspace import Workspace
from tests.slack import (
    ARCHIVED,
    FOREIGN,
    GW,
    SECRET,
    SHIFTER,
    TOKEN,
    client,
    make_workspace,
    texts,
)

pytestmark = pytest.mark.integration
DIVIDER = ({"type": "divider"},)
PNG = Picture("map.png", b"\x89PNG\r\n\x1a\n", "Sky map", "90 % inside 28 deg²")
DIALOG = {
    "type": "modal",
    "callback_id": "plan_options",
    "title": {"type": "plain_text", "text": "Plan"},
    "blocks": [{"type": "divider"}],
}


def test_a_message_is_posted_with_its_delivery_and_found_by_it(slack, standin):
    ts = slack.post(GW, Message("told", DIVIDER), "d1")

    assert slack.find(GW, "d1") == [ts]
    assert slack.find(GW, "d2") == []
    assert standin.workspace.messages[GW, ts]["blocks"] == list(DIVIDER)


def test_a_reply_is_found_in_its_thread_only(slack):
    root = slack.post(GW, Message("event", ()), "d1")
    reply = slack.post(GW, Message("card", ()), "d2", root)

    assert slack.find(GW, "d2", root) == [reply]
    assert slack.find(GW, "d2") == []


def test_doubles_are_found_the_oldest_first_and_removed_once(slack, standin):
    doubles = [slack.post(GW, Message("told", ()), "d1") for _ in range(2)]

    assert slack.find(GW, "d1") == doubles

    for _ in range(2):
        slack.delete(GW, doubles[1])
    assert slack.find(GW, "d1") == doubles[:1]
    again = Workspace(standin.workspace.folder, TOKEN, SECRET, {}, {})
    assert list(again.messages) == [(GW, doubles[0])]


def test_a_message_before_the_time_is_not_looked_at(slack):
    ts = slack.post(GW, Message("told", ()), "d1")

    assert slack.find(GW, "d1", oldest_s=float(ts) + 1) == []


def test_a_search_turns_pages(slack, monkeypatch):
    monkeypatch.setattr("pipeline.clients.slack.PAGE", 2)
    first = slack.post(GW, Message("first", ()), "d0")
    for number in range(1, 6):
        slack.post(GW, Message("later", ()), f"d{number}")

    assert slack.find(GW, "d0") == [first]


def test_an_update_replaces_what_is_said_and_keeps_the_delivery(slack, standin):
    ts = slack.post(GW, Message("pending", DIVIDER), "d1")

    slack.update(GW, ts, Message("decided", ()))

    assert texts(standin, GW) == ["decided"]
    assert standin.workspace.messages[GW, ts]["blocks"] == []
    assert slack.find(GW, "d1") == [ts]


def test_blocks_that_are_refused_leave_the_plain_text(slack, standin):
    slack.post(GW, Message("told", [{"type": "divider"}] * 51), "d1")

    assert texts(standin, GW) == ["told"]


def test_a_picture_is_shown_and_found_by_its_name(slack, standin):
    root = slack.post(GW, Message("event", ()), "d1")

    slack.upload(GW, PNG, "d2", root)

    (ts,) = slack.find(GW, "d2", root)
    (file,) = standin.workspace.messages[GW, ts]["files"]
    assert (file["title"], file["alt_txt"]) == (PNG.title, PNG.alt_text)
    assert standin.workspace.file_path(file["id"]).read_bytes() == PNG.content
    assert slack.find(GW, "d3", root) == []


def test_a_file_goes_to_no_other_host(slack, standin, monkeypatch):
    monkeypatch.setattr(type(standin), "url", "http://localhost:1")
    root = slack.post(GW, Message("event", ()), "d1")

    with pytest.raises(SlackRefusedError, match=r"host localhost is not in slack\.upload_hosts"):
        slack.upload(GW, PNG, "d2", root)


def test_a_dialog_opens_once_for_a_click(slack, standin):
    standin.workspace.triggers.make("t1", SHIFTER)

    slack.open_dialog("t1", DIALOG)

    assert standin.workspace.triggers.opened_by("t1")
    with pytest.raises(SlackRefusedError, match="exchanged_trigger_id"):
        slack.open_dialog("t1", DIALOG)


def test_a_whisper_a_link_and_a_direct_channel(slack, standin):
    ts = slack.post(GW, Message("event", ()), "d1")

    slack.whisper(GW, SHIFTER, "no", ts)

    assert [(each["to"], each["text"]) for each in standin.workspace.whispers] == [(SHIFTER, "no")]
    assert slack.link(GW, ts).endswith(f"#{ts}")
    assert slack.post(slack.direct_channel(SHIFTER), Message("look", ()), "d2")


@pytest.mark.parametrize(
    ("channel", "code"),
    [("C0NONE", "channel_not_found"), (FOREIGN, "not_in_channel"), (ARCHIVED, "is_archived")],
)
def test_a_channel_that_cannot_be_told_is_a_refusal_for_good(slack, channel, code):
    with pytest.raises(SlackRefusedError) as refused:
        slack.post(channel, Message("told", ()), "d1")

    assert refused.value.code == code


def test_a_wrong_token_is_a_refusal_that_does_not_show_it(standin):
    with pytest.raises(SlackRefusedError) as refused:
        client(standin, NIGHTJAR_SLACK__TOKEN="xoxb-wrong").post(GW, Message("told", ()), "d1")

    assert refused.value.code == "invalid_auth"
    assert "xoxb-wrong" not in repr(refused.value)


def test_too_many_calls_are_waited_for_twice(slack, standin):
    standin.faults.add("chat.postMessage", Fault("busy", seconds=0), 2)

    slack.post(GW, Message("told", ()), "d1")

    assert standin.calls == ["chat.postMessage"] * 3


def test_a_long_wait_is_left_to_whoever_called(slack, standin):
    standin.faults.add("chat.postMessage", Fault("busy", seconds=60))

    with pytest.raises(SlackBusyError) as busy:
        slack.post(GW, Message("told", ()), "d1")

    assert busy.value.wait_s == 60
    assert texts(standin, GW) == []


def test_far_too_many_calls_are_told_with_the_wait(slack, standin):
    standin.faults.add("chat.postMessage", Fault("busy", seconds=0), 3)

    with pytest.raises(SlackBusyError) as busy:
        slack.post(GW, Message("told", ()), "d1")

    assert busy.value.wait_s == 1
    assert texts(standin, GW) == []


@pytest.mark.parametrize(
    "fault",
    [
        Fault("broken"),
        Fault("cut"),
        Fault("drop"),
        Fault("hang", seconds=2.5),
        Fault("refuse", error="internal_error"),
    ],
    ids=lambda fault: fault.kind,
)
def test_what_went_wrong_on_the_way_is_tried_once(slack, standin, fault):
    standin.faults.add("chat.postMessage", fault)

    with pytest.raises(TransientError):
        slack.post(GW, Message("told", ()), "d1")

    assert standin.calls == ["chat.postMessage"]


def test_a_message_whose_answer_was_lost_is_found(slack, standin):
    standin.faults.add("chat.postMessage", Fault("drop"))
    with pytest.raises(TransientError):
        slack.post(GW, Message("told", ()), "d1")

    assert slack.find(GW, "d1")


def test_a_file_that_did_not_arrive_is_not_shown(slack, standin):
    root = slack.post(GW, Message("event", ()), "d1")
    standin.faults.add("upload", Fault("broken"))

    with pytest.raises(TransientError):
        slack.upload(GW, PNG, "d2", root)

    assert slack.find(GW, "d2", root) == []


def test_a_stand_in_that_starts_again_remembers(slack, standin, tmp_path):
    ts = slack.post(GW, Message("told", ()), "d1")

    assert make_workspace(tmp_path).messages[GW, ts]["text"] == "told"
