"""The Virtual Observatory's Simple Cone Search (version 1.03) over the objects of both surveys.

Every failure is a VOTable that says so, with status 200, as the standard wants it.
"""

import io
import math
from collections.abc import Sequence
from typing import Any

from astropy.io.votable import tree, writeto
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from broker.access import PUBLIC, access
from broker.limits import heavy_search
from broker.logs import log
from broker.refusals import BUSY, UNANSWERED, ApiError, TooLongError
from pipeline.alerts import query_objects
from pipeline.alerts.query import (
    MAX_RADIUS_ARCSEC,
    QueryError,
    browsing,
)
from pipeline.alerts.records import Row
from pipeline.angles import ARCSEC_PER_DEG, FULL_CIRCLE_DEG, POLE_DEG

CONTENT_TYPE = "application/x-votable+xml"
MAX_ROWS = 100_000
MAX_SR_DEG = MAX_RADIUS_ARCSEC / ARCSEC_PER_DEG
PARAMETERS = ("RA", "DEC", "SR")
VERBOSITIES = ("1", "2", "3")


class BadConeError(ValueError):
    """The question breaks the standard or our limits."""


@access(PUBLIC)
@require_safe
def cone_search(request: HttpRequest) -> HttpResponse:
    """Return the objects within SR degrees of RA, DEC; SR = 0 returns the columns alone."""
    try:
        ra_deg, dec_deg, sr_deg = _asked(request.GET.dict())
        with heavy_search(request):
            rows = _found(ra_deg, dec_deg, sr_deg)
    except (ApiError, BadConeError, QueryError, TooLongError) as error:
        return _answer(_failure(str(error)))
    except UNANSWERED as error:
        log.warning("scs.database_failed", error=repr(error))
        return _answer(_failure(BUSY))
    return _answer(_table(rows))


def _asked(given: dict[str, Any]) -> tuple[float, float, float]:
    upper = {name.upper(): text for name, text in given.items()}
    values = []
    for name in PARAMETERS:
        try:
            value = float(upper[name])
        except KeyError:
            raise BadConeError(f"{name} is needed: RA, DEC and SR in degrees") from None
        except ValueError:
            raise BadConeError(f"{name} is no number: {upper[name][:40]!r}") from None
        if not math.isfinite(value):
            raise BadConeError(f"{name} is no finite number")
        values.append(value)
    ra_deg, dec_deg, sr_deg = values
    if not 0 <= ra_deg <= FULL_CIRCLE_DEG:
        raise BadConeError("RA must be in [0, 360]")
    if not -POLE_DEG <= dec_deg <= POLE_DEG:
        raise BadConeError("DEC must be in [-90, 90]")
    if not 0 <= sr_deg <= MAX_SR_DEG * (1 + 1e-9):
        raise BadConeError(f"SR must be in [0, {MAX_SR_DEG:.6f}], which is 10 arcmin")
    if upper.get("VERB", "2") not in VERBOSITIES:
        raise BadConeError("VERB must be 1, 2 or 3")
    return ra_deg % FULL_CIRCLE_DEG, dec_deg, sr_deg


def _found(ra_deg: float, dec_deg: float, sr_deg: float) -> list[Row]:
    if sr_deg == 0:
        return []
    radius_arcsec = min(sr_deg * ARCSEC_PER_DEG, MAX_RADIUS_ARCSEC)
    with browsing() as session:
        return query_objects.near(session, (ra_deg, dec_deg), radius_arcsec, MAX_ROWS)


def _table(rows: Sequence[Row]) -> tree.VOTableFile:
    document, resource = _document()
    resource.description = "Objects of ZTF and LSST with public alerts"
    table = tree.TableElement(document, name="objects")
    resource.tables.append(table)
    table.fields.extend(_fields(document))
    table.create_arrays(len(rows))
    for at, row in enumerate(rows):
        table.array[at] = (
            row["objectId"],
            row["ra"],
            row["dec"],
            row["survey"],
            row["distance_arcsec"] / ARCSEC_PER_DEG,
        )
    return document


def _fields(document: tree.VOTableFile) -> list[tree.Field]:
    text = {"datatype": "char", "arraysize": "*"}
    angle = {"datatype": "double", "unit": "deg"}
    columns: tuple[tuple[str, str, dict[str, str]], ...] = (
        ("object_id", "ID_MAIN", text),
        ("ra", "POS_EQ_RA_MAIN", angle),
        ("dec", "POS_EQ_DEC_MAIN", angle),
        ("survey", "meta.id.parent;meta.dataset", text),
        ("distance", "pos.angDistance", angle),
    )
    return [tree.Field(document, name=name, ucd=ucd, **more) for name, ucd, more in columns]


def _failure(text: str) -> tree.VOTableFile:
    document, resource = _document()
    resource.infos.append(tree.Info(name="Error", ID="Error", value=text))
    return document


def _document() -> tuple[tree.VOTableFile, Any]:
    document = tree.VOTableFile(version="1.1")
    resource = tree.Resource(type="results")
    document.resources.append(resource)
    return document, resource


def _answer(document: tree.VOTableFile) -> HttpResponse:
    stream = io.BytesIO()
    writeto(document, stream)
    return HttpResponse(stream.getvalue(), content_type=CONTENT_TYPE)
