"""What the demo tells people: pages, logins, and consumers that can be pasted."""

from typing import Any
from urllib.parse import urljoin

from rich.console import Console

from broker.config import Config, project_path
from pipeline import standins
from pipeline.gw import planner
from pipeline.selected.sources import DEFAULT, output_root
from pipeline.selected.sources import folder as folder_of
from pipeline.simulate import observatory
from pipeline.simulate.demo_gw import Story

SNIPPET = """\
from confluent_kafka import Consumer

consumer = Consumer({{
    "bootstrap.servers": "{servers}",
    "security.protocol": "{protocol}",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "{email}",
    "sasl.password": "{password}",
    "group.id": "babamul-myapp",
    "auto.offset.reset": "earliest",
}})
consumer.subscribe(["babamul.none"])
while True:
    message = consumer.poll(1.0)
    if message is not None and not message.error():
        print(message.topic(), message.key(), len(message.value()), "bytes of Avro")
"""
CLIENT = """\
pip install babamul==0.2.0
export BABAMUL_ENV=local BABAMUL_KAFKA_SERVER={servers}
export BABAMUL_KAFKA_USERNAME={username} BABAMUL_KAFKA_PASSWORD={password}
python -c 'from babamul import AlertConsumer
for alert in AlertConsumer(topics=r"^babamul\\.ztf\\..*", offset="earliest"):
    print(alert.topic, alert.objectId, alert.candidate.jd)'
"""


def show(console: Console, settings: Config, logins: dict[str, Any], story: Story) -> None:
    """Print pages and consumers, as they can be pasted: no frame, no wrapping."""
    url = settings.web.public_url
    mails = settings.mail.host or project_path(settings.mail.spool_dir or f"{settings.home}/mail")
    pages = (
        f"{url}/",
        f"{url}/admin/ as {logins['staff']}, password {logins['staff_password']}",
        f"{url}/filters has two filters at work; an account of your own can make more",
        f"{url}/signup makes an account of your own; its mails go to {mails}",
    )
    _print(console, "In a browser", *pages)
    show_gw(console, settings, story)
    root = output_root()
    folder = f"{root}/{folder_of(DEFAULT)}"
    _print(
        console,
        "Selected alerts, as files that need no account",
        f"{folder}/data has a table for today, and last night's as CSV and Parquet",
        f"{folder}/cutouts has their images",
        f"{url}/runs, for the administrator, what was read and written, and both tables",
        f"{url}/admin/accounts/outboxmail/, five minutes from now, the morning summary",
    )
    _print(
        console,
        "Lasair's filters (simulated)",
        f"{root}/data/alerts_partitioned has their alerts, a file for each day",
        f"{root}/images/by_date has the images, as FITS and PNG",
        f"{root}/logs/lasair has a log of events and one of errors for each filter",
    )
    show_telescopes(console, settings)
    for title, snippet in _snippets(settings, logins).items():
        console.rule(title, align="left")
        console.print(snippet, markup=False, highlight=False, soft_wrap=True)


def show_telescopes(console: Console, settings: Config) -> None:
    """Print where telescopes are seen, and how the demo shows what it does not show now."""
    url = settings.web.public_url
    if observatory.is_here(settings):
        lines = [
            f"{url}/telescopes has the board, all commands, and a form for each telescope",
            "BEAM obeys; TCA, which plans are made for, falls silent once",
            "RAIN rejects whatever it is asked for; AWAY is not there",
        ]
        lines += [
            f"{urljoin(each.url, settings.slack.operators_channel)} is told of the silence"
            for each in standins.found(settings)
            if each.title == "Slack" and settings.slack.operators_channel
        ]
        _print(console, "Telescopes (simulated), for the administrator", *lines)
    more = []
    if settings.selected.wire != "confluent":
        more.append(
            "make demo REGISTRY=1 lets Confluent's own client read selected alerts by schema ids"
            " (a registry, 158 MB once)"
        )
    if not settings.telescopes:
        more.append(
            "make demo TELESCOPE=1 commands four telescopes and stores what they observe"
            " (the same registry)"
        )
    if more:
        _print(console, "Not in this demo", *more)


def show_gw(console: Console, settings: Config, story: Story) -> None:
    """Print where the events of gravitational waves are seen, and what is missing for that."""
    url = settings.web.public_url
    lines = [
        f"{url}/gw?kind=mock lists two mock events",
        f"{url}/gw/{story.merger.superevent_id} is planned",
        f"{url}/gw/{story.retracted.superevent_id} is taken back",
    ]
    found = standins.found(settings)
    lines += [f"{each.url} stands in for {each.title}: {each.text}" for each in found]
    if not found:
        lines.append("No stand-ins for Slack and OwnCloud: parts ran before the demo (make down)")
    if not planner.is_here():
        lines.append("Plans wait for gwemopt, 1.7 GB, which is being installed: make doctor")
    _print(console, "Gravitational waves", *lines)


def _print(console: Console, title: str, *lines: str) -> None:
    console.rule(title, align="left")
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False)


def _snippets(settings: Config, logins: dict[str, Any]) -> dict[str, str]:
    email, named = logins["readers"]
    servers = settings.kafka.public_servers
    return {
        "Paste into Python (pip install confluent-kafka)": SNIPPET.format(
            servers=servers,
            protocol=settings.kafka.public_protocol,
            email=email["username"],
            password=email["password"],
        ),
        "Or the babamul client, in a shell": CLIENT.format(
            servers=servers, username=named["username"], password=named["password"]
        ),
    }
