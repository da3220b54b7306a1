"""``.env.example``, ``nightjar.example.toml``, ``docs/settings.md``: written from the fields."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import wrap
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, SecretStr
from pydantic.fields import FieldInfo

from broker.config import PREFIX, ROOT, Config, build
from broker.sections.telescope import BEAM, TelescopeSettings

COMMAND = "python manage.py settings_examples"
WIDTH = 100

_HEAD = f"""\
Nightjar's settings, all at their defaults. Written by: {COMMAND}

A value is looked for here, the strongest first:
  the environment
  .env
  .nightjar/native.env    what compose/native wrote about the parts that it started
  $NIGHTJAR_SECRETS       a TOML file of mode 0600
  nightjar.toml           or the file that $NIGHTJAR_TOML names
"""
_ENV_HEAD = """\
Copy to .env and uncomment what you change; A__B here is the field b of [a] in nightjar.toml.
"""
_TOML_HEAD = """\
Copy to nightjar.toml and keep what you change. Secrets do not belong there: put them into the
environment, or into a file of this form that NIGHTJAR_SECRETS names.
"""
FOLLOW_UP = ("gcn", "gw", "slack", "owncloud", "gracedb", "swift")
"""Sections that whoever runs the follow-up reads about."""
_PAGE_HEAD = f"""\
# Settings of GW and GRB follow-up

Written by `{COMMAND}`; all others stand in
[nightjar.example.toml](../nightjar.example.toml). A default shows what a value looks like.
`NIGHTJAR_A__B` in the environment or `.env` is the field `b` of `[a]` in `nightjar.toml`; secrets
never stand in `nightjar.toml`.
"""
_ALIASES = """\
Names of the systems before us, understood as well:
  SQLALCHEMY_DATABASE_URI, DATABASE_URL                 the same as NIGHTJAR_POSTGRES__URL
  POSTGRES_HOST _PORT _USER _PASSWORD _DB               the same, in pieces
  CELERY_BROKER_URL, REDIS_URL                          the same as NIGHTJAR_REDIS__URL
  REDIS_HOST _PORT _PASSWORD _DB                        the same, in pieces
  FINK_SLACK_TOKEN                                      the same as NIGHTJAR_SLACK__TOKEN
"""
_TELESCOPES = """\
Telescopes on the bus, each a section of its own, in the environment all of them as JSON; none by
default. For example BEAM, the radio telescope whose messages the bus was made for.
"""
_BOUNDS = (("gt", "> {}"), ("ge", "≥ {}"), ("lt", "< {}"), ("le", "≤ {}"))
_PLAIN = re.compile(r"[\w./:@,+-]*")


@dataclass(frozen=True)
class Setting:
    """One field of the configuration."""

    path: tuple[str, ...]
    text: str
    default: Any
    is_secret: bool

    @property
    def variable(self) -> str:
        """Return its name in the environment."""
        return PREFIX + "__".join(self.path).upper()


def settings() -> Iterator[Setting]:
    """Yield every setting, section by section."""
    yield from _fields(Config, build(), ())


def examples() -> dict[Path, str]:
    """Return the text of each example file."""
    return {
        ROOT / ".env.example": env_example(),
        ROOT / "nightjar.example.toml": toml_example(),
        ROOT / "docs" / "settings.md": follow_up_page(),
    }


def env_example() -> str:
    """Return the text of ``.env.example``."""
    lines = [*_comment(_HEAD), "#", *_comment(_ENV_HEAD), "#", *_comment(_ALIASES)]
    section: tuple[str, ...] = ()
    for setting in settings():
        if setting.path[:-1] != section:
            section = setting.path[:-1]
            lines += ["", f"# ---- {'.'.join(section)}: {_section_text(section)}"]
        lines += ["", *_comment(setting.text)]
        if setting.default is None:
            lines.append(f"# {setting.variable}=")
        else:
            lines.append(f"#{setting.variable}={_env_value(setting.default)}")
    beam = json.dumps({"beam": BEAM.model_dump()})
    lines += ["", *_comment(_TELESCOPES), f"# {PREFIX}TELESCOPES='{beam}'"]
    return "\n".join(lines) + "\n"


def toml_example() -> str:
    """Return the text of ``nightjar.example.toml``."""
    lines = [*_comment(_HEAD), "#", *_comment(_TOML_HEAD)]
    section: tuple[str, ...] = ()
    for setting in settings():
        if setting.path[:-1] != section:
            section = setting.path[:-1]
            lines += ["", "", f"[{'.'.join(section)}]", *_comment(_section_text(section))]
        name = setting.path[-1]
        lines += ["", *_comment(setting.text)]
        if setting.default is None:
            lines.append(f"# {name} =")
        elif setting.is_secret:
            lines.append(f"# {name} = {_toml_value(setting.default)}")
        else:
            lines.append(f"{name} = {_toml_value(setting.default)}")
    return "\n".join([*lines, "", "", *_telescope_example()]) + "\n"


def _telescope_example() -> Iterator[str]:
    """Yield one telescope's record, with every field; all of it is a comment."""
    yield from _comment(_TELESCOPES)
    yield "#"
    yield "#[telescopes.beam]"
    for name, field in TelescopeSettings.model_fields.items():
        value = getattr(BEAM, name)
        yield from ("#", *_comment(str(field.description)))
        yield from (f"#{line}" for line in f"{name} = {_toml_value(value)}".splitlines())


