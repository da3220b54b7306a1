"""ZTF packets: the record of layout 4.02 and its Avro container."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import fastavro
import numpy as np

from pipeline.simulate import fits
from pipeline.simulate.avro import compiled, zigzag
from pipeline.simulate.ids import ztf_pid
from pipeline.simulate.images import Trio
from pipeline.simulate.times import UNIX_EPOCH_JD_UTC
from pipeline.simulate.ztf_rows import Alert, Record, candidate, forced, previous

SCHEMA_FILE = Path(__file__).parent.parent / "schemas" / "ztf_simulated.avsc"
SCHEMA_VERSION = "4.02"

_SYNC = b"nightjar-simulat"
"""Sixteen bytes that end a block; fixed, so that equal alerts are equal bytes."""


def topic(jd_utc: float, programid: int) -> str:
    """Return the nightly topic, named by the UTC date of the exposure."""
    day = np.datetime64("1970-01-01") + int(jd_utc - UNIX_EPOCH_JD_UTC)
    return f"ztf_{str(day).replace('-', '')}_programid{programid}"


def packet(*records: Record) -> bytes:
    """Return an Avro container of one block, codec null; the survey writes one record each."""
    content = b"".join(_encoder()(one) for one in records)
    return b"".join((_header(), zigzag(len(records)), zigzag(len(content)), content, _SYNC))


@cache
def schema() -> Any:
    """Return the parsed schema."""
    return fastavro.parse_schema(json.loads(SCHEMA_FILE.read_text(encoding="utf-8")))


@cache
def _encoder() -> Callable[[Record], bytes]:
    return compiled(schema())


def record(alert: Alert, trio: Trio | None) -> Record:
    """Return the packet's record; without images the three cutouts are null."""
    epoch = alert.epoch
    images = trio or (None, None, None)
    pid = ztf_pid(epoch.jd_utc, alert.rcid)
    names = (
        f"candid{epoch.alert_id}_pid{pid}_targ_sci.fits.gz",
        f"candid{epoch.alert_id}_ref.fits.gz",
        f"candid{epoch.alert_id}_pid{pid}_targ_scimref.fits.gz",
    )
    science, template, difference = (
        _cutout(name, image) for name, image in zip(names, images, strict=True)
    )
    return {
        "schemavsn": SCHEMA_VERSION,
        "publisher": "Nightjar simulator",
        "objectId": alert.object_id,
        "candid": epoch.alert_id,
        "candidate": candidate(alert),
        "prv_candidates": [previous(alert, one) for one in alert.history] or None,
        "fp_hists": [forced(alert, at, one) for at, one in enumerate(alert.history)] or None,
        "cutoutScience": science,
        "cutoutTemplate": template,
        "cutoutDifference": difference,
    }


def _cutout(name: str, image: Any) -> Record | None:
    if image is None:
        return None
    content = fits.gzipped(fits.primary(image, (("BUNIT", "DN"),)))
    return {"fileName": name, "stampData": content}


@cache
def _header() -> bytes:
    """Return everything before the block: the same for every packet."""
    compact = json.dumps(
        json.loads(SCHEMA_FILE.read_text(encoding="utf-8")), separators=(",", ":")
    ).encode()
    entries = ((b"avro.schema", compact), (b"avro.codec", b"null"))
    pairs = b"".join(zigzag(len(text)) + text for entry in entries for text in entry)
    return b"Obj\x01" + zigzag(len(entries)) + pairs + zigzag(0) + _SYNC
