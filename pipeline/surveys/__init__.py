"""The surveys: one module each, and one line in ``SURVEYS``.

A survey module defines ``SURVEY``, a :class:`pipeline.surveys.record.Survey`.
"""

from pipeline.surveys import lsst, ztf
from pipeline.surveys.record import Survey

SURVEYS = (ztf.SURVEY, lsst.SURVEY)


def survey(name: str) -> Survey:
    """Return the survey called ``name``.

    Raises
    ------
    KeyError
        Naming the surveys that exist.
    """
    for candidate in SURVEYS:
        if candidate.name == name:
            return candidate
    raise KeyError(f"no survey {name!r}; known: {', '.join(one.name for one in SURVEYS)}")
