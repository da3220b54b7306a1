"""Real packets, read and shown; figures of the missions' own notices."""

from pathlib import Path

import pytest

from pipeline.gw.grb import doubts
from pipeline.gw.grb_cards import opening_card, packet_card
from pipeline.gw.voevents import parse_voevent
from tests.samples import folder

pytestmark = pytest.mark.samples


def sample(name):
    return parse_voevent(Path(folder() / "gw/voevent" / name).read_bytes())


def shown(card):
    """Return what a card says, by field."""
    texts = [
        field["text"].replace("*", "").split("\n")
        for block in card.blocks
        for field in block.get("fields", ())
    ]
    return dict(texts)


def test_bat():
    card = opening_card(sample("swift_bat_type61.xml"), link="https://sky.example/GRB251214")

    assert card.text == "🔔 New Swift GRB 251214 / Trigger ID: 1423875"
    assert shown(card) == {
        "Trigger time (UTC)": "2025-12-14 09:02:17",
        "Significance in rate / image": "22.0 / 8.6 sigma",
        "Duration": "0.3 s",
        "Position (RA, Dec)": "330.22 -9.17",
        "Error radius": "3.00′",
    }
    assert card.blocks[-1]["elements"][0]["url"] == "https://sky.example/GRB251214"


def test_xrt():
    assert shown(packet_card(sample("swift_xrt_type67.xml"))) == {
        "Burst": "GRB 251214",
        "Position (RA, Dec)": "74.75 -9.31",
        "Error radius": "0.08′",
    }


def test_uvot():
    assert shown(packet_card(sample("swift_uvot_type81.xml"))) == {
        "Burst": "GRB 251214",
        "Position (RA, Dec)": "330.21 -9.16",
        "Error radius": "0.02′",
        "Magnitude (Vega)": "17.46 ± 0.40",
    }


def test_eclairs():
    card = opening_card(sample("svom_eclairs.xml"))

    assert card.text == "🔔 New SVOM GRB 251208 / sb25120806"
    assert shown(card) == {
        "Trigger time (UTC)": "2025-12-08 16:50:21",
        "Significance in rate / image": "NA / 6.6 sigma",
        "Duration": "81.9 s",
        "Position (RA, Dec)": "337.53 -0.39",
        "Error radius": "11.77′",
        "Slew": "not-requested",
    }


def test_positions_that_do_not_agree_are_doubted():
    bat, xrt = sample("swift_bat_type61.xml"), sample("swift_xrt_type67.xml")

    (doubt,) = doubts(xrt, [bat])
    assert round(float(doubt.partition("°")[0])) == 103
    assert "position of BAT" in doubt


def test_positions_that_agree_are_not():
    assert doubts(sample("swift_uvot_type81.xml"), [sample("swift_bat_type61.xml")]) == []


@pytest.mark.parametrize(
    "name",
    [
        "fermi_grb_gcn.xml",
        "fermi_initial_grb_gcn.xml",
        "fermi_subthresh_grb_gcn.xml",
        "integral_grb_gcn.xml",
        "snews_gcn.xml",
    ],
)
def test_packets_of_other_missions_are_read_and_not_followed(name):
    raw = Path(folder() / "gw/voevent-gwcelery" / name).read_bytes()

    assert not parse_voevent(raw).is_followed
