"""The page of the registry: its commands, the program without our classes, the proxy before it."""

import asyncio
import json
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from urllib.parse import urlsplit

import pytest
from nightjar_telescope import TelescopeCommand, TelescopeStatus
from nightjar_telescope.schema import schema_text

from broker.config import ROOT, config
from tests.environment import of_a_stranger
from tests.integration.telescope_client.team import tca, team
from tests.integration.telescope_client.world import Bus, login
from tests.unit.telescope_client.messages import command

__all__ = ["tca", "team"]
pytestmark = [pytest.mark.integration, pytest.mark.slow, pytest.mark.xdist_group("registry")]

PAGE = (ROOT / "docs" / "telescope-registry.md").read_text()
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/bin:/opt/homebrew/bin")
PATIENCE_S = 60.0
CONFIG = """
pid {folder}/pid;
error_log {folder}/error.log;
daemon off;
master_process off;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        {locations}
    }}
}}
"""


def block(language):
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return found


def test_the_commands_of_the_page_show_subjects_and_schemas(tca):
    lines = block("sh").splitlines()
    place = config().registry.url
    answers = []
    for line in lines:
        words = line.replace("http://localhost:8081/apis/ccompat/v7", place)
        words = words.replace("telescope.tca.", tca.prefix).split()
        done = subprocess.run(
            words, env=of_a_stranger(), capture_output=True, text=True, timeout=60, check=True
        )
        answers.append(json.loads(done.stdout))

    subjects, latest, compatibility = answers
    assert f"{tca.data}-value" in subjects
    assert json.loads(latest["schema"])["name"] == "TelescopeData"
    assert compatibility


def test_a_program_without_our_classes_reads_and_writes_the_bus(tca, team):
    shutil.copy(ROOT / "avro-schemas" / "telescope-status.avsc", team.folder)
    bus, admin = Bus(tca.prefix), login("admin")

    async def send():
        async with bus.producer(TelescopeCommand, security=admin) as producer:
            await producer.send(command(command_id="cmd-1"))

    async def hear():
        consumer = bus.consumer(TelescopeStatus, security=admin)
        async with asyncio.timeout(PATIENCE_S), consumer:
            while not (found := await consumer.poll(1000)):
                pass
            return found

    asyncio.run(send())
    assert team.said("confluent.py") == "cmd-1\n"
    (status,) = asyncio.run(hear())
    assert (status.component, status.message, status.is_operational) == ("dome", "open", True)


def is_open(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture
def proxy(tmp_path):
    """Run nginx with the page's lines before the registry; return its address."""
    if NGINX is None:
        pytest.skip("no nginx here: apt-get install nginx-light")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    own = urlsplit(config().registry.url)
    locations = block("nginx").replace("127.0.0.1:8081", own.netloc)
    assert locations.count(own.netloc) == 2
    file = tmp_path / "nginx.conf"
    file.write_text(CONFIG.format(folder=tmp_path, port=port, locations=locations))
    process = subprocess.Popen([NGINX, "-c", str(file), "-e", str(tmp_path / "error.log")])
    give_up_at = time.monotonic() + PATIENCE_S
    while not is_open(port):
        assert time.monotonic() < give_up_at
        assert process.poll() is None, (tmp_path / "error.log").read_text()
        time.sleep(0.1)
    yield f"http://127.0.0.1:{port}{own.path}"
    process.terminate()
    process.wait(20)


def answer(method, url, body=None):
    """Return the status of a call."""
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/vnd.schemaregistry.v1+json"}
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_proxy_of_the_page_lets_read_and_look_up_and_nothing_else(tca, proxy):
    subject = f"{proxy}/subjects/{tca.data}-value"
    schema = {"schema": schema_text(TelescopeStatus)}

    assert answer("GET", f"{proxy}/subjects") == 200
    assert answer("GET", f"{subject}/versions/latest") == 200
    assert answer("POST", f"{proxy}/subjects/{tca.status}-value", schema) == 200
    for method, url in (
        ("POST", f"{subject}/versions"),
        ("POST", f"{subject}%2Fversions"),
        ("DELETE", subject),
        ("DELETE", f"{subject}/versions/1"),
        ("PUT", f"{proxy}/config/{tca.data}-value"),
        ("PUT", f"{proxy}/mode"),
    ):
        assert answer(method, url, schema) == 403, (method, url)
    assert answer("GET", proxy.partition("/apis")[0] + "/apis/registry/v2/system/info") == 404
