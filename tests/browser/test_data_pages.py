"""Search and object pages in a real browser, over real packets; pictures to be looked at."""

from typing import Any

import pytest

from broker.db import transaction
from pipeline.catalogs.known import LSPSC, NED
from pipeline.simulate.scenario import epoch, make_lsst_packet, make_ztf_packet
from tests import samples
from tests.browser.conftest import DESK, PHONE
from tests.e2e.site import Site
from tests.integration.api.world import load_rows, store_packets

pytestmark = pytest.mark.slow

JD = 2461254.75
BIG = 2**53 + 1
PAIR = "ZTF26aaaaaaa"
THEMES = ("light", "dark")


def _history() -> list[Any]:
    """A rise and a fall in two bands, limits before."""
    before = [epoch(JD - 40 + 3 * n, "gr"[n % 2], alert_id=0, limit_abmag=20.4) for n in range(8)]
    seen = [
        epoch(JD - 15 + n, "gr"[n % 2], 19.6 - 0.12 * n + 0.1 * (n % 2), alert_id=100 + n)
        for n in range(15)
    ]
    return before + seen


@pytest.fixture(scope="module")
def real() -> dict[str, Any]:
    """A real public packet with the longest history, and a real one of Rubin."""
    public = [s for s in samples.ztf_rewritten() if s.record["candidate"]["programid"] == 1]
    ztf = max(public, key=lambda one: len(one.record.get("prv_candidates") or ()))
    lsst = max(
        (s for s in samples.rubin() if s.record["diaSource"]["diaObjectId"]),
        key=lambda one: len(one.record.get("prvDiaForcedSources") or ()),
    )
    return {"ztf": ztf, "lsst": lsst}


@pytest.fixture(scope="module")
def address(site: Site, real: dict[str, Any]) -> str:
    """Put a few objects into the site; return its address."""
    with transaction() as session:
        star = {"id": 5, "ra": 150.0, "dec": 30.0, "score": 0.9, "mag_white": 18.0}
        load_rows(session, LSPSC, [star])
        galaxy = {"ra": 150.0, "dec": 30.003, "objname": "NGC 3079", "z": 0.0038}
        load_rows(session, NED, [galaxy | {"objtype": "G", "DistMpc": 19.1}])
    for survey, values in (
        ("lsst", [make_lsst_packet(diaSourceId=7, jd=JD - 1), real["lsst"].value]),
        (
            "ztf",
            [
                make_ztf_packet(candid=BIG, magpsf=18.1, history=_history(), sgscore1=0.1),
                make_ztf_packet(candid=BIG + 2, jd=JD + 2, magpsf=18.4, drb=0.1),
                real["ztf"].value,
            ],
        ),
    ):
        with transaction() as session:
            store_packets(session, survey, values, site.system.folder / "archive")
    return site.url


def fits(page: Any) -> bool:
    """Tell whether nothing of the page stands out to the right."""
    return page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_an_object_is_drawn(address, open_page, shoot, size, theme):
    page, _ = open_page(size, theme)
    page.goto(f"{address}/objects/ztf/{PAIR}")
    page.wait_for_selector("#plot[data-ready]")
    page.wait_for_selector("#images[data-ready]")

    assert page.locator(".plot-area canvas").count() == 1
    assert page.locator(".images canvas").count() == 3
    assert page.locator("[data-band]").count() >= 2
    assert fits(page)
    shoot(page, f"object-{size[0]}-{theme}")


def test_the_plot_obeys_its_switches_and_a_point_brings_its_cutouts(address, open_page, shoot):
    page, _ = open_page()
    page.goto(f"{address}/objects/ztf/{PAIR}")
    page.wait_for_selector("#plot[data-ready]")
    shown = page.evaluate(INK)
    page.locator("[data-kind=alert]").uncheck()
    assert page.evaluate(INK) != shown  # the axes follow what is left, so it may be more
    page.locator("[data-kind=alert]").check()
    page.get_by_label("flux [nJy]").check()
    page.get_by_label("MJD").check()
    shoot(page, "object-flux-mjd")
    page.locator(f"a[data-candid='{BIG}']").click()
    page.wait_for_selector(f"#images[data-ready='{BIG}']")
    assert str(BIG) in page.locator("#images-title").inner_text()
    page.get_by_label("Stretch").select_option("linear")


INK = """() => {
  const canvas = document.querySelector('.plot-area canvas');
  const data = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let count = 0;
  for (let at = 3; at < data.length; at += 4) count += data[at] > 0;
  return count;
}"""
"""How many pixels of the plot are painted."""


@pytest.mark.samples
@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_real_objects_are_drawn(address, real, open_page, shoot, survey):
    record = real[survey].record
    name = record["objectId"] if survey == "ztf" else str(record["diaSource"]["diaObjectId"])
    page, _ = open_page()
    page.goto(f"{address}/objects/{survey}/{name}")
    page.wait_for_selector("#plot[data-ready]")
    page.wait_for_selector("#images[data-ready]")
    assert page.evaluate(INK) > 1000
    shoot(page, f"object-real-{survey}")


def test_large_ids_survive_the_browser(address, open_page):
    page, _ = open_page()
    page.goto(f"{address}/search?q={BIG}")

    assert page.url.endswith(f"/objects/ztf/{PAIR}?candid={BIG}")
    page.wait_for_selector(f"#images[data-ready='{BIG}']")


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_the_search_is_used_by_keyboard_alone(address, open_page, shoot, size, theme):
    page, _ = open_page(size, theme)
    page.goto(f"{address}/search")
    page.locator("#q:focus").wait_for()  # the first letter would be nobody's
    page.keyboard.type("150 30 10")
    page.keyboard.press("Enter")
    page.wait_for_selector("table")

    assert page.locator("tbody tr").count() == 2
    assert fits(page)
    shoot(page, f"search-{size[0]}-{theme}")


def test_a_mistake_is_told_beside_its_field(address, open_page, shoot):
    page, watch = open_page(PHONE)
    page.goto(f"{address}/search?q=nonsense!&min_mag=x")
    watch.complaints.clear()  # the browser's own word about status 400

    assert page.locator("#q[aria-invalid]").count() == 1
    assert page.locator("#min_mag-error").inner_text() == "must be a number"
    shoot(page, "search-mistake")


def test_without_scripts_there_is_a_picture_and_every_number(address, open_page, shoot):
    page, _ = open_page(DESK, scripts=False)
    page.goto(f"{address}/objects/ztf/{PAIR}")

    assert page.locator("#plot svg").count() == 1
    assert page.locator("tbody tr").count() > 3
    shoot(page, "object-without-scripts")


def test_nothing_is_asked_of_other_sites(address, open_page):
    page, _ = open_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(f"{address}/objects/ztf/{PAIR}")
    page.wait_for_selector("#images[data-ready]")

    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []
