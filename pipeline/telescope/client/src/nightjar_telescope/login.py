"""The login that Nightjar's operators hand over, as a file."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OWN = ("bootstrap.servers", "group.id")
"""What is no part of the login itself."""


def application_of(security: Mapping[str, Any] | None, group_id: str) -> str:
    """Return the application that a login is of, as its acknowledgments name it.

    ``tca.robotics`` logs in for ``robotics`` of the telescope TCA; without a login its group says
    so, which may have a number behind: ``tca.robotics-1``.
    """
    username = (security or {}).get("sasl.username")
    name = str(username) if username else re.sub(r"-\d+$", "", group_id)
    return name.rpartition(".")[2]


@dataclass(frozen=True)
class Login:
    """How an application reaches Kafka.

    Attributes
    ----------
    bootstrap_servers : str
        Kafka's addresses.
    group_id : str
        Consumer group that the application may use; so may every name that is this and ``-`` and
        more.
    security : dict
        Name and password, in librdkafka's names.
    """

    bootstrap_servers: str
    group_id: str
    security: dict[str, str]

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> "Login":
        """Read a file of lines ``name=value``, as ``manage.py telescope_credential`` prints it.

        Empty lines, and such as begin with ``#``, are passed over.

        Raises
        ------
        OSError
            If the file cannot be read.
        ValueError
            If a line is none, or the addresses or the group are missing.
        """
        found = {}
        for number, line in enumerate(Path(path).read_text(encoding="utf-8").splitlines(), 1):
            if not line.strip() or line.lstrip().startswith("#"):
                continue
            name, sign, value = line.partition("=")
            if not sign:
                raise ValueError(f"{path}, line {number}: no name=value")
            found[name.strip()] = value.strip()
        if missing := [name for name in OWN if not found.get(name)]:
            raise ValueError(f"{path}: {' and '.join(missing)} missing")
        security = {name: value for name, value in found.items() if name not in OWN}
        return cls(found["bootstrap.servers"], found["group.id"], security)
