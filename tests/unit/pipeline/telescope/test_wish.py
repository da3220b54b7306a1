"""What may be asked of a telescope: each refusal names field, value and limit."""

from datetime import UTC, datetime

import pytest

from broker.sections.telescope import BEAM
from pipeline.telescope.record import Telescope
from pipeline.telescope.wish import (
    RefusedError,
    Wish,
    observation_of,
    restored,
    stored,
)

NOW = datetime(2026, 3, 1, 22, 0, 0, 123_000, tzinfo=UTC)
RADIO = Telescope("beam", BEAM)
OPTICAL = Telescope(
    "tca",
    BEAM.model_copy(update={"kind": "optical", "frequencies_mhz": (), "title": "TCA"}),
)
ASKED = {
    "target_name": "M31",
    "observation_object": "galaxy",
    "ra": 10.68,
    "dec": 41.27,
    "center_frequency": 1420.0,
    "rf_gain": 10.0,
    "if_gain": 10.0,
    "bb_gain": 10.0,
    "observation_type": "imaging",
    "integration_time": 60.0,
    "output_filename": "m31.fits",
}
DARK = {"center_frequency": 0.0, "rf_gain": 0.0, "if_gain": 0.0, "bb_gain": 0.0}


def observation(telescope=RADIO, **changes):
    return observation_of(Wish(telescope.name, ASKED | changes), telescope, "beam-1", NOW)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ra": 360}, "ra = 360.0: must be at least 0 and below 360"),
        ({"ra": float("nan")}, "ra = nan: must be finite"),
        ({"dec": 90.0001}, "dec = 90.0001: must be at least -90 and at most 90"),
        ({"integration_time": 0}, "integration_time = 0.0: must be above 0"),
        ({"integration_time": float("nan")}, "integration_time = nan: must be finite"),
        ({"integration_time": 3600.5}, "integration_time = 3600.5: must be at most 3600 s at BEAM"),
        ({"center_frequency": 1421}, "= 1421.0: must be one of 1420, 1670, 22000 MHz at BEAM"),
        ({"observation_type": "movie"}, "observation_type = 'movie': must be one of imaging, spec"),
        ({"output_filename": "../x.fits"}, "output_filename = '../x.fits': must be 1 to 200"),
        ({"output_filename": ".x.fits"}, "no dot first"),
        ({"target_name": ""}, "target_name = '': must have 1 to 255 characters"),
        ({"target_name": "a\0b"}, "must not contain a NUL"),
        ({"ra": "10"}, "ra = '10': must be float, is str"),
        ({"dec": True}, "dec = True: must be float, is bool"),
        ({"colour": 1}, "colour = 1: no such field"),
    ],
)
def test_what_cannot_be_observed_is_refused_by_field_and_limit(changes, said):
    with pytest.raises(RefusedError) as refused:
        observation(**changes)

    assert said in str(refused.value)
    assert len(refused.value.problems) == 1


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(RefusedError) as refused:
        observation(ra=-1, dec=91, integration_time=-1)

    assert [each.field for each in refused.value.problems] == ["ra", "dec", "integration_time"]


def test_a_field_that_is_missing_is_named():
    with pytest.raises(RefusedError, match="dec = None: must be given"):
        observation_of(
            Wish("beam", {name: value for name, value in ASKED.items() if name != "dec"}),
            RADIO,
            "beam-1",
            NOW,
        )


@pytest.mark.parametrize("changes", [{"ra": 0}, {"dec": 90}, {"dec": -90}, {"ra": 359.9999}])
def test_the_edges_of_the_sky_are_accepted(changes):
    observation(**changes)


def test_an_optical_telescope_has_no_frequency_and_no_gains():
    with pytest.raises(RefusedError, match="must be 0 for an optical telescope") as refused:
        observation(OPTICAL)

    assert {each.field for each in refused.value.problems} == set(DARK)
    assert observation(OPTICAL, **DARK).center_frequency == 0


def test_a_word_that_no_column_takes_is_refused():
    with pytest.raises(RefusedError, match="tile_id"):
        observation_of(Wish("beam", ASKED, tile_id="x" * 256), RADIO, "beam-1", NOW)


def test_an_observation_survives_its_row():
    found = observation()

    assert restored(stored(found)) == found
    assert found.user is None
    assert stored(found)["submitted_at"] == 1772402400123


def test_a_target_below_the_limit_is_refused_with_its_altitude():
    limited = Telescope("beam", BEAM.model_copy(update={"altitude_limit_deg": 20}))

    # By astropy M31 stands 0.89° below BEAM's horizon then.
    with pytest.raises(RefusedError, match=r"altitude = -0\.9: must be at least 20 deg at BEAM"):
        observation(limited)
    assert observation(limited, dec=80.0).dec == 80


def test_one_that_was_stored_before_a_field_was_added_has_its_default():
    kept = stored(observation(RADIO))
    for name in ("status", "user_id", "created_at", "completed_at"):
        del kept[name]

    found = restored(kept)

    assert (found.status, found.user_id, found.completed_at) == ("pending", 0, None)
    assert found.created_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert (found.ra, found.submitted_at) == (kept["ra"], NOW)
    with pytest.raises(KeyError, match="dec"):
        restored({name: value for name, value in kept.items() if name != "dec"})


def test_an_origin_that_is_none_is_refused():
    with pytest.raises(RefusedError, match="origin = 'x': must be one of console, plan"):
        observation_of(Wish("beam", ASKED, origin="x"), RADIO, "beam-1", NOW)
