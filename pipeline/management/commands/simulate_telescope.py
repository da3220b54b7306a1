"""``manage.py simulate_telescope --name NAME``: an application of a telescope that is not there."""

import asyncio
import signal
import sys
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

import structlog
from django.core.management.base import CommandError
from nightjar_telescope import BusError

from broker import logs
from broker.command import ProjectCommand
from broker.config import config
from pipeline.simulate.telescope import Manners
from pipeline.simulate.telescope_bus import Place, SimulatedApplication
from pipeline.telescope.record import RecordError, telescope

LARGEST_CHUNK_BYTES = 8_000_000

log = structlog.get_logger(__name__)


class Command(ProjectCommand):
    """Obey a telescope's commands until SIGTERM."""

    help = (
        "Play one application of a telescope that has a record: obey its commands, acknowledge,"
        " send noise as data, tell how it is, until SIGTERM. It has the rights of that application"
        " alone, by the login that manage.py telescope_credential printed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--name", required=True, help="as in [telescopes.NAME]")
        parser.add_argument(
            "--login", required=True, help="file of what it printed; - is the standard input"
        )
        parser.add_argument("--servers", help="Kafka (those of the login)")
        parser.add_argument("--registry", help="address of the registry (the setting's)")
        parser.add_argument("--speed", type=_positive, default=1.0, help="times as fast (1)")
        parser.add_argument("--seed", type=int, default=1, help="of all that is drawn (1)")
        for word, what in (
            ("reject", "of the commands are rejected"),
            ("fail", "of the commands fail half-way"),
            ("silent", "of the commands are never answered"),
            ("duplicate", "of the messages come twice"),
            ("garbage", "of the messages follow bytes that are none"),
        ):
            parser.add_argument(f"--{word}", type=_share, default=0.0, help=f"share {what} (0)")
        parser.add_argument(
            "--late", type=_seconds, default=0.0, help="acknowledgments are so late [s] (0)"
        )
        parser.add_argument(
            "--shuffle", action="store_true", help="a command's acknowledgments in any order"
        )
        parser.add_argument("--chunks", type=_count, default=10, help="of an observation (10)")
        parser.add_argument("--chunk-bytes", type=_chunk, default=4096, help="of each (4096)")
        parser.add_argument(
            "--down", type=_seconds, default=0.0, help="no status for so long, once [s] (0)"
        )

    def handle(self, **options: Any) -> None:
        logs.configure()
        try:
            place = _place(options)
        except RecordError as error:
            raise CommandError(str(error)) from None
        manners = Manners(
            options["speed"],
            options["seed"],
            options["reject"],
            options["fail"],
            options["silent"],
            options["late"],
            options["duplicate"],
            options["shuffle"],
            options["garbage"],
            options["chunks"],
            options["chunk_bytes"],
        )
        log.info("simulation.started", principal=place.principal, prefix=place.prefix)
        try:
            asyncio.run(_run(SimulatedApplication(place, manners, options["down"])))
        except BusError as error:
            raise CommandError(f"{place.principal}: {error}") from None
        log.info("simulation.ended", principal=place.principal)


async def _run(application: SimulatedApplication) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await application.run(stop)


def _place(options: dict[str, Any]) -> Place:
    played = telescope(options["name"].lower())
    login = _login(options["login"])
    principal = login.get("sasl.username", "")
    for each in played.settings.applications:
        if played.principal(each.name) == principal:
            break
    else:
        known = ", ".join(played.principal(each.name) for each in played.settings.applications)
        raise CommandError(
            f"{options['login']} is the login of {principal or 'nobody'}; {played.name} has {known}"
        )
    servers = login.pop("bootstrap.servers", config().kafka.public_servers)
    return Place(
        each.name,
        principal,
        played.prefix,
        each.writes_data,
        options["servers"] or servers,
        options["registry"] or config().registry.url,
        {name: text for name, text in login.items() if name.startswith(("security.", "sasl."))},
    )


def _login(file: str) -> dict[str, str]:
    """Return the settings in a file as manage.py telescope_credential prints them."""
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except OSError as error:
        raise CommandError(f"--login: {error}") from None
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    return {name.strip(): value.strip() for name, _, value in pairs}


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ArgumentTypeError(f"{text} is not from 0 to 1")
    return value


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value <= 1e6:  # noqa: PLR2004 a day in 86 ms
        raise ArgumentTypeError(f"{text} is not above 0 and at most 1e6")
    return value


def _seconds(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 86_400:  # noqa: PLR2004 a day
        raise ArgumentTypeError(f"{text} is not from 0 to 86400 s")
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 0 <= value <= 100_000:  # noqa: PLR2004
        raise ArgumentTypeError(f"{text} is not from 0 to 100000")
    return value


def _chunk(text: str) -> int:
    value = int(text)
    if not 1 <= value <= LARGEST_CHUNK_BYTES:
        raise ArgumentTypeError(f"{text} is not from 1 to {LARGEST_CHUNK_BYTES}")
    return value
