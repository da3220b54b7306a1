"""What the demo has in place of others: Slack, a WebDAV server, ALeRCE behind three filters, S3.

Each stands in only where the settings name no real one.
"""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from broker.config import Config
from broker.sections.gw_plans import DEFAULT_GROUPS
from broker.sections.lasair import LasairTopicSettings
from compose.native.home import Home
from compose.native.ours import MANAGE, PYTHON, Process
from compose.native.ports import LOOPBACK, Ports
from compose.native.profile import Profile
from pipeline.simulate import observatory
from pipeline.simulate.alerce import settings as settings_of
from pipeline.simulate.lasair import SURVEYS, TOPICS

SLACK, WEBDAV, ALERCE, S3 = "slack", "webdav", "alerce", "s3"
WEBDAV_USER = "demo"
OPEN_PATH = "/files/"
"""Where a browser reads the folder without a login."""
MORNING_READER = "data-manager@demo.invalid"
"""Reads the morning summary, as a file in the folder of mails."""
BUCKET = "nightjar-demo"
S3_LOGIN = {"AWS_ACCESS_KEY_ID": "demo", "AWS_SECRET_ACCESS_KEY": "demo"}
"""Of nobody: the stand-in lets everybody in, and boto3 asks for one."""
COPIES_EVERY_H = 0.02
"""Somebody who watches a demo does not wait for two hours."""
CHANNELS = {
    "NIGHTJAR_SLACK__GW_CHANNEL": "C0GW",
    "NIGHTJAR_GW__MOCK_CHANNEL": "C0MOCKS",
    "NIGHTJAR_SLACK__OBSERVATIONS_CHANNEL": "C0OBSERVATIONS",
}
OPERATORS = "C0OPERATORS"
"""Is told when a telescope falls silent."""
PLAN_GROUPS = (
    {"telescopes": ["TCA"], "max_tiles": [10], "strategy": "tiling"},
    {"telescopes": ["Abastumani-T70"], "max_tiles": [10], "strategy": "galaxies"},
)
"""Two northern telescopes, from which the demo's event is high at midnight in every season."""


def names(settings: Config) -> tuple[str, ...]:
    """Return what stands in where the settings name nothing real."""
    has_slack = settings.slack.token.get_secret_value()
    return tuple(
        name
        for name, is_real in (
            (SLACK, has_slack),
            (WEBDAV, settings.owncloud.url),
            (ALERCE, settings.lasair.topics),
            (S3, settings.s3.bucket),
        )
        if not is_real
    )


def processes(settings: Config, at: Ports) -> tuple[Process, ...]:
    """Return the stand-ins as processes of ours."""
    known = {
        SLACK: Process(SLACK, (PYTHON, "-m", "pipeline.simulate.slack"), port=at.slack),
        WEBDAV: Process(WEBDAV, (PYTHON, "-m", "compose.native.webdav"), port=at.webdav),
        ALERCE: Process(ALERCE, (PYTHON, "-m", "pipeline.simulate.alerce_server"), port=at.alerce),
        S3: Process(S3, (PYTHON, "-m", "compose.native.s3"), port=at.s3),
    }
    return tuple(known[name] for name in names(settings))


def with_login(process: Process, settings: Config) -> Process:
    """Return a process of ours with what it needs to use the S3 stand-in."""
    if S3 not in names(settings):
        return process
    return replace(process, environment={**process.environment, **S3_LOGIN})


