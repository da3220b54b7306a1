"""Every operation of the description is asked; no answer breaks it, none is a 500."""

import pytest
import schemathesis

from tests.fuzz_api.fill import JD
from tests.fuzz_api.run import ask
from tests.fuzz_api.site import served
from tests.redis_databases import RedisDatabase

pytestmark = [pytest.mark.integration, pytest.mark.slow]
EXAMPLES = 8
"""Of each operation; the edges of every field are left to ``make fuzz-api``."""
LIMIT_S = 300
"""For a machine that does much else; alone it takes a minute at the most."""
JSON = "application/json"
NAME = "ZTF26aaaaaaa"
CONE = {"ra": 150.0, "dec": 30.0}
CONES = {"coordinates": {"here": [150.0, 30.0], "there": [10.0, 10.0]}, "radius_arcsec": 5}
HOLDING = {"alerts of an object", "alerts of a cone", "alerts of a time", "alerts of cones",
           "an object", "catalogs of many", "objects of cones", "objects by name",
           "objects by place"}  # fmt: skip
"""Whose answers name the object."""


@pytest.fixture(scope="module")
def site(parts, make_database, migrated_template, tmp_path_factory):
    settings = {
        "NIGHTJAR_POSTGRES__URL": make_database(migrated_template),
        "NIGHTJAR_REDIS__URL": RedisDatabase.FUZZ.url(parts.redis_url),
    }
    with served(settings, tmp_path_factory.mktemp("fuzz_api")) as running:
        yield running


def test_no_answer_breaks_the_description(site, capfd):
    outcome = ask(site, EXAMPLES, phases="fuzzing", limit_s=LIMIT_S)

    assert outcome == 0, capfd.readouterr().out + site.log.read_text()[-4000:]


ASKED = {
    "alerts of an object": ("/surveys/{survey}/alerts", "GET", {"object_id": NAME}),
    "alerts of a cone": ("/surveys/{survey}/alerts", "GET", CONE | {"radius_arcsec": 5}),
    "alerts of a time": ("/surveys/{survey}/alerts", "GET", {"start_jd": JD, "end_jd": JD + 1}),
    "alerts of cones": ("/surveys/{survey}/alerts/cone-search", "POST", CONES),
    "an object": ("/surveys/{survey}/objects/{object_id}", "GET", {}),
    "its catalogs": ("/surveys/{survey}/objects/{object_id}/cross-matches", "GET", {}),
    "catalogs of many": ("/surveys/{survey}/objects/cross-matches", "POST", {"object_ids": [NAME]}),
    "objects of cones": ("/surveys/{survey}/objects/cone-search", "POST", CONES),
    "cutouts": ("/surveys/{survey}/cutouts", "GET", {"candid": 1}),
    "cutouts of many": ("/surveys/{survey}/cutouts", "POST", {"candids": [1, 2, 99]}),
    "objects by name": ("/objects", "GET", {"object_id": "ZTF26"}),
    "objects by place": ("/objects", "GET", CONE | {"radius": 5}),
    "profile": ("/profile", "GET", {}),
    "tokens": ("/tokens", "GET", {}),
    "schemas": ("/surveys/{survey}/schemas", "GET", {}),
    "collections": ("/stats/collections", "GET", {}),
    "nights": ("/stats/nightly", "GET", {"start_date": "2026-01-01", "end_date": "2026-01-02"}),
}


@pytest.mark.parametrize("what", ASKED)
def test_answers_that_hold_data_are_as_described(site, what):
    path, method, given = ASKED[what]
    schema = schemathesis.openapi.from_url(f"{site.url}/babamul/openapi.json")
    operation = schema[f"/babamul{path}"][method]
    asked = {"query": given} if method == "GET" else {"body": given, "media_type": JSON}
    names = {"survey": "ztf", "object_id": NAME}
    case = operation.Case(
        path_parameters={name: names[name] for name in names if f"{{{name}}}" in path}, **asked
    )

    answer = case.call_and_validate(headers={"Authorization": f"Bearer {site.token}"})

    assert answer.status_code == 200
    assert NAME in answer.text or what not in HOLDING
