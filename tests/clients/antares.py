"""Run a filter with the ANTARES DevKit, unmodified; in the DevKit's own environment.

    python antares.py FILTER LOCUS

imports ``FILTER``, a file with one ``BaseFilter`` and maybe a plain function, and ``LOCUS``, the
file with our light locus. Each line of the standard input is one question as JSON: loci, plain
values as the DevKit's own class takes them, and the filter's constants. Each is answered with one
line: what the class says over the DevKit's locus and over ours, and what the function says. It
imports nothing else of ours.
"""

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from antares_devkit.models import BaseFilter, DevKitLocus


def main(filter_file: Path, locus_file: Path) -> None:
    tried, ours = _module(filter_file), _module(locus_file)
    (kind,) = (
        found
        for found in vars(tried).values()
        if isinstance(found, type) and issubclass(found, BaseFilter) and found is not BaseFilter
    )
    function = getattr(tried, "extendedness_filter", None)
    for line in sys.stdin:
        question = json.loads(line)
        one = kind()
        for name, value in question["constants"].items():
            setattr(one, name, value)
            setattr(tried, name, value)
        answers = [_answer(one, function, ours, plain) for plain in question["loci"]]
        sys.stdout.write(json.dumps(answers) + "\n")
        sys.stdout.flush()


def _answer(one: BaseFilter, function: Any, ours: ModuleType, plain: dict[str, Any]) -> Any:
    theirs = DevKitLocus.model_validate(plain)
    alerts = [_alert(ours, each) for each in plain["alerts"]]
    light = ours.Locus(**{**plain, "alerts": alerts, "user_tags": set(plain["user_tags"])})
    said = [_said(one, locus, set(plain["user_tags"])) for locus in (theirs, light)]
    if function is not None:
        said.append({"selected": function(DevKitLocus.model_validate(plain))})
    return said


def _said(one: BaseFilter, locus: Any, given: set[str]) -> dict[str, Any]:
    done = one.run(locus)
    return {
        "status": done.status,
        "error": done.exception_message,
        "properties": locus.user_properties,
        "selected": bool(set(locus.tags) - given),
    }


def _alert(ours: ModuleType, plain: dict[str, Any]) -> Any:
    return ours.LocusAlert(plain["id"], plain["mjd"], plain["properties"])


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
