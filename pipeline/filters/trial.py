"""Try a filter of the ANTARES DevKit, or a plain function, on loci; what it says of each.

The file is a stranger's program and runs with our rights: who tries it has read it.
"""

import inspect
import sys
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

from pipeline.filters.locus import Locus

ERRORS_SHOWN = 5
FUNCTION_NAMES = ("run", "filter")
"""Of a plain function in a file without a class; else the only one whose name ends in _filter."""

INSTALL = "in the project's folder, .venv/bin/pip install -e '.[antares]'"
"""The DevKit; by the folder, as another project has the name nightjar on PyPI."""

Run = Callable[[Locus], tuple[str, str]]
"""Locus to status (Succeeded, Skipped, Errored) and what went wrong."""


class TrialError(Exception):
    """A file that holds no filter, or cannot be loaded; the message says why."""


@dataclass
class Tried:
    """What a filter said of many loci.

    Attributes
    ----------
    name : str
        Of its class or function.
    statuses : Counter of str
        How often each status came.
    tags : Counter of str
        How many loci bear each tag afterwards.
    tagged : list of str
        Ids of the newest alerts of tagged loci.
    errors : list of str
        The first few.
    """

    name: str
    statuses: Counter[str] = field(default_factory=Counter)
    tags: Counter[str] = field(default_factory=Counter)
    tagged: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


def try_on(file: Path, loci: Iterable[Locus]) -> Tried:
    """Run the filter of a file on every locus; one that raises is counted, and the next follows.

    Raises
    ------
    TrialError
        If the file holds no filter.
    """
    name, run = load(file)
    tried = Tried(name)
    for locus in loci:
        status, error = run(locus)
        tried.statuses[status] += 1
        tried.tags.update(locus.tags)
        if locus.tags:
            tried.tagged.append(locus.alert.id)
        if error and len(tried.errors) < ERRORS_SHOWN:
            tried.errors.append(f"{locus.alert.id}: {error}")
    return tried


def load(file: Path) -> tuple[str, Run]:
    """Return the name of the filter in a file and how it is run.

    Raises
    ------
    TrialError
        If there is none, or several, or the file cannot be loaded.
    """
    module = _module(file)
    classes = [
        found
        for _, found in inspect.getmembers(module, inspect.isclass)
        if found.__module__ == module.__name__ and callable(getattr(found, "_run", None))
    ]
    if len(classes) > 1:
        raise TrialError(
            f"{file} holds {', '.join(one.__name__ for one in classes)}: one at a time"
        )
    if classes:
        return classes[0].__name__, _of_class(classes[0]())
    function = _function(module)
    if function is None:
        raise TrialError(f"{file} holds neither a BaseFilter nor a function named run or …_filter")
    return function.__name__, _of_function(function)


def _module(file: Path) -> ModuleType:
    spec = spec_from_file_location(f"tried_{file.stem}", file)
    if spec is None or spec.loader is None or not file.exists():
        raise TrialError(f"{file} is no Python file")
    module = module_from_spec(spec)
    sys.modules[module.__name__] = module  # dataclasses and pickles look there
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("antares_devkit"):
            raise TrialError(f"{file} needs the DevKit: {INSTALL}") from error
        raise TrialError(f"{file} needs {error.name}, which is not installed") from error
    except Exception as error:
        raise TrialError(f"{file} cannot be loaded: {error!r}") from error
    return module


def _function(module: ModuleType) -> Callable[[Locus], Any] | None:
    named = [getattr(module, name, None) for name in FUNCTION_NAMES]
    own = [f for name, f in inspect.getmembers(module) if name.endswith("_filter")]
    return next((found for found in (*named, *own) if inspect.isfunction(found)), None)


def _of_class(one: Any) -> Run:
    def run(locus: Locus) -> tuple[str, str]:
        said = one.run(locus)
        error = f"{said.exception_name}: {said.exception_message}" if said.exception_name else ""
        return str(said.status), error

    return run


def _of_function(function: Callable[[Locus], Any]) -> Run:
    """Return a function as a filter: what it says yes to is tagged with its name."""

    def run(locus: Locus) -> tuple[str, str]:
        try:
            is_chosen = function(locus)
        except Exception as error:  # noqa: BLE001 a stranger's; it is counted
            return "Errored", repr(error)
        if is_chosen:
            locus.tag(function.__name__)
        return "Succeeded", ""

    return run
