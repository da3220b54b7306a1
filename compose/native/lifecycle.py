"""Up, down and status of a whole home."""

import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace

from broker.config import Config, read_config
from compose.native import demo, environment, ports, profile, selected
from compose.native.home import ROOT, Home, NativeError, last_lines
from compose.native.ours import Process
from compose.native.part import NotReadyError, Server, ask_http
from compose.native.parts import Parts
from compose.native.passwords import passwords
from compose.native.processes import (
    KILL_AFTER_S,
    Command,
    Record,
    end,
    read_record,
    restarts,
    running,
    spawn,
    stop,
)
from compose.native.replica import NAME as REPLICA
from compose.native.standins import S3
from compose.native.supervise import GRACE_S

READY_S = 150.0
POLL_S = 0.05
TELL_EVERY_S = 5.0
SHOWN_LINES = 40
SUPERVISOR_MARGIN_S = 5.0
SERVERS = ("postgres", "redis", "kafka")
GROUPS = ("servers", "processes", "cluster")
NEEDED: dict[str, frozenset[str]] = {
    REPLICA: frozenset({"postgres"}),
    "registry": frozenset({"postgres"}),
    "connect": frozenset({"postgres", "kafka", "registry"}),
    "alertmanager": frozenset(),
    "prometheus": frozenset({"alertmanager"}),
}
APART = frozenset(NEEDED)
"""Servers that start only when they are named or needed, after those that they need."""


def up(
    home: Home,
    wanted: Sequence[str],
    *,
    is_free: bool,
    is_throwaway: bool,
    is_demo: bool = False,
    is_lasair: bool = False,
    is_telescope: bool = False,
) -> None:
    """Start what is wanted and does not run; write what the project reads about it."""
    with home.locked():
        settings = read_config(with_native_env=False)
        chosen = _profile(
            home,
            settings,
            is_free=is_free,
            is_throwaway=is_throwaway,
            is_demo=is_demo,
            is_lasair=is_lasair,
            is_registry="registry" in wanted,
            is_telescope=is_demo and is_telescope,
            is_cluster="cluster" in wanted,
        )
        parts = Parts.of(home, chosen, settings)
        names = expand(parts, wanted)
        is_named = not names.isdisjoint(APART)
        names |= {"registry"} if selected.needs_registry(names, chosen, settings) else set()
        names |= {needed for name in names & APART for needed in NEEDED[name]}
        values = environment.variables(home, chosen, passwords(home), settings)
        environment.write(home, values)
        servers = [s for s in parts.servers if s.name in names and s.name not in APART]
        with ThreadPoolExecutor(max(len(servers), 1)) as pool:  # no broker is ready without others
            tell({pool.submit(start_server, home, server): server.name for server in servers})
        for server in parts.servers:
            if server.name in names & APART:
                _start_apart(home, server, is_named=is_named)
        for process in parts.processes:
            if process.name in names:
                print(start_process(home, process), flush=True)


def prepare(home: Home) -> None:
    """Draw the passwords and write what the project reads, where others run the servers."""
    with home.locked():
        settings = read_config(with_native_env=False)
        chosen = profile.choose(settings, is_free=False, is_throwaway=False)
        environment.write(home, environment.variables(home, chosen, passwords(home), settings))


def tell(starting: "Mapping[Future[str], str]") -> None:
    """Print what each start says once it is done, and meanwhile which are not."""
    began = time.monotonic()
    left = set(starting)
    while left:
        done, left = wait(left, TELL_EVERY_S, FIRST_COMPLETED)
        for each in done:
            print(each.result(), flush=True)
        if not done:
            names = ", ".join(sorted(starting[each] for each in left))
            print(f"  {time.monotonic() - began:.0f} s: {names} not ready yet", flush=True)


def expand(parts: Parts, wanted: Sequence[str]) -> set[str]:
    """Return the parts meant by names and group names; the servers when none is given."""
    groups = {
        "servers": {server.name for server in parts.servers} - APART,
        "processes": {process.name for process in parts.processes},
    }
    groups["cluster"] = groups["servers"] | ({REPLICA, S3} & set(parts.names))
    found: set[str] = set()
    for word in wanted or ["servers"]:
        if word not in groups and word not in parts.names:
            known = ", ".join((*GROUPS, *parts.names))
            raise NativeError(f"no part {word!r}; known: {known}")
        found |= groups.get(word, {word})
    return found


