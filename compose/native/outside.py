"""What doctor says of servers of others, and of what GW follow-up needs beside them.

Each is asked once, within seconds, and only where the settings name it: none is needed to start.
"""

from collections.abc import Callable

import sqlalchemy.exc
from nightjar_telescope.schema import schema_text

from broker.config import Config
from broker.db import transaction
from broker.errors import TransientError
from broker.kafka_login import LoginOutcome, try_gcn
from compose.native.beforehand import Need
from pipeline.clients.kafka_connect import FAILED, KafkaConnect
from pipeline.clients.s3 import Bucket
from pipeline.clients.s3_errors import S3RefusedError
from pipeline.clients.s3_privacy import privacy
from pipeline.clients.schema_registry import WHOLE_PATH, SchemaRefusedError, SchemaRegistry
from pipeline.clients.slack import connect
from pipeline.clients.slack_errors import SlackRefusedError
from pipeline.clients.slack_manifest import SCOPES
from pipeline.clients.webdav import WebDav, WebDavRefusedError
from pipeline.gw import hosts
from pipeline.gw.telescopes import is_known
from pipeline.s3.sync import admit
from pipeline.telescope import connector
from pipeline.telescope.record import telescopes as bus_telescopes
from pipeline.telescope.registration import subjects

PATIENCE_S = 5
"""Of each call."""


def needs(settings: Config) -> list[Need]:
    """Return what is to be said; the settings are without the demo's stand-ins."""
    return [
        slack(settings),
        owncloud(settings),
        s3(settings),
        gcn(settings),
        galaxies(),
        telescopes(settings),
        schemas(settings),
        kafka_connect(settings),
    ]


def telescopes(settings: Config) -> Need:
    """Say whether the table has every telescope that is planned by itself."""
    names = {name for group in settings.gw.plan_groups for name in group.telescopes}
    unknown = sorted(name for name in names if not is_known(name))
    if unknown:
        text = f"gw.plan_groups: not planned, for the table has no {', '.join(unknown)}: "
        return Need("telescopes", is_met=False, text=f"{text}the names stand at /gw/telescopes")
    return Need("telescopes", is_met=True, text=f"{len(names)} are planned by themselves")


def schemas(settings: Config) -> Need:
    """Say whether the registry has the schema of every topic of the telescopes on the bus."""
    wanted = subjects(bus_telescopes(settings))
    if not wanted:
        without = "no telescope is commanded"
        return _absent("schemas", "[telescopes.NAME]", without, "docs/telescope.md")
    place = settings.registry.url
    registry = SchemaRegistry(place, PATIENCE_S)
    try:
        missing = [
            subject
            for subject, message in wanted
            if registry.version(subject, schema_text(message).encode()) is None
        ]
    except (SchemaRefusedError, TransientError) as error:
        text = f"{error}; here: compose/native up registry; {WHOLE_PATH}"
        return Need("schemas", is_met=False, text=text)
    if missing:
        text = f"{place} lacks {missing[0]}, {len(missing)} of {len(wanted)}: manage.py"
        register = "generate_schemas --register"
        return Need("schemas", is_met=False, text=f"{text} {register}; {WHOLE_PATH}")
    return Need("schemas", is_met=True, text=f"{place} has all {len(wanted)}")


def kafka_connect(settings: Config) -> Need:
    """Say whether Kafka Connect's connector runs, with all its tasks, on every telescope's data."""
    place = settings.telescope.connect_url
    if not place:
        without = "our own sink stores telescopes' data"
        return _absent("connect", "telescope.connect_url", without, "docs/telescope-connect.md")
    worker, name = KafkaConnect(place, PATIENCE_S), connector.NAME
    try:
        parts, read = worker.parts(name), worker.topics(name)
    except TransientError as error:
        return Need("connect", is_met=False, text=f"{error}; here: compose/native up connect")
    if parts is None or read is None:
        text = f"{place} has no {name}: compose/connect/deploy-connector.sh"
        return Need("connect", is_met=False, text=text)
    failed = [f"{part.name} failed: {part.trace}" for part in parts if part.state == FAILED]
    if failed or len(parts) == 1:
        text = "; ".join(failed) or f"{name} has no task"
        restart = f"POST {place}/connectors/{name}/restart?includeTasks=true&onlyFailed=true"
        return Need("connect", is_met=False, text=f"{text}; when mended: {restart}")
    unread = sorted({each.data for each in bus_telescopes(settings)} - read)
    if unread:
        text = f"{name} does not read {', '.join(unread)}: manage.py connector_config, deploy again"
        return Need("connect", is_met=False, text=text)
    states = ", ".join(f"{part.name} {part.state}" for part in parts)
    return Need("connect", is_met=True, text=f"{name} at {place}: {states}")