def follow_up_page() -> str:
    """Return the page of the settings of GW and GRB follow-up, a table for each section."""
    lines = [_PAGE_HEAD.rstrip()]
    section: tuple[str, ...] = ()
    for setting in settings():
        if setting.path[0] not in FOLLOW_UP:
            continue
        if setting.path[:-1] != section:
            section = setting.path[:-1]
            lines += ["", f"## {'.'.join(section)}", "", _section_text(section), ""]
            lines += ["| setting | meaning | default |", "|---|---|---|"]
        lines.append(f"| `{setting.variable}` | {_cell(setting.text)} | {_default_cell(setting)} |")
    return "\n".join(lines) + "\n"


def _default_cell(setting: Setting) -> str:
    if setting.default is None or setting.default == "":
        return "empty"
    return f"`{_cell(_env_value(setting.default))}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _fields(
    model: type[BaseModel], defaults: BaseModel, path: tuple[str, ...]
) -> Iterator[Setting]:
    for name, field in model.model_fields.items():
        default = getattr(defaults, name)
        if isinstance(default, BaseModel):
            yield from _fields(type(default), default, (*path, name))
        elif not isinstance(default, dict):  # records, each a section; ``_telescope_example``
            is_secret = isinstance(default, SecretStr)
            value = default.get_secret_value() if is_secret else default
            yield Setting((*path, name), _describe(field, value, is_secret), value, is_secret)


def _describe(field: FieldInfo, default: Any, is_secret: bool) -> str:  # noqa: FBT001 private
    rules = [*_bounds(field)]
    if default is None:
        rules.append("not set: the preset's, or none")
    if is_secret:
        rules.append("secret")
    return f"{field.description} ({'; '.join(rules)})" if rules else str(field.description)


def _bounds(field: FieldInfo) -> Iterator[str]:
    kind = field.annotation
    if get_origin(kind) in {Union, UnionType}:
        kind = next(each for each in get_args(kind) if each is not type(None))
    if get_origin(kind) is Literal:
        yield "one of: " + ", ".join(str(word) for word in get_args(kind))
    if kind is bool:
        yield "true or false"
    if get_origin(kind) is tuple:
        yield _list_form(kind)
    for rule in field.metadata:
        for attribute, form in _BOUNDS:
            if (bound := getattr(rule, attribute, None)) is not None:
                yield form.format(f"{bound:_}".replace("_", " "))


def _list_form(kind: Any) -> str:
    item = get_args(kind)[0]
    if isinstance(item, type) and issubclass(item, BaseModel):
        return "a list of tables, in the environment as JSON"
    return "a list, in the environment separated by commas"


def _section_text(section: tuple[str, ...]) -> str:
    """Return the first line of a section's docstring."""
    found: BaseModel = build()
    for name in section:
        found = getattr(found, name)
    return (type(found).__doc__ or "").strip().splitlines()[0]


def _comment(text: str) -> list[str]:
    lines = [piece for line in text.splitlines() for piece in (wrap(line, WIDTH - 2) or [""])]
    return [f"# {line}".rstrip() for line in lines]


def _env_value(value: Any) -> str:
    if _is_tables(value):
        return "'" + json.dumps([table.model_dump(exclude_none=True) for table in value]) + "'"
    if isinstance(value, tuple):
        return ",".join(str(each) for each in value)
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if _PLAIN.fullmatch(text) else f"'{text}'"


def _toml_value(value: Any) -> str:
    if _is_tables(value):
        tables = [f"    {_inline_table(each.model_dump(exclude_none=True))}," for each in value]
        return "\n".join(["[", *tables, "]"])
    return json.dumps(value, ensure_ascii=False)  # TOML's strings, numbers, booleans and arrays


def _is_tables(value: Any) -> bool:
    return isinstance(value, tuple) and any(isinstance(each, BaseModel) for each in value)


def _inline_table(values: Mapping[str, Any]) -> str:
    return "{ " + ", ".join(f"{name} = {_toml_value(each)}" for name, each in values.items()) + " }"
