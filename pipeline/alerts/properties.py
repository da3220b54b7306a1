"""The message's ``properties`` record: flags, light-curve features, solar-system association."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline.alerts.batch import BANDS, Batch, Column
from pipeline.alerts.classify import Classes
from pipeline.alerts.photstats import PhotStats
from pipeline.alerts.schemas import SURVEYS, record_schema
from pipeline.alerts.wire import (
    BRANCH_VALUE,
    Block,
    Field,
    encode_fields,
    flat_fields,
    join,
    varints,
)

SSO_SOURCE = "ipac"
"""Who associated a ZTF alert with a solar-system object."""

COUNT_BYTES = 5
_NO_TEXTS = frozenset({"", "null"})


def property_blocks(
    batch: Batch, classes: Classes, own_stats: PhotStats, multi_stats: PhotStats
) -> list[Block]:
    """Lay out the properties of a batch, in the order of its survey's schema."""
    size = len(batch)
    flags = {
        "rock": classes.rock,
        "star": classes.star,
        "near_brightstar": classes.near_brightstar,
        "stationary": Column(own_stats.stationary, np.ones(size, np.bool_)),
    }
    blocks = [encode_fields(_FLAGS[batch.survey], flags, size), *_stats_blocks(own_stats)]
    given = np.ones(size, np.bool_)
    if _MULTI_IS_NULLABLE[batch.survey]:
        blocks.append(_branch(given, given))
    blocks += _stats_blocks(multi_stats)
    if _SSO[batch.survey]:
        blocks.append(_branch(given, given))
        blocks.append(encode_fields(_SSO[batch.survey], _sso_columns(batch), size))
    return blocks


def _stats_blocks(stats: PhotStats) -> list[Block]:
    """Return the bytes of PerBandProperties, band by band."""
    return [_band_block(stats.bands[:, band]) for band in range(len(BANDS))]


def _band_block(stats: NDArray[Any]) -> Block:
    given = stats["is_given"]
    always = np.ones(len(stats), np.bool_)
    if not given.any():
        return _branch(given, always)
    blocks = [_branch(given, always), *_numbers(stats, _BAND_NUMBERS, given)]
    for name in ("rising", "fading"):
        rates = stats[name]
        is_fitted = given & rates["is_given"]
        blocks += (_branch(is_fitted, given), *_numbers(rates, _RATE_NUMBERS, is_fitted))
    return join(blocks)


def _numbers(
    records: NDArray[Any], names: tuple[str, ...], given: NDArray[np.bool_]
) -> list[Block]:
    blocks = []
    for name in names:
        values = np.ascontiguousarray(records[name])
        if values.dtype.kind == "i":
            block = varints(values, COUNT_BYTES)
        else:
            raw = values.view(np.uint8).reshape(*values.shape, values.itemsize)
            block = Block(raw, np.ones(raw.shape, np.bool_))
        blocks.append(Block(block.values, block.used & given[..., None]))
    return blocks


def _branch(is_value: NDArray[np.bool_], used: NDArray[np.bool_]) -> Block:
    return Block((is_value * np.uint8(BRANCH_VALUE))[..., None], used[..., None])


def _sso_columns(batch: Batch) -> dict[str, Column]:
    """Return the columns of ZtfSsoAssociation; the distance is not cut, unlike for ``rock``."""
    name = batch.candidate["ssnamenr"]
    is_sso = np.array(
        [
            ok and value not in _NO_TEXTS
            for value, ok in zip(name.values.tolist(), name.valid.tolist(), strict=True)
        ],
        np.bool_,
    )
    always = np.ones(len(batch), np.bool_)
    return {
        "is_sso": Column(is_sso, always),
        "designation": Column(name.values, is_sso),
        "separation_arcsec": _not_negative(batch.candidate["ssdistnr"]),
        "predicted_mag": _not_negative(batch.candidate["ssmagnr"]),
        "source": Column(np.full(len(batch), SSO_SOURCE, object), always),
    }


def _not_negative(column: Column) -> Column:
    return Column(column.values, column.valid & (column.values >= 0))


def _properties_fields(survey: str) -> dict[str, Any]:
    return {part["name"]: part["type"] for part in record_schema(survey, "properties")["fields"]}


def _sso_fields(survey: str) -> tuple[Field, ...]:
    union = _properties_fields(survey).get("sso")
    return () if union is None else flat_fields(union[1])


def _flag_fields(survey: str) -> tuple[Field, ...]:
    schema = record_schema(survey, "properties")
    names = list(_properties_fields(survey))
    return flat_fields({"fields": schema["fields"][: names.index("photstats")]})


_FLAGS = {survey: _flag_fields(survey) for survey in SURVEYS}
_SSO = {survey: _sso_fields(survey) for survey in SURVEYS}
_MULTI_IS_NULLABLE = {
    survey: isinstance(_properties_fields(survey)["multisurvey_photstats"], list)
    for survey in SURVEYS
}
_BAND_NUMBERS = ("peak_jd", "peak_mag", "peak_mag_err", "dt")
_RATE_NUMBERS = ("rate", "rate_error", "red_chi2", "nb_data", "dt")
