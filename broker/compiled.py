"""Functions that Numba compiles: loaded when first called, kept on disk, replaceable by plain ones.

Only the workers that carry alerts pay for Numba's import (0.4 s, 60 MB). Where it is missing or
does not compile, one warning is logged and the caller takes its plain path: nothing but speed may
depend on a compiled function.

A compiled function and all compiled functions that it calls stand in one file, ``…_kernel.py``:
Numba looks at the time of that file alone when it asks whether what it kept is still true.
"""

import fcntl
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from types import FunctionType
from typing import Any, Generic, ParamSpec, TypeVar

import structlog

from broker.config import config, project_path

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")

log = structlog.get_logger(__name__)


class NotCompiledError(RuntimeError):
    """Compiled functions are switched off here (``compiled.enabled``)."""


class Compiled(Generic[Parameters, Result]):
    """A function that is compiled when it is first called; ``plain`` is the same in Python.

    Arguments are arrays, numbers and booleans; each combination of types is compiled once. It holds
    no lock of the interpreter while it runs.
    """

    def __init__(self, plain: Callable[Parameters, Result]) -> None:
        self.plain = plain
        self.__doc__ = plain.__doc__

    def __call__(self, *args: Parameters.args, **kwargs: Parameters.kwargs) -> Result:
        """Run it compiled; raises as ``machine_code`` where there is no compiler."""
        return self.machine_code(*args, **kwargs)

    @cached_property
    def machine_code(self) -> Callable[Parameters, Result]:
        """Numba's function; ImportError, OSError or NotCompiledError where there can be none."""
        from numba import njit  # noqa: PLC0415 most processes need none of it
        from numba.core import config as numba_config  # noqa: PLC0415

        settings = config().compiled
        if not settings.enabled:
            raise NotCompiledError("compiled.enabled is false")
        folder = _cache_dir()
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # what lies there is executed
        numba_config.CACHE_DIR = str(folder)
        found: Callable[Parameters, Result] = njit(nogil=True, cache=True)(self._linked())
        return found

    def _linked(self) -> FunctionType:
        """Return the function with those that it calls in the form that Numba calls."""
        plain: Any = self.plain
        names = dict(plain.__globals__)
        for name in plain.__code__.co_names:
            if isinstance(called := names.get(name), Compiled):
                names[name] = called.machine_code
        linked = FunctionType(plain.__code__, names, plain.__name__, plain.__defaults__)
        linked.__module__, linked.__qualname__ = plain.__module__, plain.__qualname__
        return linked


def compiled(function: Callable[Parameters, Result]) -> Compiled[Parameters, Result]:
    """Mark a function for compilation (decorator); it becomes a ``Compiled``."""
    return Compiled(function)


class FirstCall:
    """Says whether compiled functions may be used here, by calling them once.

    That call compiles them, or loads them from the disk; it takes the types of real arguments.
    """

    def __init__(self, function: Callable[[], object]) -> None:
        self._function = function

    def works(self) -> bool:
        """Return whether the first call went well; the answer is kept, a warning logged once."""
        return self._works

    @cached_property
    def _works(self) -> bool:
        try:
            self._call()
        except NotCompiledError:
            return False
        except Exception as error:  # noqa: BLE001 a compiler may fail in any way, the plain path goes on
            log.warning(
                "compiled.unavailable",
                function=f"{self._function.__module__}.{self._function.__qualname__}",
                error=repr(error),
                cache_dir=str(_cache_dir()),
            )
            return False
        return True

    def _call(self) -> None:
        """Call it; once more without what was kept, which a power cut or a full disk may tear."""
        try:
            self._function()
        except (NotCompiledError, ImportError):
            raise
        except Exception as error:
            if not _forget_kept():
                raise
            log.warning("compiled.cache_forgotten", error=repr(error), cache_dir=str(_cache_dir()))
            self._function()


_first_calls: list[FirstCall] = []


def first_call(function: Callable[[], object]) -> FirstCall:
    """Register a call that workers make before they take tasks (decorator)."""
    found = FirstCall(function)
    _first_calls.append(found)
    return found


def warm_up() -> None:
    """Make every registered first call, so that no range waits for a compiler.

    One process at a time: the first one compiles, the others load what it kept.
    """
    with suppress(OSError), _lock_file().open("w") as file:  # the folder may be anybody's mistake
        fcntl.flock(file, fcntl.LOCK_EX)
        for one in _first_calls:
            one.works()
    for one in _first_calls:
        one.works()


def _lock_file() -> Path:
    folder = _cache_dir()
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder / "lock"


def _forget_kept() -> int:
    """Let Numba compile anew what lies in the folder; return of how many functions."""
    kept = list(_cache_dir().rglob("*.nbi"))
    for index in kept:
        index.unlink(missing_ok=True)
    return len(kept)


def _cache_dir() -> Path:
    return project_path(config().compiled.cache_dir)
