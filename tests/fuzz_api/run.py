"""schemathesis against a running web."""

import subprocess
import sys
from pathlib import Path

from broker.config import ROOT
from tests.environment import inherited
from tests.fuzz_api.site import Site

ALL_PHASES = "examples,coverage,fuzzing"
SETTINGS = Path(__file__).with_name("schemathesis.toml")


def ask(site: Site, examples: int, phases: str = ALL_PHASES, limit_s: int | None = None) -> int:
    """Ask every operation so many drawn questions, and what lies at the edges; print what is found.

    Parameters
    ----------
    site : Site
        Whom.
    examples : int
        Drawn questions of one operation.
    phases : str
        Of schemathesis, separated by commas; ``coverage`` asks for the edges of every field.
    limit_s : int, optional
        A run that takes longer fails [s].

    Returns
    -------
    int
        0 when every answer was as described.
    """
    command = [
        *(sys.executable, "-m", "schemathesis.cli", "--config-file", str(SETTINGS)),
        *("run", f"{site.url}/babamul/openapi.json"),
        *("--header", f"Authorization: Bearer {site.token}"),
        *("--phases", phases, "--max-examples", str(examples), "--generation-deterministic"),
        *("--workers", "2", "--continue-on-failure", "--no-color"),
        *("--request-timeout", "60", "--max-redirects", "0"),
    ]
    done = subprocess.run(command, cwd=ROOT, env=inherited(), timeout=limit_s, check=False)
    return done.returncode
