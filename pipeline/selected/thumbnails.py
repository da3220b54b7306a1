"""Cutouts that a packet would have had, fetched where ANTARES shows them, before lines are written.

A row that wants images has no line in its table yet; with each image come, absent or broken it has
no wish left and is written like any other. So a line never changes, and a wish never outlives
``antares.images_wait_s``: it is kept in the row itself, and a process that dies leaves it.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import or_, select, update

from broker.db import lock, transaction
from broker.errors import TransientError
from broker.sections.antares import AntaresSettings
from pipeline.clients import bounded
from pipeline.clients.antares import Antares, AntaresError
from pipeline.selected import disk, files
from pipeline.selected.cutouts import ABSENT, Cutout, cutout
from pipeline.selected.sources import Target
from pipeline.selected.tables import CUTOUT_KINDS, SelectedAlert, wants_images

MOST_S = 60.0
"""Of one turn, its last request too [s]: the group must hear of its listener."""
AGAIN_S = 60.0
"""After so long an image that was not there is asked for again [s]."""
MOST_ROWS = 500
WANTED = ("wanted",)
"""A row with such a state has no line."""
MISSING = ("absent", "broken")
ALERT_ID = "antaresAlertId"
"""In ``extra`` of a row whose images ANTARES may show."""

log = structlog.get_logger(__name__)


class Thumbnails:
    """Fetches the images of one selection's rows.

    Parameters
    ----------
    target : Target
        Whose rows, and where files lie.
    client : Antares or None
        Asked for them; None: what is wanted is absent.
    wait_s : float
        An image that is not there when its row is so old is absent [s].
    clock : callable
        Returns the time, UTC.
    """

    def __init__(
        self,
        target: Target,
        client: Antares | None,
        wait_s: float,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._target = target
        self._client = client
        self._wait_s = wait_s
        self._clock = clock
        self._not_before_s: dict[int, float] = {}
        self.lock = f"{target.lock}.images.{target.id}"

    @classmethod
    def of_settings(cls, target: Target, settings: AntaresSettings) -> "Thumbnails":
        """Return what asks ANTARES, as the settings say."""
        client = Antares.from_settings(settings) if settings.url else None
        return cls(target, client, settings.images_wait_s)

    def fetch(self) -> None:
        """Ask once for what is wanted and due, and tell the rows what came.

        One process at once does so for a selection: it asks for all of its rows.
        """
        with lock(self.lock) as is_ours:
            if is_ours:
                self._fetch()

    def _fetch(self) -> None:
        rows = self._wanting()
        known = self._not_before_s
        self._not_before_s = {row.id: known[row.id] for row in rows if row.id in known}
        end_s = time.monotonic() + MOST_S
        for row in rows:
            now_s = time.monotonic()
            if now_s >= end_s:
                return
            if now_s >= self._not_before_s.get(row.id, 0.0):
                self._not_before_s[row.id] = now_s + AGAIN_S
                with bounded.until(end_s):
                    self._settle(row)

    def fetch_absent(self, file_id: int) -> int:
        """Ask once more for images that a table's lines say are not there; return how many came.

        The rows are told: the table is to be made again.
        """
        end_s, came = time.monotonic() + MOST_S, 0
        for row in self._without_images(file_id):
            if time.monotonic() >= end_s:
                log.warning("selected.images_not_asked", file=file_id, said="it took too long")
                break
            kinds = [kind for kind in CUTOUT_KINDS if getattr(row, f"{kind}_state") in MISSING]
            with bounded.until(end_s):
                found = self._found(row, kinds)
            there = {kind: image for kind, image in found.items() if image.state == "present"}
            self._keep(row, there, MISSING)
            came += len(there)
        return came

    def _without_images(self, file_id: int) -> Sequence[SelectedAlert]:
        states = [getattr(SelectedAlert, f"{kind}_state") for kind in CUTOUT_KINDS]
        wanted = (
            select(SelectedAlert)
            .where(SelectedAlert.file_id == file_id, SelectedAlert.csv_seq.is_not(None))
            .where(or_(*(state.in_(MISSING) for state in states)))
            .order_by(SelectedAlert.id)
            .limit(MOST_ROWS)
        )
        with transaction() as session:
            return session.scalars(wanted).all()

    def _wanting(self) -> Sequence[SelectedAlert]:
        wanted = (
            select(SelectedAlert)
            .where(SelectedAlert.selection_id == self._target.id)
            .where(SelectedAlert.csv_seq.is_(None), wants_images())
            .order_by(SelectedAlert.id)
            .limit(MOST_ROWS)
        )
        with transaction() as session:
            return session.scalars(wanted).all()

    def _settle(self, row: SelectedAlert) -> None:
        """Write the images that there are; note those that will not come."""
        kinds = [kind for kind in CUTOUT_KINDS if getattr(row, f"{kind}_state") == "wanted"]
        found = self._found(row, kinds)
        if (self._clock() - row.processed_at).total_seconds() >= self._wait_s:
            found = dict.fromkeys(kinds, ABSENT) | found
        self._keep(row, found, WANTED)

    def _keep(self, row: SelectedAlert, found: Mapping[str, Cutout], before: Sequence[str]) -> None:
        """Write images and tell their row of them, where its states are still those of before."""
        values: dict[str, dict[str, Any]] = {}
        for kind, image in found.items():
            path = None
            if image.state == "present":
                path = files.cutout_path(self._target, row.dia_source_id, kind, row.processed_at)
                disk.write_whole(self._target.path, path, image.fits)
                disk.sync_folders([disk.place(self._target.path, path).parent])
            values[kind] = {f"{kind}_state": image.state, f"{kind}_path": path}
        if values:
            with transaction() as session:
                for kind, told in values.items():
                    state = getattr(SelectedAlert, f"{kind}_state")
                    mine = (SelectedAlert.id == row.id, state.in_(before))
                    session.execute(update(SelectedAlert).where(*mine).values(told))
            log.info("selected.images", row=row.id, **{k: v.state for k, v in found.items()})

    def _found(self, row: SelectedAlert, kinds: Sequence[str]) -> dict[str, Cutout]:
        """Return the images that are there, whole or not."""
        alert_id = row.extra.get(ALERT_ID)
        if self._client is None or not alert_id:
            return dict.fromkeys(kinds, ABSENT)
        found = {}
        try:
            addresses = self._client.image_addresses(alert_id)
            for kind in kinds:
                image = self._client.image(addresses[kind]) if kind in addresses else None
                if image is not None:
                    found[kind] = cutout(image)
        except (AntaresError, TransientError) as error:
            log.warning("selected.images_failed", row=row.id, error=str(error)[:300])
        return found
