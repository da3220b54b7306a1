"""Rights to open a dialog: whoever clicked may be shown one, once, within three seconds."""

import threading
import time
from dataclasses import dataclass, field
from typing import Any

TRIGGER_S = 3.0


@dataclass
class Trigger:
    """The right to open one dialog for whoever clicked."""

    user: str
    made_at_s: float = field(default_factory=time.monotonic)
    view: dict[str, Any] | None = None


class Triggers:
    """What clicks allowed, and the dialogs that were opened for them."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, Trigger] = {}

    def make(self, trigger_id: str, user: str) -> None:
        """Allow one dialog for a click."""
        with self._lock:
            self._made[trigger_id] = Trigger(user)

    def use(self, trigger_id: str, view: dict[str, Any]) -> str:
        """Open a dialog; return Slack's word for why it is refused, or an empty text."""
        with self._lock:
            trigger = self._made.get(trigger_id)
            if trigger is None:
                return "invalid_trigger_id"
            if trigger.view is not None:
                return "exchanged_trigger_id"
            if time.monotonic() - trigger.made_at_s > TRIGGER_S:
                return "expired_trigger_id"
            trigger.view = view
            return ""

    def view(self, view_id: str) -> tuple[str, dict[str, Any]] | None:
        """Return for whom a dialog is open and what it is, or None."""
        with self._lock:
            for trigger in self._made.values():
                if trigger.view and trigger.view["id"] == view_id:
                    return trigger.user, trigger.view
        return None

    def opened_by(self, trigger_id: str) -> str:
        """Return the id of the dialog that a click led to, or an empty text."""
        with self._lock:
            trigger = self._made.get(trigger_id)
            return str(trigger.view["id"]) if trigger and trigger.view else ""

    def close(self, view_id: str) -> None:
        """Close a dialog."""
        with self._lock:
            for name, trigger in list(self._made.items()):
                if trigger.view and trigger.view["id"] == view_id:
                    del self._made[name]
