"""Sections of the configuration, by subject; a new setting is a field here."""

from pathlib import Path
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

PROJECT = Path(__file__).resolve().parents[2]
"""The project's folder."""

Port = Annotated[int, Field(ge=1, le=65535)]
Share = Annotated[float, Field(ge=0, le=1)]


def _check_file(path: str) -> str:
    if path and not (PROJECT / path).is_file():
        raise ValueError(f"there is no file {PROJECT / path}")
    return path


def _check_folder(path: str) -> str:
    if path and not (PROJECT / path).is_dir():
        raise ValueError(f"there is no folder {PROJECT / path}")
    return path


GivenFile = Annotated[str, AfterValidator(_check_file)]
"""A file that is there, relative to the project; empty: none."""
GivenFolder = Annotated[str, AfterValidator(_check_folder)]
"""A folder that is there, relative to the project; empty: none."""


class Section(BaseModel):
    """A group of settings; an unknown name in it is an error, not silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)
