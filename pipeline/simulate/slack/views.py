"""Dialogs: ``views.open``."""

from typing import Any

from pipeline.simulate.slack.refusal import Arguments, Refusal
from pipeline.simulate.slack.rules import problems_of_view
from pipeline.simulate.slack.workspace import TEAM, Workspace


def open_view(workspace: Workspace, asked: Arguments, _: str) -> dict[str, Any]:
    """Answer ``views.open``."""
    view = asked.get("view")
    if problems := list(problems_of_view(view)):
        raise Refusal("invalid_arguments", problems)
    opened = {**dict(view or {}), "id": workspace.new_id("V"), "team_id": TEAM["id"]}
    if code := workspace.triggers.use(str(asked.get("trigger_id")), opened):
        raise Refusal(code)
    return {"view": opened}
