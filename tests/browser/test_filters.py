"""Users' filters in a browser: from the first line typed to the first message read."""

import json
import subprocess
import time
from datetime import UTC, datetime

import numpy as np
import pytest

from pipeline.plots import DAY_S, UNIX_EPOCH_JD_UTC
from pipeline.simulate.scenario import make_ztf_packet
from tests.browser.conftest import DESK, PHONE, SHOTS
from tests.browser.test_first_message import READER
from tests.e2e import published_client
from tests.e2e.site import link_in, start_worker
from tests.e2e.system import make_input_topic, on
from tests.environment import of_a_stranger

EMAIL = "filters@example.org"
LINE = "magpsf < 19 and not rock"
READ_WITHIN_S = 60
WAIT_MS = 60_000
STORED_WITHIN_S = 120
BEFORE, TONIGHT = 7_000_000, 8_000_000
"""The first candid of what is stored before there is a filter, and of what comes to it."""
PUBLISHED = "SELECT count(*) FROM alerts WHERE candid >= %s AND candid < %s AND pending = 0"


def packets(first, count):
    """Return alerts of now: every second one is brighter than 19 mag."""
    jd = datetime.now(UTC).timestamp() / DAY_S + UNIX_EPOCH_JD_UTC
    return [
        make_ztf_packet(
            candid=first + at,
            object_id=f"ZTF26filt{chr(97 + at // 26)}{chr(97 + at % 26)}",
            jd=jd - at / 1e5,
            ra=200 + at / 10,  # where no other test looks
            dec=10.0,
            magpsf=18.5 if at % 2 else 19.5,
        )
        for at in range(count)
    ]


@pytest.fixture(scope="module")
def flowing(site):
    """Alerts flow into the site: last night's are stored."""
    system = site.system
    system.start_worker()
    system.start_listeners("ztf")
    start_worker(system, "trials", 1)
    topic = make_input_topic(system, "ztf")
    system.send(on(topic, packets(BEFORE, 20)))
    give_up_at = time.monotonic() + STORED_WITHIN_S
    while system.sql(PUBLISHED, BEFORE, BEFORE + 20) != [(20,)]:  # others store alerts there, too
        assert time.monotonic() < give_up_at, system.tails()
        time.sleep(0.2)
    yield lambda: system.send(on(topic, packets(TONIGHT, 20)))
    for name in ("listen-ztf", "worker", "worker-trials"):
        system.stop(name)


def caught(system):
    """Return what went to the filter's topic."""
    return {row[0] for row in system.sql("SELECT candid FROM filter_deliveries WHERE NOT pending")}


def tried(system):
    """Return what the newest trial matched of the alerts that came while the filter was live."""
    [(candids,)] = system.sql("SELECT candids FROM filter_trials ORDER BY id DESC LIMIT 1")
    return {candid for candid in np.frombuffer(candids, np.int64).tolist() if candid >= TONIGHT}


def signed_up(site, page):
    """Sign up as a stranger would; return the variables of the credential."""
    page.goto(f"{site.url}/signup")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_role("button", name="Send me the mail").click()
    page.get_by_role("button", name="Send me the mail").wait_for(state="detached")
    page.goto(link_in(site.mail_to(EMAIL)))
    page.get_by_role("button", name="Activate").click()
    page.locator(".badge.ok").nth(1).wait_for()
    lines = page.locator("#dotenv").inner_text().splitlines()
    return dict(line.split("=", 1) for line in lines)


def first_line(code, password, folder):
    """Return the first line that a snippet prints in the published client's environment."""
    snippet = folder / "snippet.py"
    snippet.write_text(code)
    done = subprocess.run(
        [str(published_client.installed()), "-c", READER, str(snippet)],
        env=of_a_stranger(BABAMUL_KAFKA_PASSWORD=password, BABAMUL_NO_VERSION_CHECK="1"),
        capture_output=True,
        text=True,
        timeout=READ_WITHIN_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.slow
def test_from_the_first_line_typed_to_the_first_message_read(
    site, flowing, open_page, shoot, tmp_path
):
    page, watch = open_page()
    login = signed_up(site, page)
    published_client.installed()
    page.goto(f"{site.url}/filters")
    shoot(page, "filters-empty")
    page.get_by_role("link", name="Make a filter").click()
    page.get_by_text("columns of ZTF alerts").wait_for()
    began, seconds = time.monotonic(), {}

    def reached(what):
        seconds[what] = round(time.monotonic() - began, 2)

    page.get_by_label("Expression").press_sequentially("magpfs < 19")
    page.get_by_text("nearest: magpsf").wait_for()
    reached("mistake told")
    watch.fits()
    shoot(page, "filters-mistake")
    page.get_by_label("Expression").fill(LINE)
    page.get_by_text("understood").wait_for()
    reached("understood")
    page.get_by_role("button", name="Try it on the last night").click()
    page.locator("dl.figures").wait_for(timeout=WAIT_MS)
    reached("tried")
    assert page.locator("dl.figures dd").first.inner_text() == "10"
    assert page.locator("tbody tr").count() == 10
    page.wait_for_function("[...document.images].slice(0, 3).every((one) => one.naturalWidth > 0)")
    watch.fits()
    shoot(page, "filters-trial")
    page.get_by_role("link", name="Make it a filter").click()
    page.get_by_role("textbox", name="Name").fill("bright-ones")
    page.get_by_label("Public").check()
    page.get_by_role("button", name="Save").click()
    page.get_by_role("button", name="Start version 1").click()
    page.locator(".badge.ok", has_text="live").wait_for(timeout=WAIT_MS)
    reached("live")
    code = page.locator("#code-1").text_content()
    time.sleep(11)  # a worker looks every ten seconds which filters are live
    flowing()
    line = first_line(code, login["BABAMUL_KAFKA_PASSWORD"], tmp_path)
    reached("first message")

    assert line.startswith("ZTF26filt")
    assert "as_raw=True" in code
    SHOTS.mkdir(parents=True, exist_ok=True)
    (SHOTS / "filters.json").write_text(json.dumps(seconds))
    page.goto(f"{site.url}/filters/bright-ones")
    page.locator("#latest").wait_for()
    page.get_by_role("button", name="Try it on the last night").click()
    page.locator("dl.figures").wait_for(timeout=WAIT_MS)
    assert tried(site.system) == caught(site.system) == set(range(TONIGHT + 1, TONIGHT + 20, 2))
    page.goto(f"{site.url}/filters/bright-ones")
    watch.fits()
    shoot(page, "filters-page")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_gallery_and_the_columns_fit_any_screen(site, flowing, open_page, shoot, size, theme):
    page, watch = open_page(size, theme)
    for name in ("filters", "filters/columns", "filters/columns?survey=lsst&q=flux"):
        page.goto(f"{site.url}/{name}")
        watch.fits()
    page.goto(f"{site.url}/filters")
    shoot(page, f"filters-{size[0]}-{theme}")


def test_without_scripts_all_of_it_works(site, flowing, open_page):
    page, _ = open_page(scripts=False)
    page.goto(f"{site.url}/filters/columns?q=magpsf")

    assert page.get_by_text("PSF magnitude on the difference image").count() == 1
