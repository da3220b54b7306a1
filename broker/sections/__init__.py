"""Sections of the configuration, by subject; a new setting is a field here."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=1, le=65535)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A group of settings; an unknown name in it is an error, not silence."""

    model_config = ConfigDict(extra="forbid", frozen=True)
