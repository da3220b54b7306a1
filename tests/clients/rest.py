"""Call every function of the published client's REST side, unmodified; in its own environment.

    python rest.py FACTS

reads a JSON file that says what to ask for, calls the client as people do, and prints as JSON what
the client's own models made of each answer. The token comes from the client's own variable. It
imports nothing of ours.
"""

import json
import logging
import os
import sys
from pathlib import Path
from typing import Any

os.environ |= {"BABAMUL_ENV": "local", "BABAMUL_NO_VERSION_CHECK": "1", "MPLBACKEND": "Agg"}

from astropy.coordinates import SkyCoord
from babamul import api, models
from babamul.exceptions import APIError, APINotFoundError


class Complaints(logging.Handler):
    """Keeps what the client only logs: it drops a batch that fails."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record.getMessage())


def seen(alert: Any) -> dict[str, Any]:
    return {
        "model": type(alert).__name__,
        "candid": alert.candid,
        "object_id": alert.objectId,
        "magpsf": alert.candidate.magpsf,
        "drb": alert.drb,
        "star": alert.properties.star if alert.properties else None,
    }


def whole(alert: Any) -> dict[str, Any]:
    other = alert.survey_matches and (
        getattr(alert.survey_matches, "lsst", None) or getattr(alert.survey_matches, "ztf", None)
    )
    return seen(alert) | {
        "points": [[p.jd, p.band, p.magpsf] for p in alert.prv_candidates],
        "forced": len(alert.fp_hists),
        "match": other and other.objectId,
        "match_points": len(other.prv_candidates) if other else 0,
        "catalogs": alert.cross_matches.catalogs(),
    }


def refusal(call: Any, *arguments: Any, **named: Any) -> str:
    try:
        call(*arguments, **named)
    except APIError as error:
        return type(error).__name__
    return "answered"


def asked(facts: dict[str, Any]) -> dict[str, Any]:
    ztf, lsst = facts["ztf"], facts["lsst"]
    profile = api.get_profile()
    by_id = api.get_alerts("ZTF", object_id=ztf["object_id"])
    many = api.get_alerts("ZTF", start_jd=facts["many_jd"] - 0.1, end_jd=facts["many_jd"] + 0.1)
    place = {"ra": ztf["ra"], "dec": ztf["dec"], "radius_arcsec": 3.0}
    names = [(str(at), ra, dec) for at, (ra, dec) in enumerate(facts["places"])]
    sky = SkyCoord([ztf["ra"]], [ztf["dec"]], unit="deg")
    window = (ztf["jd"] - 1, ztf["jd"] + 1)
    found = api.get_object("ZTF", ztf["object_id"])
    other = api.get_object("LSST", lsst["object_id"])
    lonely = by_id[0]
    cutouts = api.get_cutouts("ZTF", ztf["candid"])
    models.add_cross_matches([lonely])
    found.plot_lightcurve(show=False)
    found.plot_cutouts(show=False)
    other.plot_lightcurve(show=False)
    other.plot_cutouts(show=False)
    found.plot_cross_matches(show=False)
    return {
        "profile": profile.email,
        "by_id": [seen(alert) for alert in by_id],
        "lsst_by_id": [seen(a) for a in api.get_alerts("LSST", object_id=lsst["object_id"])],
        "unknown": api.get_alerts("ZTF", object_id="ZTF99zzzzzzz"),
        "many": len({alert.candid for alert in many}),
        "cone": [seen(alert) for alert in api.get_alerts("ZTF", **place)],
        "cone_not_star": [seen(a) for a in api.get_alerts("ZTF", **place, is_star=False)],
        "cones": {
            name: [alert.candid for alert in alerts]
            for name, alerts in api.cone_search_alerts(
                "ZTF", names, 3.0, n_threads=12, batch_size=40
            ).items()
        },
        "cones_of_skycoord": list(api.cone_search_alerts("ZTF", sky, 3.0)),
        "objects_in_cones": {
            name: [one.objectId for one in objects]
            for name, objects in api.cone_search_objects("ZTF", names[:30], 3.0).items()
        },
        "moc": [a.candid for a in api.skymap_search_alerts("ZTF", *window, moc=facts["moc"])],
        "flat": [
            a.candid
            for a in api.skymap_search_alerts(
                "ZTF", *window, skymap=facts["flat"], credible_level=0.9
            )
        ],
        "volume": [
            [a.candid, a.host_searched_prob_vol]
            for a in api.skymap_search_alerts("ZTF", *window, skymap=facts["volume"])
        ],
        "cutouts": [len(c) for c in (cutouts.cutoutScience, cutouts.cutoutTemplate)],
        "cutouts_bulk": sorted(api.get_cutouts_bulk("ZTF", facts["candids"], batch_size=20)),
        "lsst_cutouts": len(api.get_cutouts("LSST", lsst["candid"]).cutoutScience),
        "object": whole(found),
        "lsst_object": whole(other),
        "photometry": len(api.get_photometry("ZTF", ztf["object_id"]).prv_candidates),
        "row_photometry": len(
            api.get_alerts("ZTF", object_id=ztf["object_id"])[0].get_photometry()
        ),
        "catalogs": api.get_cross_matches("LSST", lsst["object_id"]).catalogs(),
        "catalogs_bulk": sorted(api.get_cross_matches_bulk("ZTF", facts["names"])),
        "lspsc": len(other.cross_matches.lspsc),
        "added": lonely.cross_matches.catalogs(),
        "search": [one.objectId for one in api.search_objects(ztf["object_id"][:9], limit=100)],
        "search_lsst": [one.survey for one in api.search_objects(lsst["object_id"])],
        "track": refusal(api.get_track, "ZTF", "BT000001"),
        "fit": refusal(api.get_villar_fit, "ZTF", object_id=ztf["object_id"], which="first"),
        "no_object": refusal(api.get_object, "ZTF", "ZTF99zzzzzzz"),
        "private": refusal(api.get_cutouts, "ZTF", facts["private_candid"]),
        "not_found": APINotFoundError.__name__,
    }


def main(facts: Path) -> None:
    complaints = Complaints()
    logging.getLogger().addHandler(complaints)
    answers = asked(json.loads(facts.read_text()))
    errors = [line for line in complaints.lines if "Error" in line]
    sys.stdout.write(json.dumps(answers | {"complaints": errors}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
