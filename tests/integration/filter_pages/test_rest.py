"""The same through REST."""

import pytest

from tests.integration.filter_pages.conftest import NIGHT, program

pytestmark = pytest.mark.integration
BASE = "/babamul/filters"
NEW = {"name": "bright", "survey": "ztf", "expression": "magpsf < 19"}


@pytest.fixture
def mine(vera):
    return program(vera)


@pytest.fixture
def others(eve):
    return program(eve)


def post(api, path, **body):
    return api.post(BASE + path, body, content_type="application/json")


def data(response, status=200):
    assert response.status_code == status, response.content
    return response.json()["data"]


def test_from_definition_to_live_and_away(mine, rung):
    made = data(post(mine, "", **NEW), 201)
    assert (made["state"], made["topic"], made["live_version"]) == (
        "draft", "babamul.filter.bright", None,
    )  # fmt: skip
    data(post(mine, "/bright/versions", expression="magpsf < 18"))
    assert data(post(mine, "/bright/start"))["live_version"] == 2
    assert data(post(mine, "/bright/start", version=1))["state"] == "starting"
    assert data(post(mine, "/bright/stop"))["state"] == "stopped"
    changed = mine.patch(f"{BASE}/bright", {"is_public": True, "digest": "mail"},
                         content_type="application/json")  # fmt: skip
    assert (data(changed)["is_public"], data(changed)["digest"]) == (True, "mail")
    shown = data(mine.get(f"{BASE}/bright"))
    assert [each["number"] for each in shown["versions"]] == [2, 1]
    assert (shown["nights"], shown["latest"]) == ([], [])
    assert [each["name"] for each in data(mine.get(BASE))["own"]] == ["bright"]
    data(mine.delete(f"{BASE}/bright"))
    assert mine.get(f"{BASE}/bright").status_code == 404


def test_mistakes_name_their_field_and_place(mine):
    refused = post(mine, "", **NEW | {"expression": "rock and magpfs < 19"})
    assert refused.status_code == 400
    assert refused.json()["errors"]["expression"][0].startswith("character 10: ZTF alerts have no")
    assert "name" in post(mine, "", **NEW | {"name": "B"}).json()["errors"]
    assert "survey" in post(mine, "", **NEW | {"survey": "tess"}).json()["errors"]
    assert post(mine, "", **NEW | {"expression": "a" * 3000}).status_code == 400
    assert post(mine, "/bright/fly").status_code == 404


def test_an_expression_is_checked_with_its_place(mine):
    assert data(post(mine, "/check", survey="ztf", expression="drb > .9"))["reads"] == ["drb"]
    found = data(post(mine, "/check", survey="ztf", expression="drb >> .9"))
    assert (found["ok"], found["error"]["at"], found["error"]["end"]) == (False, 5, 6)


def test_columns_are_for_everybody(nobody):
    found = data(nobody.get(f"{BASE}/columns?survey=ztf"))
    assert {"name": "psfFlux", "unit": "nJy"}.items() <= next(
        each for each in found["columns"] if each["name"] == "psfFlux"
    ).items()
    assert found["grammar"].startswith("expression")


def test_a_trial_from_question_to_matches(mine, others, night, work):
    begun = data(post(mine, "/trials", survey="ztf", expression="magpsf < 19", other="rock"), 202)
    assert (begun["state"], begun["night"]) == ("waiting", NIGHT)
    address = f"{BASE}/trials/{begun['key']}"

    work()

    done = data(mine.get(address))
    assert (done["state"], done["matched"], done["other_matched"], done["is_sample"]) == (
        "done", 2, 0, False,
    )  # fmt: skip
    matches = data(mine.get(f"{address}/matches?limit=1&skip=1"))
    assert [(each["object_id"], each["side"]) for each in matches] == [("ZTF26aaaaaab", 1)]
    assert [each["key"] for each in data(mine.get(f"{BASE}/trials"))] == [begun["key"]]
    assert others.get(address).status_code == 404
    assert others.get(f"{address}/matches").status_code == 404
    assert post(mine, "/trials", survey="lsst", expression="rock").status_code == 400


def test_a_private_filter_is_not_there_for_others(mine, others):
    post(mine, "", **NEW)

    assert data(others.get(BASE)) == {"own": [], "public": []}
    assert others.get(f"{BASE}/bright").status_code == 404
    assert others.delete(f"{BASE}/bright").status_code == 404
    for word in ("start", "stop"):
        assert post(others, f"/bright/{word}").status_code == 404
    assert post(others, "/bright/versions", expression="rock").status_code == 404
    assert "is taken" in post(others, "", **NEW).json()["errors"]["name"][0]