def variables(settings: Config, at: Ports, passwords: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that lead to the stand-ins, and those that the demo's events need."""
    found = {"NIGHTJAR_GW__PLAN_MOCKS": "true"}
    if not (settings.mail.host or settings.watch.mail_to):
        found["NIGHTJAR_WATCH__MAIL_TO"] = MORNING_READER
    if settings.gw.plan_groups == DEFAULT_GROUPS:
        found["NIGHTJAR_GW__PLAN_GROUPS"] = json.dumps(PLAN_GROUPS, separators=(",", ":"))
    standing_in = names(settings)
    if SLACK in standing_in:
        found |= CHANNELS | {
            "NIGHTJAR_SLACK__BASE_URL": f"http://{LOOPBACK}:{at.slack}/api/",
            "NIGHTJAR_SLACK__TOKEN": f"xoxb-{passwords['SLACK_TOKEN']}",
            "NIGHTJAR_SLACK__SIGNING_SECRET": passwords["SLACK_SIGNING_SECRET"],
        }
    if WEBDAV in standing_in:
        address = f"http://{LOOPBACK}:{at.webdav}"
        found |= {
            "NIGHTJAR_OWNCLOUD__URL": f"{address}/remote.php/dav/files/{WEBDAV_USER}",
            "NIGHTJAR_OWNCLOUD__USER": WEBDAV_USER,
            "NIGHTJAR_OWNCLOUD__PASSWORD": passwords["WEBDAV_PASSWORD"],
            "NIGHTJAR_OWNCLOUD__LINK_BASE": f"{address}{OPEN_PATH}",
            "NIGHTJAR_OWNCLOUD__MOCKS": "true",
        }
    if ALERCE in standing_in:
        found |= _of_lasair(at)
    if S3 in standing_in:
        found |= {
            "NIGHTJAR_S3__BUCKET": BUCKET,
            "NIGHTJAR_S3__REGION": "us-east-1",
            "NIGHTJAR_S3__ENDPOINT_URL": f"http://{LOOPBACK}:{at.s3}",
            "NIGHTJAR_S3__EVERY_H": str(COPIES_EVERY_H),
        }
    return found


def replaced(settings: Config, chosen: Profile) -> dict[str, Any]:
    """Return the settings that say which processes a demo has, where nobody has chosen others."""
    found: dict[str, Any] = {}
    if ALERCE in names(settings):
        topics = tuple(LasairTopicSettings(name=name, survey=SURVEYS[name]) for name in TOPICS)
        found["lasair"] = settings.lasair.model_copy(update={"topics": topics})
    if chosen.is_telescope and not settings.telescopes:
        found["telescopes"] = observatory.TELESCOPES
    return found


def players(settings: Config, home: Home) -> tuple[Process, ...]:
    """Return the simulators of the demo's telescopes; none beside telescopes of others."""
    if settings.telescopes:
        return ()
    return tuple(_played(each, home) for each in observatory.players())


def of_telescopes(settings: Config) -> dict[str, str]:
    """Return the settings of a demo with telescopes, where nobody has chosen others."""
    if settings.telescopes:
        return {}
    records = {
        name: record.model_dump(mode="json") for name, record in observatory.TELESCOPES.items()
    }
    found = {
        "NIGHTJAR_TELESCOPES": json.dumps(records, separators=(",", ":")),
        "NIGHTJAR_TELESCOPE__STALE_AFTER_S": str(observatory.STALE_AFTER_S),
        "NIGHTJAR_TELESCOPE__ALARM_AFTER_S": str(observatory.ALARM_AFTER_S),
        "NIGHTJAR_TELESCOPE__RECEIVE_WITHIN_S": str(observatory.RECEIVE_WITHIN_S),
    }
    if SLACK in names(settings):
        found["NIGHTJAR_SLACK__OPERATORS_CHANNEL"] = OPERATORS
    return found


def _played(player: observatory.Player, home: Home) -> Process:
    login = observatory.login_file(home.path, player)
    words = (*MANAGE, "simulate_telescope", "--name", player.telescope, "--login", str(login))
    return Process(f"simulate-{player.principal}", (*words, *player.options))


def _of_lasair(at: Ports) -> dict[str, str]:
    """Return the settings of filters on our own broker, whose images come from the stand-in."""
    topics = [{"name": name, "survey": SURVEYS[name]} for name in TOPICS]
    return settings_of(f"http://{LOOPBACK}:{at.alerce}") | {
        "NIGHTJAR_ALERCE__REQUESTS_PER_S": "50",
        "NIGHTJAR_LASAIR__TOPICS": json.dumps(topics, separators=(",", ":")),
        "NIGHTJAR_LASAIR__ZTF_SERVERS": "",
        "NIGHTJAR_LASAIR__LSST_SERVERS": "",
    }
