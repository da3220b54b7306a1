"""Say whose disk the images of a request are for: workers of another host wrote them to theirs."""

import sqlalchemy as sa
from alembic import op

from broker.host import this_host

revision = "e94b12c7a0d5"
down_revision = "d7a30b58c1e4"
branch_labels = None
depends_on = None

TABLE = "stamp_requests"
OF_ALERT = """
    UPDATE stamp_requests AS r SET host = found.host
    FROM (
        SELECT a.survey, a.object_id, a.detected_at, min(f.host) AS host
        FROM lasair_alerts AS a JOIN output_files AS f ON f.id = a.file_id
        GROUP BY 1, 2, 3
    ) AS found
    WHERE (r.survey, r.object_id, r.detected_at)
        = (found.survey, found.object_id, found.detected_at)
"""
OF_NO_ALERT = sa.text("""
    UPDATE stamp_requests SET host = coalesce(
        (SELECT min(host) FROM output_files HAVING count(DISTINCT host) = 1), :here
    ) WHERE host IS NULL
""")


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.add_column(TABLE, sa.Column("host", sa.Text(), comment="whose disk the images are for"))
    op.execute(OF_ALERT)
    op.execute(OF_NO_ALERT.bindparams(sa.bindparam("here", this_host(), literal_execute=True)))
    op.alter_column(TABLE, "host", nullable=False)


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '5s'")
    op.drop_column(TABLE, "host")
