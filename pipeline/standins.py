"""What stands in on this machine for servers of others, for the demo's pages and closing words."""

from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from broker.config import Config

LOOPBACK = {"127.0.0.1", "localhost"}


class StandIn(NamedTuple):
    """One of them."""

    title: str
    url: str
    text: str


def found(settings: Config) -> list[StandIn]:
    """Return those that the settings lead to; none where real servers are used, or nothing."""
    slack = settings.slack
    mocks = settings.gw.mock_channel
    page = urljoin(slack.base_url, f"/channels/{mocks}" if mocks else "/")
    cloud = settings.owncloud
    folder = f"{cloud.link_base}{cloud.root}/"
    s3 = settings.s3
    bucket = StandIn("S3", f"{s3.endpoint_url}/{s3.bucket}", "copies of files, as S3 lists them")
    known = [
        (
            bool(slack.token.get_secret_value()),
            StandIn("Slack", page, "cards and plans of the mock events; its buttons work"),
        ),
        (bool(cloud.url), StandIn("OwnCloud", folder, "notices, sky maps and plans as files")),
        (bool(s3.bucket), bucket),
    ]
    return [each for is_used, each in known if is_used and urlsplit(each.url).hostname in LOOPBACK]
