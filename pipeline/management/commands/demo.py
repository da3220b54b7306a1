"""Start everything, play a night, and show it flow. ``make demo`` starts the servers first."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError
from rich.console import Console
from rich.live import Live
from rich.text import Text

from broker import logs
from broker.command import ProjectCommand
from broker.config import Config, config, project_path
from broker.errors import TransientError
from pipeline.management.commands.ledger import show
from pipeline.simulate import (
    demo,
    demo_last_night,
    demo_others,
    demo_selected,
    demo_words,
    observatory,
    watch,
)
from pipeline.simulate.demo_flows import Flows, Look
from pipeline.simulate.demo_gw import Story
from pipeline.simulate.patience import patiently
from pipeline.simulate.slack.__main__ import SHIFTER

STALLED_S = 120.0
SILENT_S = 30.0
LOGS = (
    "Look: python compose/native logs worker-alerts (or listen-ztf, beat), make status, make doctor"
)
SETTLED_LOOKS = 2
"""A listener may not have seen the last packet at the first."""
TELL_EVERY_S = 10
NATIVE = (sys.executable, "compose/native")


class Command(ProjectCommand):
    """Play a night through the whole system."""

    help = "Start our processes, play a simulated night (or real packets), show it live."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--once", action="store_true", help="end when every alert is accounted")
        parser.add_argument("--packets", type=Path, help="folder of real packets instead")
        parser.add_argument("--seed", type=int, help="of the simulated sky (default: the clock)")
        parser.add_argument("--ztf", type=int, default=600, help="simulated ZTF packets")
        parser.add_argument("--lsst", type=int, default=400, help="simulated LSST packets")
        parser.add_argument("--telescope", action="store_true", help="there shall be telescopes")

    def handle(self, **options: Any) -> None:
        console = Console()
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever stops us, all ends
        settings = config()
        _speak_to_people(settings)
        if options["telescope"]:
            _demand_telescopes(settings)
        seed = options["seed"] if options["seed"] is not None else int(time.time())
        with _only_demo(project_path(settings.home) / "run" / "demo.lock"):
            try:
                story = Story.now()
                program = _prepare(console, settings, seed, options)
                program.catalogs["galaxies"] = [story.galaxies(seed)]
                _load(console, settings, program)
                logins = _start(console, settings, program, seed)
                is_complete = _play(console, settings, program, logins, story, once=options["once"])
            except TransientError as error:
                is_complete = False
                console.print(f"Gave up: {error}. {LOGS}", style="red", markup=False)
            except KeyboardInterrupt:
                is_complete = True
                console.print("\nStopping …")
            finally:
                subprocess.run([*NATIVE, "down"], check=False)  # noqa: S603 our own command
        if not is_complete:
            sys.exit(1)


def _demand_telescopes(settings: Config) -> None:
    """Say why the demo's telescopes are not here, where they are not."""
    if settings.telescopes and not observatory.is_here(settings):
        raise CommandError(
            "TELESCOPE=1: [telescopes.…] names telescopes of your own, and the demo plays with none"
            " of them; try it in another copy of the project"
        )
    if not settings.telescopes:
        raise CommandError(
            "TELESCOPE=1: servers ran before without telescopes: make down, then once more"
        )


def _speak_to_people(settings: Config) -> None:
    """Let this process log troubles alone, in words; a configured level stays when it is higher."""
    level = "error" if settings.logs.level == "error" else "warning"
    chosen = settings.logs.model_copy(update={"level": level, "format": "console"})
    logs.configure(settings.model_copy(update={"logs": chosen}))


