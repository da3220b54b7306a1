"""The surveys: one module each, and one line in ``SURVEYS``.

A survey module defines ``SURVEY``, a :class:`pipeline.surveys.record.Survey`.
"""

from broker.registry import by_name
from pipeline.surveys import lsst, ztf
from pipeline.surveys.record import Survey

SURVEYS = (ztf.SURVEY, lsst.SURVEY)
NAMES = tuple(one.name for one in SURVEYS)
"""As rows and addresses have them; pages write them in capitals."""


def survey(name: str) -> Survey:
    """Return the survey called ``name``.

    Raises
    ------
    KeyError
        Naming the surveys that exist.
    """
    return by_name("survey", name, SURVEYS)
