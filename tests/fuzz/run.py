"""One decoder under libFuzzer, in a process of its own: libFuzzer ends the one it runs in."""

import hashlib
import multiprocessing
import sys
from pathlib import Path

from broker.config import ROOT

CRASHES = ROOT / ".nightjar" / "fuzz" / "crashes"
"""Inputs that broke a decoder; what is learned of one goes, made short, into ``tests/unit/fuzz``."""
CORPORA = ROOT / ".nightjar" / "fuzz" / "corpora"
LONGEST_INPUT_BYTES = 65_536
HANGS_AFTER_S = 20
LARGEST_MB = 2048


def is_sound(name: str, seconds: int) -> bool:
    """Fuzz the decoder ``name``; False when it broke."""
    process = multiprocessing.get_context("spawn").Process(target=fuzz, args=(name, seconds))
    process.start()
    process.join()
    return process.exitcode == 0


def _kernels() -> list[str]:
    """Return the modules that are compiled: Numba knows nothing of what atheris would put in."""
    found = [
        path
        for package in ("broker", "pipeline")
        for path in ROOT.glob(f"{package}/**/*_kernel.py")
    ]
    return [".".join(path.relative_to(ROOT).with_suffix("").parts) for path in found]


def fuzz(name: str, seconds: int) -> None:
    """Fuzz until the time is over or the decoder breaks; never returns."""
    import atheris

    with atheris.instrument_imports(include=["broker", "pipeline"], exclude=_kernels()):
        from broker import compiled
        from tests.fuzz.targets import TARGETS

    compiled.warm_up()  # a compiler is no slow input
    target = TARGETS[name]
    corpus, crashes = CORPORA / name, CRASHES / name
    for folder in (corpus, crashes):
        folder.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    words = [
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_INPUT_BYTES}",
        f"-timeout={HANGS_AFTER_S}",
        f"-rss_limit_mb={LARGEST_MB}",
        f"-artifact_prefix={Path(crashes)}/",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    atheris.Setup([sys.argv[0], *words, str(corpus)], target.try_bytes)
    atheris.Fuzz()
