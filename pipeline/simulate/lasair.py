"""Three filters as Lasair has them, over invented objects; one of them sends garbage.

The objects are the same for everybody who names the same day: the sender of the messages and the
stand-in for ALeRCE need not speak to each other.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from itertools import count
from typing import Any

import numpy as np

from pipeline.simulate import fits
from pipeline.simulate.alerce import Shown
from pipeline.simulate.images import Host, Scene, Star, render

BRIGHT, YOUNG, GARBAGE = TOPICS = (
    "lasair_1nightjar-bright",
    "lasair_1nightjar-young",
    "lasair_1nightjar-garbage",
)
SURVEYS = {BRIGHT: "ztf", YOUNG: "lsst", GARBAGE: "ztf"}
OBJECTS = 20
"""Of each survey."""
LATE, ABSENT = 3, 7
"""Numbers of the objects whose images come late, or without a template."""
LATE_LOOKS = 3
"""One for each image: at the first look there is none."""
DAYS = 8
"""For which there are detections, tonight's the last."""
_UNIX_EPOCH_MJD = 40_587
_TAI_AHEAD_D = 37 / 86_400
_FIRST_LSST_ID = 170_000_000_000_000_000
_GARBAGE = (
    b"no JSON at all",
    b"<html><body>502 Bad Gateway</body></html>",
    b'{"objectId": "ZTF26aaaaaaa", "mag": ',
    b"[1, 2, 3]",
    b'{"ramean": 12.5, "decmean": -3.25}',
    b"\x00\x01\x02\xff",
    b"",
)


@dataclass(frozen=True)
class LasairObject:
    """One invented object.

    Attributes
    ----------
    number : int
        From 0, among those of its survey.
    survey : str
        ``ztf`` or ``lsst``.
    """

    number: int
    survey: str

    @property
    def id(self) -> str:
        """Return its name."""
        if self.survey == "lsst":
            return str(_FIRST_LSST_ID + self.number)
        return f"ZTF26nightj{chr(ord('a') + self.number)}"

    @property
    def position_deg(self) -> tuple[float, float]:
        """Return right ascension and declination [deg, ICRS]."""
        rng = np.random.default_rng([self.number, len(self.survey)])
        return round(float(rng.uniform(0, 360)), 5), round(float(rng.uniform(-25, 25)), 5)

    def mjd_utc(self, day: date) -> float:
        """Return when it was detected on a UTC date."""
        days = (day - date(1970, 1, 1)).days
        return _UNIX_EPOCH_MJD + days + 0.1 + 0.005 * self.number

    def detections(self, last: date) -> list[Shown]:
        """Return what ALeRCE shows of it on a UTC date."""
        return [self._shown(last - timedelta(days=ago)) for ago in reversed(range(DAYS))]

    def _shown(self, day: date) -> Shown:
        mjd, is_lsst = self.mjd_utc(day), self.survey == "lsst"
        return Shown(
            id=int(mjd * 1e6) * (10_000_000 if is_lsst else 10_000) + self.number,
            mjd=mjd + _TAI_AHEAD_D if is_lsst else mjd,
            images=_images(self.number, self.survey, day.toordinal()),
            late=1 if self.number == LATE else 0,
        )


def objects(survey: str) -> list[LasairObject]:
    """Return the objects of a survey."""
    return [LasairObject(number, survey) for number in range(OBJECTS)]


def find(survey: str, object_id: str) -> Sequence[Shown]:
    """Return the detections of an object up to today; for the stand-in for ALeRCE."""
    today = datetime.now(UTC).date()
    return next((one.detections(today) for one in objects(survey) if one.id == object_id), [])


def night(now: datetime, each: int) -> Iterator[tuple[str, bytes]]:
    """Yield so many messages of each filter, in turn, with their topics."""
    sent = {topic: messages(topic, now) for topic in TOPICS}
    for _ in range(each):
        yield from ((topic, next(values)) for topic, values in sent.items())


def messages(topic: str, now: datetime) -> Iterator[bytes]:
    """Yield what a filter sends, without end.

    Parameters
    ----------
    topic : str
        Of ``TOPICS``.
    now : datetime
        UTC; its day is that of the detections.
    """
    if topic == GARBAGE:
        for number in count():
            yield _GARBAGE[number % len(_GARBAGE)]
    every = objects(SURVEYS[topic])
    for number in count():
        yield _message(every[number % OBJECTS], now)


def _message(one: LasairObject, now: datetime) -> bytes:
    """Return a row of the filter as JSON; LSST's names and times differ from ZTF's."""
    ra_deg, dec_deg = one.position_deg
    mjd = one.mjd_utc(now.date())
    row: dict[str, Any]
    taken = {"UTC": f"{now:%Y-%m-%d %H:%M:%S}"}
    if one.survey == "lsst":
        row = {"diaObjectId": int(one.id), "ra": ra_deg, "decl": dec_deg, "nSources": 4}
        return json.dumps(row | {"latest_detection": mjd + _TAI_AHEAD_D} | taken).encode()
    row = {"objectId": one.id, "ramean": ra_deg, "decmean": dec_deg, "rmag": 18.0 + one.number / 10}
    jd = mjd + 2_400_000.5
    dates = {"first_detection": jd - 5, "latest_detection": jd}
    return json.dumps(row | dates | taken).encode()


@lru_cache(maxsize=4 * OBJECTS)
def _images(number: int, survey: str, day: int) -> dict[str, bytes]:
    """Return gzipped FITS of a transient beside its galaxy; one object has no template."""
    side = 63 if survey == "ztf" else 30
    rng = np.random.default_rng([number, day])
    scene = Scene(
        shape=(side, side),
        fwhm_px=2.4,
        transient_flux=2500.0,
        noise_science=8.0,
        noise_template=5.0,
        sky_science=150.0,
        sky_template=160.0,
        gain=0.2,
        stars=(Star(-12.0, 8.0, 4000.0),),
        host=Host(2.5, -1.5, 9000.0, 4.0, 0.6, float(rng.uniform(0, 180)), 1.0),
    )
    trio = render(scene, rng)._asdict()
    if number == ABSENT:
        del trio["template"]
    return {kind: fits.gzipped(fits.primary(image)) for kind, image in trio.items()}
