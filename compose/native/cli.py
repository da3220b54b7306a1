"""The verbs of ``python compose/native``."""

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from dotenv import dotenv_values

from compose.native.home import Home, NativeError

LOG_LINES = 40


def main(arguments: Sequence[str]) -> int:
    """Run one verb; return the exit code."""
    home = Home.named(os.environ.get("NIGHTJAR_HOME", ".nightjar"))
    if arguments[:1] == ["supervise"]:
        return _supervise(home, arguments[1], arguments[3:])
    from broker.config import ConfigError

    options = _parser().parse_args(arguments)
    try:
        return _VERBS[options.verb](home, options)
    except (NativeError, ConfigError) as error:
        print(error, file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="compose/native", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help="start parts; harmless when they run")
    up.add_argument(
        "parts", nargs="*", metavar="PART", help="servers (default), processes, cluster, names"
    )
    up.add_argument("--free-ports", action="store_true", help="draw ports, remember until down")
    up.add_argument("--throwaway", action="store_true", help="empty data, no fsync: for tests")
    up.add_argument("--demo", action="store_true", help="with stand-ins for Slack and OwnCloud")
    up.add_argument(
        "--lasair", action="store_true", help="lasair_ topics may be read here without a login"
    )
    up.add_argument("--telescope", action="store_true", help="the demo has telescopes: simulated")
    down = verbs.add_parser("down", help="stop our processes, then the servers")
    down.add_argument("parts", nargs="*", metavar="PART", help="everything when none is named")
    status = verbs.add_parser("status", help="what runs where")
    status.add_argument("--json", action="store_true", help="for programs")
    crashed = verbs.add_parser("crashed", help="which of our processes ended by themselves")
    crashed.add_argument("--json", action="store_true", help="for programs")
    verbs.add_parser(
        "prepare", help="draw passwords, write settings, start nothing: for containers"
    )
    verbs.add_parser("env", help="settings of the parts, with passwords, for a shell")
    logs = verbs.add_parser("logs", help="what a part wrote")
    logs.add_argument("part", metavar="PART")
    logs.add_argument("-f", "--follow", action="store_true", help="go on until Ctrl-C")
    verbs.add_parser("doctor", help="what is found, what is missing, how to mend it")
    verbs.add_parser("lock", help="resolve Kafka's jars anew and write their locks")
    verbs.add_parser("plans", help="install what makes observation plans, unless that is going on")
    verbs.add_parser("watchdog", help="stop the parts when the last test run of this home ends")
    return parser


def _up(home: Home, options: argparse.Namespace) -> int:
    from compose.native.lifecycle import up

    up(
        home,
        options.parts,
        is_free=options.free_ports,
        is_throwaway=options.throwaway,
        is_demo=options.demo,
        is_lasair=options.lasair,
        is_telescope=options.telescope,
    )
    return 0


def _prepare(home: Home, _options: argparse.Namespace) -> int:
    from compose.native.lifecycle import prepare

    prepare(home)
    print(f"passwords: {home.path / 'secrets.env'}; what the project reads: {home.path}/native.env")
    return 0


def _down(home: Home, options: argparse.Namespace) -> int:
    from compose.native.lifecycle import down

    down(home, options.parts)
    return 0


def _status(home: Home, options: argparse.Namespace) -> int:
    from compose.native.lifecycle import status

    states = status(home)
    if options.json:
        print(json.dumps([asdict(state) for state in states]))
        return 0
    for state in states:
        pid = state.record.pid if state.record else "–"
        ports = " ".join(str(port) for port in state.record.ports) if state.record else ""
        print(f"{state.name:<15} {pid!s:>8}  {ports:<24} {state.says}")
    return 0


def _crashed(home: Home, options: argparse.Namespace) -> int:
    from compose.native import crashes

    found = crashes.found(home)
    if options.json:
        print(json.dumps([asdict(crash) for crash in found]))
    else:
        for crash in found:
            print(f"{crash.name} {crash.text}", *crash.last_lines, sep="\n  ")
    return 1 if found else 0


def _env(home: Home, _options: argparse.Namespace) -> int:
    path = home.path / "native.env"
    if not path.exists():
        raise NativeError(f"{path} does not exist yet; run: python compose/native up")
    for name, text in dotenv_values(path).items():
        print(f"export {name}='{text}'")
    return 0


def _logs(home: Home, options: argparse.Namespace) -> int:
    paths = sorted(home.logs.glob(f"{options.part}*.log"))
    if not paths:
        known = ", ".join(sorted(path.stem for path in home.logs.glob("*.log"))) or "none yet"
        raise NativeError(f"no log of {options.part!r}; there are: {known}")
    follow = ("-F",) if options.follow else ()
    command = ["tail", "-n", str(LOG_LINES), *follow, *(str(path) for path in paths)]
    try:
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:
        return 0


def _doctor(home: Home, _options: argparse.Namespace) -> int:
    from compose.native.doctor import examine

    needs = examine(home)
    for need in needs:
        print(need)
    return 0 if all(need.is_met for need in needs) else 1


def _lock(_home: Home, _options: argparse.Namespace) -> int:
    from compose.native import connect
    from compose.native.jars import KAFKA, write_lock

    for wanted in (KAFKA, connect.RUNTIME, connect.PLUGINS):
        print(f"{write_lock(wanted)} jars in {wanted.lock}")
    return 0


def _plans(home: Home, _options: argparse.Namespace) -> int:
    from compose.native.planner import install

    return install(home)


def _watchdog(home: Home, _options: argparse.Namespace) -> int:
    from compose.native.watchdog import watch

    watch(home)
    return 0


def _supervise(home: Home, name: str, argv: Sequence[str]) -> int:
    from compose.native.supervise import Supervisor

    return Supervisor(Path(home.run / f"{name}.child.json"), argv).run()


_VERBS = {
    "up": _up,
    "prepare": _prepare,
    "down": _down,
    "status": _status,
    "crashed": _crashed,
    "env": _env,
    "logs": _logs,
    "doctor": _doctor,
    "lock": _lock,
    "plans": _plans,
    "watchdog": _watchdog,
}