@contextmanager
def _only_demo(lock: Path) -> Iterator[None]:
    """Refuse to start beside another demo of this home: it would stop the other's parts."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("a+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.seek(0)
            raise CommandError(
                f"a demo is already running here (pid {file.read().strip()}): "
                "stop it with Ctrl-C first"
            ) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        yield


def _prepare(
    console: Console, settings: Config, seed: int, options: dict[str, Any]
) -> demo.Program:
    console.print("[bold]Tables[/bold]")
    call_command("migrate", verbosity=0)
    began = time.monotonic()
    lsst_topic = settings.streams.lsst.topic
    if options["packets"] is None:
        console.print(f"[bold]A simulated week[/bold], seed {seed}")
        program = demo.simulated(seed, options["ztf"], options["lsst"], lsst_topic)
    else:
        console.print(f"[bold]Packets[/bold] of {options['packets']}")
        try:
            program = demo.real(options["packets"], seed, lsst_topic)
        except FileNotFoundError as error:
            raise CommandError(str(error)) from None
    console.print(f"  {len(program.first)} packets in {time.monotonic() - began:.1f} s")
    return program


def _load(console: Console, settings: Config, program: demo.Program) -> None:
    console.print("[bold]Catalogs[/bold]")
    files = demo.write_catalogs(program.catalogs, project_path(settings.home) / "demo")
    for name, file in files.items():
        call_command("load_catalog", name, str(file))


def _start(console: Console, settings: Config, program: demo.Program, seed: int) -> dict[str, Any]:
    console.print("[bold]Topics, two Kafka credentials, two filters, one administrator[/bold]")
    call_command("create_topics", input=sorted(program.topics), stdout=StringIO())
    logins: dict[str, Any] = json.loads(
        call_command("demo_credentials", slack_user=SHIFTER, stdout=StringIO())
    )
    call_command("demo_filters", stdout=StringIO())
    if observatory.is_here(settings):
        console.print("[bold]Telescopes: schemas in the registry, logins at Kafka[/bold]")
        _prepare_telescopes(settings)
    console.print("[bold]Selected alerts of last night[/bold]")
    console.print(f"  {demo_last_night.play(settings, seed)}", highlight=False, soft_wrap=True)
    console.print("[bold]Processes[/bold]")
    up = subprocess.run([*NATIVE, "up", "processes"], check=False)  # noqa: S603 our own command
    if up.returncode:
        raise CommandError(f"our processes do not start, see above. {LOGS}")
    return logins


def _prepare_telescopes(settings: Config) -> None:
    """Register the messages' schemas, and give each application that is played its login."""
    call_command("generate_schemas", register=True, stdout=StringIO())
    for player in observatory.players():
        file = observatory.login_file(project_path(settings.home), player)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch(mode=0o600)
        file.write_text(_login(player))


def _login(player: observatory.Player) -> str:
    """Return a login of an application; another one than in the demo before."""
    words, printed, said = (player.telescope, player.application), StringIO(), StringIO()
    try:
        call_command("telescope_credential", *words, stdout=printed, stderr=said)
    except CommandError:  # it has one: of a former record, perhaps
        call_command("telescope_credential", *words, rotate=True, stdout=printed, stderr=said)
    return printed.getvalue()


