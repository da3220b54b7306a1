"""What the model's workers sent, and whether it was allowed to be sent again."""

import itertools
from collections import Counter
from typing import Any

from tests.integration.range_machine.lives import Life, Sent


class Messages:
    """Every message that reached Kafka; what must not have been sent is a trouble.

    Attributes
    ----------
    published : dict of lists
        Sendings by delivery id.
    topics_of : dict of sets
        Class topics by candid.
    troubles : list of str
        Promises that were broken by a message.
    moments : iterator of int
        Tells what came before what.
    """

    def __init__(self, figures: Counter[str]) -> None:
        self.published: dict[str, list[Sent]] = {}
        self.topics_of: dict[str, set[str]] = {}
        self.troubles: list[str] = []
        self.moments = itertools.count(1)
        self._figures = figures

    def note(self, life: Life, message: Any, *, is_acknowledged: bool) -> None:
        headers = {name: text.decode() for name, text in message.headers}
        identity, candid = headers["delivery_id"], headers["candid"]
        if message.topic != "babamul.none":
            self.topics_of.setdefault(candid, set()).add(message.topic)
            if len(self.topics_of[candid]) > 1:
                self.troubles.append(f"{candid} on {self.topics_of[candid]}")
        earlier = self.published.setdefault(identity, [])
        moment = next(self.moments)
        for sent in earlier:
            self._judge_repeat(candid, sent, life)
        self._figures["repeats"] += bool(earlier)
        self._figures["messages"] += 1
        earlier.append(Sent(life, moment, is_acknowledged))

    def _judge_repeat(self, candid: str, sent: Sent, life: Life) -> None:
        """A repeat is allowed when one of both lives was broken off, and neither had ended."""
        if sent.life is life:
            self.troubles.append(f"{candid} was sent twice by {life.task}")
            return
        marked = next((at for at in sent.life.commits if at > sent.at), None)
        if not sent.is_acknowledged or sent.life.is_hurt:
            marked = None  # its commit told of other messages, or gave the range back
        read = life.commits[-1]
        if marked is not None and marked < read:
            self.troubles.append(f"{candid} was marked by {sent.life.task}, sent by {life.task}")
        elif not sent.life.excuses | life.excuses:
            self.troubles.append(f"{candid}: {sent.life.task} and {life.task} without a fault")