def _start_apart(home: Home, server: Server, *, is_named: bool) -> None:
    """Start a server; one that was not named does not keep from starting what asks it."""
    try:
        with ThreadPoolExecutor(1) as pool:  # it may have to be fetched
            tell({pool.submit(start_server, home, server): server.name})
    except NativeError as error:
        if is_named:
            raise
        print(f"{error}\n{server.name}: not started; what asks it waits", file=sys.stderr)


def _profile(
    home: Home, settings: Config, *, is_free: bool, is_throwaway: bool, **wanted: bool
) -> profile.Profile:
    """Return the remembered decision while it binds, else a new one."""
    found = profile.remembered(home)
    runs = any(running(home, name) for name in _recorded(home))
    if found and (runs or (found.is_free and not is_throwaway)):
        if wanted.get("is_cluster") and not found.is_cluster:
            raise NativeError("these parts are no cluster; first run: python compose/native down")
        return found
    chosen = profile.choose(settings, is_free=is_free, is_throwaway=is_throwaway, **wanted)
    profile.save(home, chosen)
    if is_throwaway:
        for server in Parts.of(home, chosen, settings).servers:
            server.wipe()
    return chosen


def start_server(home: Home, server: Server) -> str:
    """Start a server unless it runs, wait until it answers, and say what happened."""
    began = time.monotonic()
    record = running(home, server.name)
    verb = "runs already" if record else "started"
    if record is None:
        for purpose, numbers in server.ports().items():
            for port in numbers:
                ports.demand_free(purpose, port)
        server.prepare()
        record = _launch(home, server)
    _wait_until(home, server.name, lambda: _is_ready(home, server))
    server.finish()
    record = running(home, server.name) or record
    listening = ", ".join(str(port) for port in record.ports)
    took_s = time.monotonic() - began
    return f"{server.name}: {verb}, pid {record.pid}, port {listening} ({took_s:.1f} s)"


def _launch(home: Home, server: Server) -> Record:
    numbers = [port for group in server.ports().values() for port in group]
    return spawn(home, server.name, server.command(), numbers)


def _is_ready(home: Home, server: Server) -> None:
    """Ask the server; start it once more when it died of something that passes."""
    if running(home, server.name) is None:
        said = "\n".join(last_lines(home.logs / f"{server.name}.log", SHOWN_LINES))
        if not server.failed_for_now(said):
            raise NativeError(f"{server.name} ended while starting:\n{said}")
        time.sleep(POLL_S)
        _launch(home, server)
    server.check()


def _wait_until(home: Home, name: str, check: Callable[[], None]) -> None:
    deadline = time.monotonic() + READY_S
    while True:
        try:
            check()
        except NotReadyError as error:
            if time.monotonic() > deadline:
                said = "\n".join(last_lines(home.logs / f"{name}.log", SHOWN_LINES))
                raise NativeError(
                    f"{name} does not answer after {READY_S:.0f} s ({error}):\n{said}"
                ) from None
            time.sleep(POLL_S)
        else:
            return


def start_process(home: Home, process: Process) -> str:
    """Start one of our processes under its supervisor unless it runs."""
    record = running(home, process.name)
    if record:
        child = child_record(home, process.name) or record
        return f"{process.name}: runs already, pid {child.pid}"
    _end_orphan(home, process.name)
    if process.port:
        ports.demand_free(process.name, process.port)
    argv = (sys.executable, str(ROOT / "compose" / "native"), "supervise", process.name)
    command = Command(
        (*argv, "--", *process.argv),
        cwd=str(ROOT),
        environment={**process.environment, "NIGHTJAR_HOME": str(home.path)},
    )
    record = spawn(home, process.name, command, [process.port] if process.port else [])
    _wait_until(home, process.name, lambda: _process_is_up(home, process))
    child = child_record(home, process.name) or record
    return f"{process.name}: started, pid {child.pid}"