def _play(
    console: Console,
    settings: Config,
    program: demo.Program,
    logins: dict[str, Any],
    story: Story,
    *,
    once: bool,
) -> bool:
    """Feed and watch; return whether everything was accounted for.

    Without ``once`` it ends only when nothing can flow any more, or by Ctrl-C.
    """
    start = patiently(demo.look)
    feed = demo.Feed(program if not once else _only_first(program))
    footer = f"{settings.web.public_url} · Ctrl-C stops everything"
    if not once:
        demo_words.show(console, settings, logins, story)
    flows = Flows(
        settings, story, lambda text: console.print(Text(text), soft_wrap=True, highlight=False)
    )
    began = time.monotonic()
    feed.start()
    found = flows.start()
    figures = [start]
    progressed_s = began
    settled_looks = 0
    is_warned = False
    processes = watch.Watch(
        lambda: watch.ask([*NATIVE, "crashed", "--json"]),
        lambda text: console.print(text, style="red", markup=False, highlight=False),
    )
    with Live(console=console, auto_refresh=False, transient=once) as live:
        while True:
            time.sleep(1)
            figures = [*figures[-4:], patiently(demo.look)]
            before, found = found, patiently(flows.look)
            shown = demo.render(figures[0], figures[-1], feed.sent, f"{found}\n{footer}")
            live.update(shown, refresh=True)
            received = figures[-1].received - start.received
            _tell(console, feed, received, time.monotonic() - began)
            if not processes.look():
                console.print(f"[red]No alert can flow: see above. {LOGS}")
                return False
            is_warned = _warn(console, received, time.monotonic() - began, is_warned=is_warned)
            # Packets of an earlier demo may still have been waiting, so there may be more.
            is_fed = feed.sent == len(program.first) <= received
            is_through = is_fed and figures[-1].is_settled and found.is_settled
            settled_looks = settled_looks + 1 if is_through else 0
            if once and settled_looks == SETTLED_LOOKS:
                break
            waves = found.waves
            patience_s = STALLED_S + (settings.gw.plans.time_limit_s if waves.open_steps else 0)
            if (figures[-1].received, found.progress) != (figures[-2].received, before.progress):
                progressed_s = time.monotonic()
            elif once and not is_through and time.monotonic() - progressed_s > patience_s:
                console.print(
                    f"[red]{received} of {feed.sent} packets accounted for, and nothing moved for"
                    f" {patience_s:.0f} s. {found.waiting}. {LOGS}"
                )
                return False
    flows.stop()
    _conclude(console, figures[-1], feed.sent, time.monotonic() - began)
    return _say_of_others(console, found)


def _say_of_others(console: Console, found: Look) -> bool:
    """Say what became of all that is no alert; return whether nothing failed."""
    console.print(str(found.waves))
    console.print(demo_others.table(patiently(demo_others.look)))
    _show_files(console, found.selected)
    console.print(str(found.lasair))
    for each in (found.schemas, found.telescopes):
        console.print(Text(str(each)), soft_wrap=True, highlight=False)
    for line in found.failed:
        console.print(f"Failed: {line}", style="red", markup=False)
    return not found.failed


def _warn(console: Console, received: int, elapsed_s: float, *, is_warned: bool) -> bool:
    """Say once that nothing comes through, and once that something does; return what was said."""
    if not received and not is_warned and elapsed_s > SILENT_S:
        console.print(f"[yellow]No packet came through in {SILENT_S:.0f} s. {LOGS}")
        return True
    if received and is_warned:
        console.print("[green]Packets come through now: the machine was only slow.")
        return False
    return is_warned


def _show_files(console: Console, found: demo_selected.Look) -> None:
    """Name a table, a cutout and a Parquet file that anybody here can open."""
    for path in filter(None, (found.table, found.cutout, found.parquet)):
        console.print(str(path), soft_wrap=True, highlight=False)


def _tell(console: Console, feed: demo.Feed, received: int, elapsed_s: float) -> None:
    """Say now and then in a log file what a terminal sees in the live table."""
    if not console.is_terminal and round(elapsed_s) % TELL_EVERY_S == 0:
        console.print(f"{elapsed_s:4.0f} s: {feed.sent} packets sent, {received} accounted for")


def _conclude(console: Console, figures: demo.Figures, sent: int, elapsed_s: float) -> None:
    show(figures.books, console)
    for stream, (p50, p95) in figures.latency_ms.items():
        console.print(f"{stream}: Kafka to Kafka p50 {p50:.0f} ms, p95 {p95:.0f} ms (a burst)")
    console.print(
        f"[green]Every one of {sent} packets is accounted for, {elapsed_s:.1f} s after the first"
        " was sent.[/green] To read the topics yourself: make demo"
    )


def _only_first(program: demo.Program) -> demo.Program:
    return demo.Program(program.catalogs, program.topics, program.first, ())
