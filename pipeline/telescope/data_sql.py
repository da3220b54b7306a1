"""The SQL that makes the table of telescopes' data by hand, for whoever runs no migrations."""

from pathlib import Path

from alembic.script import ScriptDirectory

from broker.config import ROOT
from broker.migrate import alembic_config

REVISION = "d84f1b6a20ce"
PATH: Path = ROOT / "compose" / "sql" / "telescope_data_raw.sql"
COMMAND = "manage.py data_table_sql"
_HEAD = f"-- Made from the migration {REVISION} by {COMMAND}; do not edit.\n"


def sql() -> str:
    """Return the statements of the migration that makes the table, as a script for psql."""
    script = ScriptDirectory.from_config(alembic_config()).get_revision(REVISION)
    return _HEAD + "".join(f"\n{statement};\n" for statement in script.module.STATEMENTS)
