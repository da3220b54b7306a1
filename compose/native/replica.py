"""A streaming replica of the native PostgreSQL, as pages and REST read it on larger sites."""

import os
import shutil
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg

from compose.native.accounts import can_reach
from compose.native.home import NativeError
from compose.native.part import NotReadyError
from compose.native.postgres import ENVIRONMENT, USER, Postgres, beside

NAME = "postgres-replica"


@dataclass(frozen=True)
class Replica(Postgres):
    """The replica of a home's database server.

    Attributes
    ----------
    primary_port : int
        Of the server that it follows; its data begin as a copy of that one's.
    """

    primary_port: int = 0
    name = NAME

    @property
    def link(self) -> Path:
        """Its place in the home."""
        return self.home.path / NAME

    @cached_property
    def data(self) -> Path:
        """Its data folder; beside the home when its account cannot reach the home."""
        if self.account is None or can_reach(self.link, self.account):
            return self.link
        return beside(self.home) / "replica"

    def check(self) -> None:
        """Log in and see that it follows."""
        try:
            with self._connect() as connection:
                row = connection.execute("SELECT pg_is_in_recovery()").fetchone()
        except psycopg.OperationalError as error:
            raise NotReadyError(str(error).strip()) from None
        if row != (True,):
            raise NotReadyError("it follows nobody")

    def finish(self) -> None:
        """Need nothing more: everything comes from the primary."""

    def _initialise(self, programs: Path) -> None:
        """Copy the primary, under another name first, so that a half copy is never used."""
        draft = self.data.with_name(self.data.name + ".new")
        shutil.rmtree(draft, ignore_errors=True)
        draft.mkdir(mode=0o700, parents=True)
        account = self.account
        if account:
            os.chown(draft, account.uid, account.gid)
        done = subprocess.run(
            [
                *(str(programs / "pg_basebackup"), "-D", str(draft), "-X", "stream"),
                *("-h", "127.0.0.1", "-p", str(self.primary_port), "-U", USER),
                *("--write-recovery-conf", "--checkpoint=fast", "--no-password"),
            ],
            cwd="/",
            env={**os.environ, **ENVIRONMENT, "PGPASSWORD": self.password},
            capture_output=True,
            text=True,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            check=False,
        )
        if done.returncode:
            raise NativeError(f"pg_basebackup failed: {done.stderr.strip() or done.stdout.strip()}")
        shutil.rmtree(self.data, ignore_errors=True)
        draft.rename(self.data)