def slack(settings: Config) -> Need:
    """Say whether Slack takes the token, and which of its rights are missing."""
    client = connect(settings, PATIENCE_S, retries=0)
    if client is None:
        return _absent("slack", "slack.token", "nobody is told of GW events", "docs/slack.md")
    try:
        missing = sorted(set(SCOPES) - client.scopes())
    except (SlackRefusedError, TransientError) as error:
        return Need("slack", is_met=False, text=f"{error}; see docs/slack.md")
    if missing:
        text = f"the app lacks {', '.join(missing)}: add them under OAuth & Permissions, reinstall"
        return Need("slack", is_met=False, text=text)
    channels = settings.slack.gw_channel or "none: set slack.gw_channel"
    return Need("slack", is_met=True, text=f"the token has every right; channel {channels}")


def owncloud(settings: Config) -> Need:
    """Say whether OwnCloud takes the login."""
    place = settings.owncloud
    if not place.url:
        return _absent("owncloud", "owncloud.url", "no files are shared", "docs/owncloud.md")
    brief = place.model_copy(update={"connect_timeout_s": PATIENCE_S, "read_timeout_s": PATIENCE_S})
    try:
        with WebDav.from_settings(brief) as dav:
            dav.try_login(place.root)
    except (WebDavRefusedError, TransientError) as error:
        text = f"{error}; mend owncloud.url, .user or .password: docs/owncloud.md"
        return Need("owncloud", is_met=False, text=text)
    return Need("owncloud", is_met=True, text=f"{place.user} may log in at {place.url}")


def s3(settings: Config) -> Need:
    """Say whether the bucket is there, and whether strangers may read it."""
    place = settings.s3
    if not place.bucket:
        without = "tables, images and packets lie on this machine alone"
        return _absent("s3", "s3.bucket", without, "docs/s3.md")
    brief = place.model_copy(
        update={
            "connect_timeout_s": PATIENCE_S,
            "read_timeout_s": PATIENCE_S,
            "attempts": 1,
        }
    )
    try:
        with Bucket.from_settings(brief) as bucket:
            admit(bucket, brief)
            found = privacy(bucket)
    except (S3RefusedError, TransientError) as error:
        return Need("s3", is_met=False, text=f"{error}; see docs/s3.md")
    said = {
        "private": "no stranger may read it",
        "public": "strangers may read it",
        "unknown": "the store does not say who may read it",
    }
    return Need("s3", is_met=True, text=f"the bucket {place.bucket} is there; {said[found]}")


def gcn(settings: Config, ask: Callable[[float], LoginOutcome] = try_gcn) -> Need:
    """Say whether GCN takes the login of the listeners."""
    ours = settings.gcn
    if not (ours.client_id or ours.bootstrap_servers):
        without = "notices are read on our own broker only"
        return _absent("gcn", "gcn.client_id", without, "https://gcn.nasa.gov/quickstart")
    place = ours.bootstrap_servers or ours.domain
    outcome = ask(2.0 * PATIENCE_S)
    advice = {
        LoginOutcome.ACCEPTED: "",
        LoginOutcome.REFUSED: "; mend gcn.client_id, .client_secret or .domain",
        LoginOutcome.UNREACHABLE: "; is it, or the network, down? A notice: manage.py notice FILE",
    }
    is_met = outcome is LoginOutcome.ACCEPTED
    return Need("gcn", is_met=is_met, text=f"{place}: login {outcome}{advice[outcome]}")


def galaxies() -> Need:
    """Say whether there is a catalog from which galaxies are targeted."""
    try:
        with transaction() as session:
            is_there = hosts.is_loaded(session)
    except sqlalchemy.exc.SQLAlchemyError:
        return Need("galaxies", is_met=True, text="known when Postgres runs: make up")
    text = "the catalog is loaded" if is_there else f"no galaxy targeting: {hosts.NOT_LOADED}"
    return Need("galaxies", is_met=True, text=text)


def _absent(name: str, setting: str, without: str, where: str) -> Need:
    return Need(name, is_met=True, text=f"{setting} is not set: {without}; see {where}")
