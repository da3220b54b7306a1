"""Whom PostgreSQL runs as: it refuses root, so root lends it an account."""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from compose.native.home import NativeError

PREFERRED = "postgres"
OURS = "nightjar"


@dataclass(frozen=True)
class Account:
    """A user of the system."""

    name: str
    uid: int
    gid: int


def server_account() -> Account | None:
    """Return the account that servers refusing root run as; None when we are not root."""
    if os.geteuid() != 0:
        return None
    for name in (PREFERRED, OURS):
        found = _account(name)
        if found:
            return found
    return _make(OURS)


def can_reach(path: Path, account: Account) -> bool:
    """Return whether ``account`` may pass through every folder above ``path``."""
    return all(_may_enter(parent, account) for parent in path.resolve().parents)


def _may_enter(folder: Path, account: Account) -> bool:
    if not folder.exists():
        return True  # we shall make it, open
    status = folder.stat()
    if status.st_uid == account.uid:
        return bool(status.st_mode & stat.S_IXUSR)
    if status.st_gid == account.gid:
        return bool(status.st_mode & stat.S_IXGRP)
    return bool(status.st_mode & stat.S_IXOTH)


def _account(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(name, entry.pw_uid, entry.pw_gid)


def _make(name: str) -> Account:
    program = shutil.which("useradd")
    if not program:
        raise NativeError(
            "PostgreSQL refuses to run as root and useradd is missing; work as a normal user"
        )
    print(f"making the system user {name}: PostgreSQL refuses to run as root")
    subprocess.run([program, "--system", "--no-create-home", name], check=True)
    made = _account(name)
    if made is None:
        raise NativeError(f"useradd made no user {name}")
    return made
