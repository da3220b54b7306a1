"""``python -m pipeline.simulate.slack``: serve the stand-in that ``slack.base_url`` names."""

import signal
import sys
from urllib.parse import urlsplit

from broker.config import Config, config, project_path
from pipeline.simulate.slack.server import HOST, StandIn
from pipeline.simulate.slack.workspace import Channel, Workspace

FOLDER = "slack"
"""Below the home of the native parts."""
SHIFTER = "U0SHIFTER"
"""Who decides once a staff record names her."""
PEOPLE = {SHIFTER: "Vera", "U0TEAM": "Subra"}
"""The other is of a telescope's team."""


def workspace(settings: Config) -> Workspace:
    """Return a workspace with the channels and secrets that the settings name."""
    ours = settings.slack
    names = {
        ours.gw_channel: "gwalerts",
        ours.grb_channel: "grbalerts",
        settings.gw.mock_channel: "gw-mocks",
        ours.observations_channel: "observations",
        ours.operators_channel: "operators",
    }
    return Workspace(
        project_path(settings.home) / FOLDER,
        ours.token.get_secret_value(),
        ours.signing_secret.get_secret_value(),
        {channel: Channel(channel, name) for channel, name in names.items() if channel},
        dict(PEOPLE),
    )


def main() -> None:
    """Serve until SIGTERM or Ctrl-C."""
    settings = config()
    port = urlsplit(settings.slack.base_url).port
    host = urlsplit(settings.slack.base_url).hostname
    if host != HOST or port is None:
        sys.exit(f"slack.base_url is not on {HOST}: set it to http://{HOST}:18090/api/")
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    action_url = f"http://{settings.web.host}:{settings.web.port}/api/slack/actions"
    standin = StandIn(workspace(settings), port, action_url)
    try:
        standin.serve_forever()
    except KeyboardInterrupt:
        standin.server_close()


if __name__ == "__main__":
    main()
