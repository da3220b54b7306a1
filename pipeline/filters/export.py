"""The extendedness filter for ANTARES: its file with the thresholds in force, and a sheet on it.

ANTARES asks whoever hands in a filter what it reads and writes; the sheet answers from the file.
"""

import ast
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from broker.sections.selected import ExtendednessSettings

SOURCE = Path(__file__).with_name("antares_extendedness_filter.py")
SHEET = SOURCE.with_suffix(".txt").name
SETTING_OF = {
    "EXTENDEDNESS_MEDIAN_MIN": "median_min",
    "EXTENDEDNESS_MEDIAN_MAX": "median_max",
    "EXTENDEDNESS_MIN_THRESHOLD": "min_threshold",
    "EXTENDEDNESS_MAX_THRESHOLD": "max_threshold",
    "REQUIRE_SSSOURCE": "require_sssource",
}
"""Constants of the file; the setting's ``any`` is their None."""
EMPTY = ("REQUIRED_LOCUS_PROPERTIES", "REQUIRED_TAGS", "REQUIRED_ALERT_PROPERTIES")


def files(settings: ExtendednessSettings) -> dict[str, str]:
    """Return what goes to ANTARES: the text of each file by its name."""
    code = module(settings)
    return {SOURCE.name: code, SHEET: sheet(code, settings)}


def module(settings: ExtendednessSettings) -> str:
    """Return the filter's file with the constants that the settings say."""
    code = SOURCE.read_text()
    for name, value in constants(settings).items():
        code, count = re.subn(rf"^{name} = .*$", f"{name} = {value!r}", code, flags=re.MULTILINE)
        if count != 1:
            raise ValueError(f"{SOURCE.name} sets {name} {count} times, not once")
    return code


def constants(settings: ExtendednessSettings) -> dict[str, Any]:
    """Return the values of the file's constants."""
    found = {name: getattr(settings, field) for name, field in SETTING_OF.items()}
    return {name: None if value == "any" else value for name, value in found.items()}


def sheet(code: str, settings: ExtendednessSettings) -> str:
    """Return what ANTARES asks about a filter, read from its file."""
    names = _assigned(ast.parse(code))
    lines = [
        f"file            {SOURCE.name}",
        f"filter          {names['class']} (function: extendedness_filter)",
        f"name, version   {names['filter_name']}, {names['filter_version']}",
        f"description     {names['filter_description']}",
        f"survey          {names['TRIGGERING_SURVEY']}",
        f"requires        nothing: {', '.join(EMPTY)} are empty",
        f"reads           {', '.join((*names['EXTENDEDNESS_NAMES'], *names['SSOBJECT_NAMES']))}",
        f"tag             {names['TAG']}",
        f"properties      {', '.join(names['TAG'] + end for end in ('_median', '_min', '_max'))}",
        *(f"{name:<27} {value!r}" for name, value in constants(settings).items()),
    ]
    return "\n".join(lines) + "\n"


def _assigned(tree: ast.Module) -> dict[str, Any]:
    """Return the plain values that a module and its filter assign, and the filter's name."""
    (owner,) = (node for node in tree.body if isinstance(node, ast.ClassDef) and _is_filter(node))
    found: dict[str, Any] = {"class": owner.name}
    for node in (*tree.body, *owner.body):
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            with suppress(ValueError):  # of what is made of other names
                found[node.targets[0].id] = ast.literal_eval(node.value)
    return found


def _is_filter(owner: ast.ClassDef) -> bool:
    return any(isinstance(base, ast.Name) and base.id == "BaseFilter" for base in owner.bases)
