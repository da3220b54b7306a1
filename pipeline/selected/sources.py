"""What a consumer of selected alerts reads, and which files are its own."""

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from broker.config import config, project_path
from broker.host import this_host
from broker.registry import by_name
from broker.sections.selected import SourceSettings
from broker.sections.streams import StreamSettings
from pipeline.selected.tables import Selection

DEFAULT = "selected"
"""The source whose files lie in ``lsst_alerts`` itself."""
FOLDER = "lsst_alerts"
ANTARES = "antares"
SURVEY = "lsst"


class SelectionTakenError(Exception):
    """Another host writes this selection below a root of the same name."""


@dataclass(frozen=True)
class Target:
    """One selection as this host writes it.

    Attributes
    ----------
    id : int
        ``selections.id``.
    name : str
        Of its source.
    host, root : str
        Whose disk, and the folder on it.
    """

    id: int
    name: str
    host: str
    root: str

    @property
    def folder(self) -> str:
        """Return the folder of its files, relative to the root."""
        return folder(self.name)

    @property
    def path(self) -> Path:
        """Return the root as a path."""
        return Path(self.root)

    @property
    def lock(self) -> str:
        """Return the name of the lock that its writers share with all that write there."""
        return writers_lock(self.host, self.root)


def names() -> tuple[str, ...]:
    """Return every source that may be read: those that we know, and the settings' own."""
    return (*config().own_sources, *(source.name for source in config().selected.sources))


def folder(source: str) -> str:
    """Return the folder of a source's files, relative to the root."""
    return FOLDER if source == DEFAULT else f"{FOLDER}/{source}"


def writers_lock(host: str, root: str) -> str:
    """Return the name of the lock of all that write, or delete, below a root of a host."""
    return f"nightjar.output.{host}.{root}"


def output_root() -> Path:
    """Return the folder that all output lies in."""
    return project_path(config().output.root).resolve()


def settings_of(source: str) -> StreamSettings:
    """Return where a source is read.

    Raises
    ------
    KeyError
        If there is no such source, or nobody has said where it is.
    """
    settings = config()
    found = settings.own_sources.get(source)
    if found is None:
        return by_name("source", source, settings.selected.sources)
    if not found.topic:
        raise KeyError(f"the source {source} names no topic: set collect.{source}.topic")
    return found


def group_of(source: str) -> str:
    """Return the consumer group of a source; raises as ``settings_of``."""
    found = settings_of(source)
    given = found.group_id if isinstance(found, SourceSettings) else ""
    return given or f"{found.group_prefix}{source}"


def claim(session: Session, source: str) -> Target:
    """Return this host's own selection of a source, noted when it is new.

    Raises
    ------
    SelectionTakenError
        If another host writes it below a root of the same name.
    """
    host, root = this_host(), str(output_root())
    wanted = {"name": source, "root": root}
    session.execute(insert(Selection).values(**wanted, host=host).on_conflict_do_nothing())
    row = session.scalars(select(Selection).filter_by(**wanted)).one()
    if row.host != host:
        raise SelectionTakenError(
            f"{source} below {root} is written by {row.host}, this is {host}: "
            "set output.root to another folder here, or output.host to the name that it had"
        )
    return Target(row.id, source, host, root)
