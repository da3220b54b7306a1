"""Packets are taken apart in a process of their own, which may die without harm.

A dead letter is what broke a reader once. One that is marked ``worker_died`` killed its process,
and no reason in the row says that the others cannot: ``truncated`` was found by fastavro before it
came to the worse byte. The web process serves every page, so it never decodes such bytes itself.
The child has no secrets in its environment, a second or two of CPU, no more memory than a large
packet needs, and writes to a file that cannot grow; when it ends otherwise than by itself, the page
says so and shows the raw bytes. It costs a quarter of a second for each look at a letter.
"""

import json
import resource
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from broker.anatomy import Anatomy, dissect
from broker.avro import MAX_VALUE_BYTES

CPU_S = 3
WALL_S = 10.0
"""Of a busy machine; the limit on CPU time ends a hopeless case before."""
MEMORY_BYTES = 2**30
"""Address space: pyarrow alone maps half of it, when a block is packed by snappy."""
ANSWER_BYTES = 8 * 2**20


class NotDissectedError(Exception):
    """The child did not come back with an answer; the message says how it ended."""


def dissect_apart(value: bytes, schema: Any = None) -> Anatomy:
    """Take a value apart as ``broker.anatomy.dissect`` does, within seconds and bounded memory.

    Raises
    ------
    NotDissectedError
        If the bytes were too much for the child.
    """
    question = json.dumps({"schema": schema}).encode() + b"\n" + value[: MAX_VALUE_BYTES + 1]
    with tempfile.TemporaryFile() as answer:
        try:
            done = subprocess.run(
                [sys.executable, "-m", "broker.anatomy_apart"],
                input=question,
                stdout=answer,
                stderr=subprocess.DEVNULL,
                cwd=Path(__file__).parent.parent,
                env={},
                timeout=WALL_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NotDissectedError(f"decoding took longer than {WALL_S:.0f} s") from None
        if done.returncode != 0:
            raise NotDissectedError(f"decoding ended its process ({_end(done.returncode)})")
        answer.seek(0)
        return Anatomy.of_json(json.load(answer))


def _end(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit {code}"


def _limit() -> None:
    for name, most in (
        (resource.RLIMIT_CPU, CPU_S),
        (resource.RLIMIT_AS, MEMORY_BYTES),
        (resource.RLIMIT_FSIZE, ANSWER_BYTES),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(name, (most, most))


def _answer() -> None:
    _limit()
    order, _, value = sys.stdin.buffer.read().partition(b"\n")
    found = dissect(value, json.loads(order)["schema"])
    json.dump(found.as_json(), sys.stdout)


if __name__ == "__main__":
    _answer()
