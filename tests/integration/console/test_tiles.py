"""A tile of a plan becomes a command of its telescope, and only where it may."""

import html
import json

import pytest
from sqlalchemy import select

from broker.sections.telescope import BEAM
from pipeline.telescope import ledger
from pipeline.telescope.tables import TelescopeCommand
from tests.integration.console.conftest import signed_in
from tests.integration.gw_pages.conftest import EVENT, notice, plan, sky_map

pytestmark = pytest.mark.integration

__all__ = ["notice", "plan", "sky_map"]

RECORD = BEAM.model_dump() | {"title": "", "topic_prefix": ""}
OPTICAL = RECORD | {
    "kind": "optical", "frequencies_mhz": [], "observation_types": ["imaging"], "plan_name": "TCA",
}  # fmt: skip


@pytest.fixture
def tile(session, set_up, notice, sky_map, plan, bells):
    """The first tile of a plan of TCA, and the plan."""
    set_up(telescopes=json.dumps({"tca": OPTICAL, "beam": RECORD}))
    return plan(notice(skymap_id=sky_map.id))


def links(client, shown):
    page = html.unescape(client.get(f"/gw/{EVENT}/plans/{shown.id}").text)
    return [part.partition('"')[0] for part in page.split('href="')[1:] if "tile=" in part]


def test_a_tile_leads_to_the_form_filled_in(operator, session, tile):
    first, second = links(operator, tile)
    page = operator.get(first.partition("#")[0])

    form = page.context["form"]
    assert form["target_name"].value() == f"{EVENT} tile 101"
    assert form["output_filename"].value() == f"{EVENT}_tca_101.fits"
    assert (form["ra"].value(), form["dec"].value()) == (120.0, -40.0)
    assert form["integration_time"].value() == 30.0
    assert "center_frequency" not in form.fields
    assert operator.get(second.partition("#")[0]).context["form"]["ra"].value() == 121.0


def test_the_command_says_which_tile_it_is_for(operator, session, tile, monkeypatch):
    monkeypatch.setattr("pipeline.telescope.wish.refuse", lambda *_: None)  # wherever it stands
    [first, _] = links(operator, tile)
    form = operator.get(first.partition("#")[0]).context["form"]
    given = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    given |= {"trigger_id": EVENT, "tile": first.partition("tile=")[2].partition("#")[0]}

    for _ in range(2):
        operator.post("/telescopes/tca", given | {"is_confirmed": "true"})

    [row] = session.scalars(select(TelescopeCommand))
    assert (row.origin, row.trigger_id, row.tile_id) == ("plan", EVENT, "101")
    assert row.request["center_frequency"] == 0


@pytest.mark.parametrize("tile_of", ["", "1", "x:y", "1:999999999"])
def test_a_tile_that_is_none_is_not_found(operator, tile, tile_of):
    path = f"/telescopes/tca?trigger_id={EVENT}&tile={tile_of}"

    assert operator.get(path).status_code == 404


def test_a_tile_of_another_telescope_is_not_found(operator, tile):
    [first, _] = links(operator, tile)

    assert operator.get(first.partition("#")[0].replace("/tca?", "/beam?")).status_code == 404


def test_nobody_else_is_led_there(db, tile):
    assert links(signed_in("shifter"), tile) == []


def test_no_tile_is_offered_to_a_stopped_telescope_or_of_a_retracted_event(
    operator, session, tile, notice
):
    ledger.stop("tca", "owl", "closed")
    assert links(operator, tile) == []
    ledger.resume("tca", "owl", "open")
    assert len(links(operator, tile)) == 2

    notice(alert_type="RETRACTION", state="retracted")
    assert links(operator, tile) == []


def test_the_page_of_an_event_leads_to_its_commands(operator, tile):
    assert f"/telescopes?trigger_id={EVENT}" in operator.get(f"/gw/{EVENT}").text
    assert "Take back everything" in operator.get(f"/telescopes?trigger_id={EVENT}").text
