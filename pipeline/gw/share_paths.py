"""Where things lie on OwnCloud: one folder per event, in it one per notice; names can be repeated.

::

    {root}/{event}/   GWEMOPT/ IMAGES/ KNC_IMAGES/ LOGBOOK/ VOEVENTS/
      GWEMOPT/{TYPE}_{32 hex}/   ALL.txt
        {TILING|GALAXYTARGETING}_{TEL_TEL}/   tiles_{TEL}.txt …   plots/
"""

import hashlib
import re
import uuid
from collections.abc import Sequence
from urllib.parse import quote

from pipeline.gw import strategies

PLANS = "GWEMOPT"
LOGBOOK = "LOGBOOK"
NOTICES = "VOEVENTS"
EVENT_FOLDERS = (PLANS, "IMAGES", "KNC_IMAGES", LOGBOOK, NOTICES)
LOG_NAME = "shift_log.md"
LONGEST_NAME = 64
LONGEST_GROUP = 200
"""Of a group's folder: servers take names of 255 bytes, and all telescopes together are longer."""

_UNSAFE = re.compile(r"[^A-Za-z0-9._+-]")


def safe_name(text: str) -> str:
    """Return ``text`` as the name of a file or folder; what a server may take amiss becomes _."""
    name = _UNSAFE.sub("_", text)[:LONGEST_NAME]
    return name if name.strip(".") else "_"


def event_folder(root: str, trigger_id: str) -> str:
    """Return the folder of an event."""
    return f"{root.strip('/')}/{safe_name(trigger_id)}"


def event_folders(root: str, trigger_id: str) -> list[str]:
    """Return the folders that every event has."""
    above = event_folder(root, trigger_id)
    return [f"{above}/{name}" for name in EVENT_FOLDERS]


def notice_folder(root: str, trigger_id: str, alert_type: str, payload_sha256: str) -> str:
    """Return the folder of one notice's plans; a notice that comes again has the same."""
    name = uuid.uuid5(uuid.NAMESPACE_OID, payload_sha256).hex
    return f"{event_folder(root, trigger_id)}/{PLANS}/{safe_name(alert_type)}_{name}"


def plan_folder(notice: str, strategy: str, telescopes: Sequence[str]) -> str:
    """Return the folder of one group's plans, in that of its notice.

    Parameters
    ----------
    notice : str
        As ``notice_folder`` returns it.
    strategy : str
        ``tiling`` or ``galaxies``.
    telescopes : sequence of str
        Of the group, in its order; of very many the first are named, and a hash stands for all.
    """
    name = "_".join([strategies.strategy(strategy).folder, *map(safe_name, telescopes)])
    if len(name) > LONGEST_GROUP:
        digest = hashlib.sha256(name.encode()).hexdigest()[:8]
        name = f"{name[:LONGEST_GROUP].rpartition('_')[0]}_{digest}"
    return f"{notice}/{name}"


def notice_stem(trigger_id: str, reception_count: int, alert_type: str) -> str:
    """Return the name of a notice's files without their endings, ``{event}_{n}_{TYPE}``."""
    return f"{safe_name(trigger_id)}_{reception_count}_{safe_name(alert_type)}"


def link(base: str, path: str | None) -> str | None:
    """Return the page of a folder for people; None where there is none."""
    return f"{base}{quote(path)}" if base and path else None
