"""What the demo plays beside alerts: events, filters, selected alerts, schemas, telescopes."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from broker.config import Config
from pipeline.simulate import (
    demo_gw,
    demo_lasair,
    demo_registry,
    demo_selected,
    demo_telescope,
)
from pipeline.simulate.patience import patiently


@dataclass(frozen=True)
class Look:
    """What has become of everything."""

    waves: demo_gw.Look
    lasair: demo_lasair.Look
    selected: demo_selected.Look
    schemas: demo_registry.Look
    telescopes: demo_telescope.Look

    @property
    def is_settled(self) -> bool:
        """Tell whether nothing is on its way; selected alerts are as alerts are."""
        flows = (self.waves, self.lasair, self.schemas, self.telescopes)
        return all(each.is_settled for each in flows)

    @property
    def progress(self) -> Any:
        """What changes while anything goes on."""
        return self.waves, self.telescopes

    @property
    def failed(self) -> list[str]:
        """What failed, each with its reason."""
        telescopes = [str(self.telescopes)] if self.telescopes.failed else []
        return [*self.waves.failed, *telescopes]

    @property
    def waiting(self) -> str:
        """What may be on its way, for people."""
        flows = (self.waves, self.lasair, self.schemas, self.telescopes)
        return ". ".join(map(str, flows))

    def __str__(self) -> str:
        flows = (self.waves, self.lasair, self.selected, self.schemas, self.telescopes)
        return "\n".join(map(str, flows))


class Flows:
    """Plays them, each in threads of its own.

    Parameters
    ----------
    settings : Config
        Which say what is here.
    story : Story
        The events.
    tell : callable
        Is given a line for people when something has happened.
    """

    def __init__(self, settings: Config, story: demo_gw.Story, tell: Callable[[str], None]) -> None:
        self._settings = settings
        self._story = story
        self._filters = demo_lasair.Filters(settings)
        self._tour = demo_telescope.Tour(settings, tell)
        self._schemas: demo_registry.Look | None = None

    def start(self) -> Look:
        """Begin; return what there is."""
        self._story.start()
        self._filters.start()
        self._tour.start()
        return patiently(self.look)

    def stop(self) -> None:
        """Play nothing more."""
        self._story.stop()
        self._tour.stop()

    def look(self) -> Look:
        """Return what has become of everything."""
        self._schemas = demo_registry.look(self._settings, self._schemas)
        return Look(
            self._story.look(),
            self._filters.look(),
            demo_selected.look(),
            self._schemas,
            self._tour.look(),
        )
