"""What is asked: REST and pages, each time about another object or place."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.test import Client

from tests.bench_api.profiles import SEED, Profile
from tests.bench_api.sky import FIRST_JD_UTC, Filled

GOAL_MS = 50.0
BESIDE_DEG = 20 / 3600


@dataclass(frozen=True)
class Question:
    """One kind of request.

    Attributes
    ----------
    name : str
        For the report.
    ask : callable
        Sends the n-th request of its kind and returns the answer.
    goal_ms : float or None
        Largest 95th percentile of the server's time.
    rounds_share : float
        Asked so often, of the profile's rounds.
    """

    name: str
    ask: Callable[[int], Any]
    goal_ms: float | None = None
    rounds_share: float = 1.0


def questions(  # noqa: C901 a list of small functions
    api: Client, anybody: Client, filled: Filled, profile: Profile
) -> list[Question]:
    """Return every kind of request."""
    rng = np.random.default_rng(SEED + 1)
    count = len(filled.names["ztf"])
    order = rng.permutation(count)
    crowd = count // 10

    def place(n: int) -> tuple[str, float, float]:
        at = order[n % count]
        return filled.names["ztf"][at], filled.ra_deg["ztf"][at], filled.dec_deg["ztf"][at]

    def crowded(n: int) -> tuple[float, float]:
        at = n * 7919 % max(crowd, 1)
        return filled.ra_deg["ztf"][at], filled.dec_deg["ztf"][at]

    def cone(n: int, radius_arcsec: float, where: Callable[[int], Any] = place) -> Any:
        *_, ra, dec = where(n)
        query = {"ra": ra, "dec": dec, "radius_arcsec": radius_arcsec}
        return api.get("/babamul/surveys/ztf/alerts", query)

    def cones(n: int, size: int) -> Any:
        places = [place(n * size + at) for at in range(size)]
        # One in ten lies on an object, the others beside one: lists of people are like that.
        beside = [0.0 if at % 10 == 0 else BESIDE_DEG for at in range(size)]
        body = {
            "coordinates": {
                f"{at}": [ra, max(dec - beside[at], -90)] for at, (_, ra, dec) in enumerate(places)
            },
            "radius_arcsec": 2.0,
        }
        return api.post(
            "/babamul/surveys/ztf/alerts/cone-search",
            json.dumps(body),
            content_type="application/json",
        )

    def window(n: int, limit: int) -> Any:
        jd = FIRST_JD_UTC + n % max(profile.nights - 1, 1)
        query = {"start_jd": jd, "end_jd": jd + 1, "limit": limit}
        return api.get("/babamul/surveys/ztf/alerts", query)

    def prefix(n: int) -> Any:
        return api.get("/babamul/objects", {"object_id": place(n)[0][:9], "limit": 10})

    def near(n: int) -> Any:
        _, ra, dec = place(n)
        return api.get("/babamul/objects", {"ra": ra, "dec": dec, "radius": 10})

    def scs(n: int) -> Any:
        _, ra, dec = place(n)
        return anybody.get("/vo/scs", {"RA": ra, "DEC": dec, "SR": 10 / 3600})

    def found(n: int) -> Any:
        return api.get(f"/babamul/surveys/ztf/objects/{place(n)[0]}")

    def cutouts(n: int) -> Any:
        return api.get("/babamul/surveys/ztf/cutouts", {"objectId": place(n)[0]})

    def page(n: int, end: str = "") -> Any:
        return anybody.get(f"/objects/ztf/{place(n)[0]}{end}")

    return [
        Question("cone of 10″, alerts (REST)", lambda n: cone(n, 10), GOAL_MS),
        Question("cone of 10″ in a crowded field", lambda n: cone(n, 10, crowded), GOAL_MS),
        Question("cone of 10″, objects of both surveys", near, GOAL_MS),
        Question("cone of 10″, VOTable", scs, GOAL_MS),
        Question("object (REST)", found, GOAL_MS),
        Question("cutouts by object (REST)", cutouts, GOAL_MS),
        Question("object page (HTML)", page, GOAL_MS),
        Question("object page's points (JSON)", lambda n: page(n, "/data.json"), GOAL_MS),
        Question(
            "alerts of an object",
            lambda n: api.get("/babamul/surveys/ztf/alerts", {"object_id": place(n)[0]}),
            GOAL_MS,
        ),
        Question("part of a name", prefix, GOAL_MS),
        Question("one letter of a name", lambda _: api.get("/babamul/objects", {"object_id": "Z"})),
        Question("500 cones of 2″", lambda n: cones(n, 500), rounds_share=0.05),
        Question("5000 cones of 2″", lambda n: cones(n, 5000), rounds_share=0.02),
        Question(
            "cone of 600″ in a crowded field", lambda n: cone(n, 600, crowded), rounds_share=0.1
        ),
        Question("a day, its first 100 alerts", lambda n: window(n, 100), rounds_share=0.1),
        Question("a day, 10 000 alerts", lambda n: window(n, 10_000), rounds_share=0.02),
    ]
