"""The wheel alone: what it holds, what it needs, and that it works without the site."""

import base64
import tomllib
import zipfile
from email.parser import Parser

import pytest
from nightjar_telescope.avro import encode
from nightjar_telescope.messages import ObservationBase, TelescopeCommand
from setuptools import find_packages

from broker.config import ROOT
from tests.client_environment import PROGRAMS
from tests.integration.telescope_client.wheel import SOURCE, build, install, must

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(tmp_path_factory.mktemp("wheel"))


def test_it_holds_its_own_modules_and_nothing_else(wheel):
    own = {path.name for path in (SOURCE / "src" / "nightjar_telescope").iterdir()}
    names = zipfile.ZipFile(wheel).namelist()

    assert {name.partition("/")[0] for name in names} == {
        "nightjar_telescope",
        "nightjar_telescope-0.1.0.dist-info",
    }
    held = {name.rpartition("/")[2] for name in names if name.startswith("nightjar_telescope/")}
    assert held == own - {"__pycache__"}
    assert "py.typed" in held


def test_it_needs_confluent_kafka_alone(wheel):
    archive = zipfile.ZipFile(wheel)
    text = archive.read("nightjar_telescope-0.1.0.dist-info/METADATA").decode()

    assert Parser().parsestr(text).get_all("Requires-Dist") == [
        "confluent-kafka[avro,schemaregistry]<3,>=2.16"
    ]


def test_it_writes_and_reads_where_nothing_of_the_site_is(wheel):
    python = install(wheel)

    said = must(str(python), "-I", str(PROGRAMS / "use_telescope_messages.py")).split()

    request = ObservationBase(
        *("M 31", "galaxy", 10.5, -41.25, 1420.0, 1.0, 2.0, 3.0, "imaging", 60.0, "m31.fits"),
        observation_id="o",
    )
    ours = encode(TelescopeCommand("cmd-1", timestamp=5, observation_request=request))
    assert said == [base64.b64encode(ours).decode(), "KafkaAvroProducer", "KafkaAvroConsumer"]


def test_the_site_is_packed_without_it():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    found = find_packages(str(ROOT), **settings["tool"]["setuptools"]["packages"]["find"])

    assert "pipeline.telescope" in found
    assert not [name for name in found if "client" in name.split(".") or "nightjar" in name]
