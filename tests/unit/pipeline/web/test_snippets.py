"""The wizard's code: it is code, it holds one's own names, and no password."""

import configparser
import dataclasses
import json
import shlex
from datetime import date

import pytest

from pipeline.web import snippets
from pipeline.web.snippets import Choice

NAMED = Choice(
    "kafka.example.org:9093",
    "babamul-6742",
    "babamul-6742-laptop",
    ("babamul.ztf-test", "babamul.none"),
    is_everything=True,
)
EMAIL = Choice(
    "localhost:9093", "v+a@example.org", "babamul-12ab-laptop", ("babamul.none",), False, True
)
NOBODY = Choice("localhost:9093", "", "laptop", ("babamul.ztf-test",), True)
CHOICES = {"named": NAMED, "email": EMAIL, "nobody": NOBODY}
every = pytest.mark.parametrize("choice", CHOICES.values(), ids=CHOICES)


def code_cells(text):
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "code"]
    return ["".join(cell["source"]) for cell in cells]


@every
@pytest.mark.parametrize("write", [snippets.babamul, snippets.confluent_kafka])
def test_python_is_python(write, choice):
    compile(write(choice), "snippet", "exec")


@every
def test_the_notebook_is_one(choice):
    book = json.loads(snippets.notebook(choice))

    assert (book["nbformat"], book["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in book["cells"]}) == len(book["cells"])
    assert all(isinstance(cell["source"], list) for cell in book["cells"])
    for cell in code_cells(snippets.notebook(choice))[1:]:
        compile(cell, "cell", "exec")


@every
def test_the_shell_gets_from_kcat_what_kcat_wants(choice):
    words = shlex.split(snippets.kcat(choice).replace("\\\n", " "), comments=True)

    assert words[:3] == ["kcat", "-b", choice.servers]
    assert "sasl.mechanism=SCRAM-SHA-512" in words
    assert "sasl.password=$BABAMUL_KAFKA_PASSWORD" in words
    group = words.index("-G")
    assert words[group + 1].endswith(choice.group)
    assert tuple(words[group + 2 :]) == choice.topics


@every
def test_javas_settings_are_settings(choice):
    parser = configparser.ConfigParser(interpolation=None, delimiters=("=",))
    parser.read_string("[all]\n" + snippets.client_properties(choice))
    found = parser["all"]

    assert found["bootstrap.servers"] == choice.servers
    assert found["group.id"].endswith(choice.group)
    assert found["auto.offset.reset"] == choice.offset
    assert found["sasl.jaas.config"].endswith('password="BABAMUL_KAFKA_PASSWORD";')


def test_one_s_own_names_stand_in_every_format():
    for write in (snippets.confluent_kafka, snippets.kcat, snippets.client_properties):
        assert NAMED.username in write(NAMED)
        assert NAMED.group in write(NAMED)
        assert all(topic in write(NAMED) for topic in NAMED.topics[:1])


def test_where_to_begin_is_said_outright():
    assert '"auto.offset.reset": "earliest"' in snippets.confluent_kafka(NAMED)
    assert '"auto.offset.reset": "latest"' in snippets.confluent_kafka(EMAIL)
    assert 'offset="earliest"' in snippets.babamul(NAMED)


@every
def test_a_group_begins_at_a_day_by_a_script_of_its_own(choice):
    dated = dataclasses.replace(choice, since=date(2026, 11, 19))
    code = snippets.begin(dated)

    compile(code, "snippet", "exec")
    assert 'fromisoformat("2026-11-19T00:00:00+00:00")' in code
    assert code in code_cells(snippets.notebook(dated))
    assert "fromisoformat" not in snippets.notebook(choice)


def test_a_topic_that_the_client_has_no_model_for_is_read_raw():
    assert "as_raw=True" in snippets.babamul(NAMED)
    assert "as_raw" not in snippets.babamul(NOBODY)


def test_the_client_is_not_offered_to_an_address():
    assert [choice.is_for_client for choice in (NAMED, EMAIL, NOBODY)] == [True, False, True]
    assert "confluent_kafka" in snippets.notebook(EMAIL)
    assert "AlertConsumer" in snippets.notebook(NAMED)


def test_the_local_mode_is_set_only_where_it_fits():
    assert 'setdefault("BABAMUL_ENV", "local")' in snippets.babamul(EMAIL)
    assert "BABAMUL_ENV" not in snippets.babamul(NAMED)
    assert snippets.dotenv(EMAIL).startswith("BABAMUL_ENV=local\n")
