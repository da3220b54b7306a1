"""Searches at the edges of the sky and of the rules."""

import pytest

from accounts import tokens
from accounts.models import BabamulUser
from broker import limits

pytestmark = pytest.mark.integration
EDGES_DEG = [(0.0, 0.0), (180.0, 45.0), (359.9999, -45.0), (10.0, 90.0), (10.0, -90.0)]


@pytest.fixture
def token(session, monkeypatch):
    monkeypatch.setattr(limits, "take", lambda *_, **__: None)
    user = BabamulUser.objects.create(email="a@example.org", username="a", state="active")
    return tokens.login_token(user)


def searched(client, token, of, cone):
    """Return the answer to a cone search of ``SURVEY/alerts`` or ``SURVEY/objects``."""
    return client.post(
        f"/babamul/surveys/{of}/cone-search",
        cone,
        content_type="application/json",
        headers={"authorization": f"Bearer {token}", "host": "localhost"},
    )


@pytest.mark.parametrize("survey", ["ztf", "lsst"])
@pytest.mark.parametrize("radius_arcsec", [5e-324, 1e-300, 1e-9, 600])
def test_any_radius_that_is_allowed_is_searched(client, token, survey, radius_arcsec):
    cone = {"coordinates": {"x": [0.0, 0.0]}, "radius_arcsec": radius_arcsec}

    answer = searched(client, token, f"{survey}/alerts", cone)

    assert (answer.status_code, answer.json()["data"]) == (200, {"x": []})


@pytest.mark.parametrize(("ra", "dec"), EDGES_DEG)
@pytest.mark.parametrize("survey", ["ztf", "lsst"])
def test_the_edges_of_the_sky_are_searched(client, token, survey, ra, dec):
    cone = {"coordinates": {"x": [ra, dec]}, "radius_arcsec": 600}

    answer = searched(client, token, f"{survey}/objects", cone)

    assert (answer.status_code, answer.json()["data"]) == (200, {"x": []})


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("radius_arcsec", 0),
        ("radius_arcsec", 600.1),
        ("radius_arcsec", -1),
        ("radius_arcsec", "wide"),
        ("radius_arcsec", None),
        ("coordinates", {}),
        ("coordinates", {"x": [360.0, 0.0]}),
        ("coordinates", {"x": [0.0, 90.1]}),
        ("coordinates", {"x": [0.0]}),
        ("coordinates", {"x": "here"}),
        ("coordinates", {"x": [10**400, 0.0]}),
        ("coordinates", [0.0, 0.0]),
        ("coordinates", {str(n): [0.0, 0.0] for n in range(5001)}),
    ],
    ids=lambda value: str(value)[:24],
)
def test_a_cone_that_is_none_is_refused_by_its_field(client, token, field, value):
    cone = {"coordinates": {"x": [10.0, 10.0]}, "radius_arcsec": 5} | {field: value}

    answer = searched(client, token, "ztf/alerts", cone)

    assert answer.status_code == 400
    assert any(name.split(".")[0] == field for name in answer.json()["errors"])
