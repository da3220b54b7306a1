"""The app that the manifest makes may do what the client does, and sends clicks where we listen."""

import re
from io import StringIO

import yaml
from django.core.management import call_command
from django.urls import reverse

from broker.config import ROOT, config
from pipeline.clients.slack_manifest import ACTIONS_PATH, SCOPES, manifest

NEEDED = {
    "chat_postMessage": {"chat:write"},
    "chat_update": {"chat:write"},
    "chat_delete": {"chat:write"},
    "chat_postEphemeral": {"chat:write"},
    "chat_getPermalink": set(),
    "views_open": set(),
    "files_getUploadURLExternal": {"files:write"},
    "files_completeUploadExternal": {"files:write"},
    "conversations_open": {"im:write"},
    "conversations_history": {"channels:history", "groups:history", "im:history"},
    "conversations_replies": {"channels:history", "groups:history"},
}
"""Scopes of each method of the Web API, as Slack's reference names them."""
FOR_METADATA = {"metadata.message:read"}
URL = "https://nightjar.example.org"


def called():
    source = (ROOT / "pipeline/clients/slack.py").read_text()
    return set(re.findall(r"self\._web\.((?:chat|views|files|conversations)_\w+)", source))


def test_the_committed_manifest_is_what_the_code_says():
    assert (ROOT / "docs/slack-manifest.yml").read_text() == manifest(URL)


def test_the_bot_may_do_what_the_client_asks_and_nothing_else():
    assert called() == NEEDED.keys()
    assert SCOPES.keys() == set.union(*NEEDED.values()) | FOR_METADATA


def test_clicks_go_where_we_listen():
    read = yaml.safe_load(manifest(URL))

    assert reverse("slack_actions") == ACTIONS_PATH
    assert read["settings"]["interactivity"]["request_url"] == URL + ACTIONS_PATH
    assert read["oauth_config"]["scopes"]["bot"] == list(SCOPES)


def test_the_command_names_this_server():
    printed = StringIO()

    call_command("slack_manifest", stdout=printed)

    assert printed.getvalue() == manifest(config().web.public_url)