def _process_is_up(home: Home, process: Process) -> None:
    child = child_record(home, process.name)
    if running(home, process.name) is None:
        said = "\n".join(last_lines(home.logs / f"{process.name}.log", SHOWN_LINES))
        raise NativeError(f"{process.name}'s supervisor ended:\n{said}")
    if child is None:
        raise NotReadyError("its process has not started, or ended at once")
    if process.port:
        ask_http(process.port, "/health")


def child_record(home: Home, name: str) -> Record | None:
    """Return the process under a supervisor, if it runs."""
    return running(home, f"{name}.child")


def _end_orphan(home: Home, name: str) -> None:
    """Stop a process whose supervisor was killed."""
    child = child_record(home, name)
    if child:
        end(child, signal.SIGTERM, GRACE_S)
    (home.run / f"{name}.child.json").unlink(missing_ok=True)


def down(home: Home, wanted: Sequence[str], *, grace_s: float = KILL_AFTER_S) -> None:
    """Stop what is wanted, our processes first; everything when nothing is named."""
    if not wanted and demo.end(home):
        print("demo: stopped, and with it every part")
    with home.locked():
        settings = read_config(with_native_env=False)
        chosen = profile.remembered(home) or profile.choose(
            settings, is_free=False, is_throwaway=False
        )
        parts = Parts.of(home, chosen, settings)
        names = expand(parts, wanted) if wanted else set(parts.names)
        with ThreadPoolExecutor(len(parts.names)) as pool:
            mine = [p.name for p in parts.processes if p.name in names]
            stopped = list(pool.map(lambda name: _stop_process(home, name), mine))
            servers = [s for s in parts.servers if s.name in names]
            stopped += pool.map(lambda s: stop(home, s.name, s.stop_signal, grace_s), servers)
        for name, was_running in zip((*mine, *(s.name for s in servers)), stopped, strict=True):
            print(f"{name}: {'stopped' if was_running else 'was not running'}")
        if not wanted:
            profile.forget(home)


def _stop_process(home: Home, name: str) -> bool:
    stopped = stop(home, name, signal.SIGTERM, GRACE_S + SUPERVISOR_MARGIN_S)
    _end_orphan(home, name)
    return stopped


@dataclass(frozen=True)
class State:
    """What is known about a part.

    Attributes
    ----------
    name : str
        Of the part.
    record : Record or None
        Of its process, if it runs.
    says : str
        ``answers``, ``stopped``, or what is wrong.
    """

    name: str
    record: Record | None
    says: str


def status(home: Home) -> list[State]:
    """Ask every part how it is."""
    settings = read_config(with_native_env=False)
    chosen = profile.remembered(home)
    if chosen is None:
        return [State(name, None, "stopped") for name in SERVERS]
    parts = Parts.of(home, chosen, settings)
    with ThreadPoolExecutor(len(parts.servers)) as pool:
        found = list(pool.map(lambda server: _server_state(home, server), parts.servers))
    return [*found, *(_process_state(home, process) for process in parts.processes)]


def _server_state(home: Home, server: Server) -> State:
    record = running(home, server.name)
    if record is None:
        died = read_record(home, server.name) is not None
        return State(server.name, None, "died; run up" if died else "stopped")
    try:
        server.check()
    except NotReadyError as error:
        return State(server.name, record, f"does not answer: {error}")
    return State(server.name, record, "answers")


def _process_state(home: Home, process: Process) -> State:
    record = running(home, process.name)
    child = child_record(home, process.name)
    if record is None:
        return State(process.name, child, "its supervisor died; run up" if child else "stopped")
    if child is None:
        return State(process.name, None, f"restarting; see: logs {process.name}")
    times = restarts(home, process.name)
    says = f"runs, restarted {times} times; see: logs {process.name}" if times else "runs"
    return State(process.name, replace(child, ports=record.ports), says)


def _recorded(home: Home) -> list[str]:
    return [path.stem for path in home.run.glob("*.json") if path.stem != "profile"]
