"""One line per need: what is found, what is missing, what listens where, how to mend it."""

import json
import urllib.error
import urllib.request

from broker.config import Config, ConfigError, read_config
from compose.native import (
    crashes,
    jars,
    java,
    kafka,
    lifecycle,
    outside,
    outside_selected,
    planner,
    ports,
    postgres,
    profile,
    redis,
    selected,
    standins,
)
from compose.native.accounts import can_reach, server_account
from compose.native.beforehand import Need, installable, maven, python
from compose.native.home import Home
from compose.native.processes import running

STAND_INS = {
    "slack": standins.SLACK,
    "owncloud": standins.WEBDAV,
    "alerce": standins.ALERCE,
    "s3": standins.S3,
}
"""By the name of the need."""
HEALTH_S = 10.0
"""Longest that the page is waited for; it answers within half of that, whatever is down."""


def examine(home: Home) -> list[Need]:
    """Look at everything; start and change nothing."""
    try:
        read_config(with_native_env=False)
    except ConfigError as error:
        return [python(), Need("settings", is_met=False, text=str(error))]
    needs = [python(), Need("settings", is_met=True, text="every value is in bounds")]
    return [
        *needs,
        _postgres(home),
        _redis(),
        _java(),
        maven(),
        _jars(),
        planner.need(home),
        *_outside(home, read_config(with_native_env=False)),
        *_listening(home),
        *_crashing(home),
        *_unwell(home),
    ]


def _outside(home: Home, settings: Config) -> list[Need]:
    found = [*outside.needs(settings), *outside_selected.needs(settings)]
    return [with_stand_in(home, settings, need) for need in found]


def with_stand_in(home: Home, settings: Config, need: Need) -> Need:
    """Say of a server of others that the demo's stand-in takes its place, where that runs."""
    name = STAND_INS.get(need.name, "")
    if name not in standins.names(settings) or not running(home, name):
        return need
    text = f"the demo's stand-in runs, see :{name}; beside it: {need.text}"
    return Need(need.name, need.is_met, text)


def _postgres(home: Home) -> Need:
    setting = read_config(with_native_env=False).native.postgres_bin
    folder = postgres.find_programs(setting, None)
    if folder is None:
        return installable("postgres", f"postgresql-{postgres.LOWEST_MAJOR}")
    text = f"{postgres.version(folder)} at {folder}"
    account = server_account()
    if account:
        text += f", runs as {account.name}"
        if not can_reach(home.path / "postgres", account):
            text += f", its data under {postgres.PLACE_BESIDE}: {home.path} is closed to it"
    return Need("postgres", is_met=True, text=text)


def _redis() -> Need:
    program = redis.find_program()
    if program is None:
        return installable("redis", "redis-server")
    version = ".".join(str(part) for part in redis.version(program))
    return Need("redis", is_met=True, text=f"{version} at {program}")


def _java() -> Need:
    found = java.find_java()
    if found is None:
        return installable("java", java.PACKAGE)
    return Need("java", is_met=True, text=f"{java.version(found)} at {found}")


def _jars() -> Need:
    locked, found = len(jars.read_lock()), len(list(jars.LIBS.glob("*.jar")))
    text = f"Kafka {kafka.pinned_version()}, {found} of {locked} jars at {jars.LIBS}"
    if found < locked:
        text += "; Maven fetches them with the next up"
    return Need("kafka jars", is_met=True, text=text)


def _listening(home: Home) -> list[Need]:
    """Say of each part whether it answers, and of each free part whether its port is."""
    settings = read_config(with_native_env=False)
    known = profile.remembered(home)
    chosen = known or profile.choose(settings, is_free=False, is_throwaway=False)
    at = chosen.ports
    wanted = {
        "postgres": {"postgres": (at.postgres,)},
        "redis": {"redis": (at.redis,)},
        "kafka": {
            "kafka": (at.kafka,),
            "kafka_controller": (at.kafka_controller,),
            "scram": at.scram,
        },
        "web": {"web": (at.web,)},
    }
    numbers = {
        standins.SLACK: at.slack,
        standins.WEBDAV: at.webdav,
        standins.ALERCE: at.alerce,
        standins.S3: at.s3,
    }
    if chosen.is_demo or known is None:  # the first start may be that of the demo
        wanted |= {name: {name: (numbers[name],)} for name in standins.names(settings)}
    asking = selected.ASKING | selected.OF_TELESCOPES
    if known and selected.needs_registry(asking, chosen, settings):
        management = {"registry_management": (at.registry_management,)}
        wanted["registry"] = {"registry": (at.registry,)} | management
    if running(home, "connect"):
        wanted["connect"] = {"connect": (at.connect,)}
    states = {state.name: state for state in lifecycle.status(home)}
    return [_state_of(name, states.get(name), purposes) for name, purposes in wanted.items()]


def _state_of(
    name: str, state: lifecycle.State | None, purposes: dict[str, tuple[int, ...]]
) -> Need:
    numbers = " ".join(str(port) for group in purposes.values() for port in group)
    if state and state.record:
        good = state.says == "answers" or state.says.startswith("runs")
        advice = "" if good else f"; see: python compose/native logs {name}"
        return Need(f":{name}", good, f"{state.says} on {numbers}, pid {state.record.pid}{advice}")
    for purpose, group in purposes.items():
        for port in group:
            if not ports.is_free(port):
                return Need(f":{name}", is_met=False, text=ports.taken(purpose, port))
    said = state.says if state else "stopped"
    return Need(f":{name}", is_met=True, text=f"{said}; {numbers} free")


def _crashing(home: Home) -> list[Need]:
    """Name each of our processes that ended by itself."""
    return [Need(each.name, is_met=False, text=each.text) for each in crashes.found(home)]


def _unwell(home: Home) -> list[Need]:
    """Name what the running system itself says does not work, such as a queue nobody serves."""
    web = running(home, "web")
    if web is None or not web.ports:
        return []
    return [
        Need(name, is_met=False, text=part["text"])
        for name, part in _health(web.ports[0]).items()
        if part["state"] == "down"
    ]


def _health(port: int) -> dict[str, dict[str, str]]:
    """Return the parts on the page for machines; none when it does not answer, which :web says."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=HEALTH_S) as answer:
            return dict(json.load(answer)["parts"])
    except urllib.error.HTTPError as error:  # 503: something is down
        with error:
            return dict(json.load(error)["parts"])
    except OSError:
        return {}
