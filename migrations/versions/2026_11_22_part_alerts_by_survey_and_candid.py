"""Part ``alerts`` by range of (survey, candid), in partitions of the schema ``partitions``.

A small table is rewritten here and now. A large one stays whole, for nobody shall wait hours for
``migrate`` with a lock in its hand; then ``manage.py partition_alerts`` does it when it suits, with
the same functions (docs/scaling.md, ADR 22).

Postgres refuses unique keys that lack a column of the partition key, so that ``id`` is an index, and
the coordinates of packets are unique in each partition by an index of its own.
"""

from alembic import op

revision = "c4d7a1f08e52"
down_revision = "b2f8d6140a9c"
branch_labels = None
depends_on = None

LARGE_ROWS = 200_000
"""About five seconds' work."""

BEGIN = """
CREATE FUNCTION partitions.begin_alerts() RETURNS void LANGUAGE plpgsql AS $$
DECLARE definition text;
BEGIN
    -- Who reads goes on until copy_alerts changes the tables.
    LOCK TABLE public.alerts IN EXCLUSIVE MODE;
    CREATE TABLE partitions.alerts (LIKE public.alerts
        INCLUDING DEFAULTS INCLUDING IDENTITY INCLUDING STORAGE INCLUDING COMMENTS
        INCLUDING CONSTRAINTS) PARTITION BY RANGE (survey, candid);
    CREATE TABLE partitions.alerts_rest PARTITION OF partitions.alerts DEFAULT;
    FOR definition IN SELECT pg_get_indexdef(indexrelid) FROM pg_index
        WHERE indrelid = 'public.alerts'::regclass AND NOT indisunique
    LOOP
        EXECUTE replace(definition, ' ON public.alerts ', ' ON partitions.alerts ');
    END LOOP;
    ALTER TABLE partitions.alerts
        ADD CONSTRAINT uq_alerts_survey_candid UNIQUE (survey, candid);
    CREATE INDEX ix_alerts_id ON partitions.alerts (id);
    CREATE UNIQUE INDEX alerts_rest_place
        ON partitions.alerts_rest (source_id, source_partition, source_offset);
END $$
"""

COPY = """
CREATE FUNCTION partitions.copy_alerts() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE columns text; copied bigint; highest bigint;
BEGIN
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns
        FROM pg_attribute WHERE attrelid = 'public.alerts'::regclass
            AND attnum > 0 AND NOT attisdropped;
    EXECUTE format('INSERT INTO partitions.alerts (%s) SELECT %s FROM public.alerts',
        columns, columns);
    GET DIAGNOSTICS copied = ROW_COUNT;
    EXECUTE format('SELECT last_value + is_called::int FROM %s',
        pg_get_serial_sequence('public.alerts', 'id')) INTO highest;
    PERFORM setval(pg_get_serial_sequence('partitions.alerts', 'id'), highest, false);
    DROP TABLE public.alerts;
    ALTER TABLE partitions.alerts SET SCHEMA public;
    RETURN copied;
END $$
"""

ADD = """
CREATE FUNCTION partitions.add_alerts(
    parent regclass, name text, of_survey text, first_candid bigint, end_candid bigint, most bigint
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE waiting bigint;
BEGIN
    EXECUTE format('CREATE TABLE partitions.%I (LIKE %s INCLUDING DEFAULTS'
        ' INCLUDING STORAGE INCLUDING CONSTRAINTS INCLUDING INDEXES)', name, parent);
    EXECUTE format('CREATE UNIQUE INDEX %I ON partitions.%I'
        ' (source_id, source_partition, source_offset)', name || '_place', name);
    EXECUTE format('LOCK TABLE %s IN SHARE UPDATE EXCLUSIVE MODE', parent);
    LOCK TABLE partitions.alerts_rest IN ACCESS EXCLUSIVE MODE;
    SELECT count(*) INTO waiting FROM (SELECT FROM partitions.alerts_rest AS r
        WHERE r.survey = of_survey AND r.candid >= first_candid AND r.candid < end_candid
        LIMIT most + 1) AS seen;
    IF waiting > most THEN
        RAISE EXCEPTION 'more than % alerts of % lie in partitions.alerts_rest', most, name
            USING HINT = 'manage.py partition_alerts moves them, however many';
    END IF;
    EXECUTE format('WITH gone AS (DELETE FROM partitions.alerts_rest AS r'
        ' WHERE r.survey = $1 AND r.candid >= $2 AND r.candid < $3 RETURNING *)'
        ' INSERT INTO partitions.%I SELECT * FROM gone', name)
        USING of_survey, first_candid, end_candid;
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION partitions.%I'
        ' FOR VALUES FROM (%L, %s) TO (%L, %s)',
        parent, name, of_survey, first_candid, of_survey, end_candid);
    RETURN waiting;
END $$
"""

UPGRADE = """
DO $$ DECLARE found bigint; BEGIN
    SELECT count(*) INTO found FROM (SELECT FROM public.alerts LIMIT {most} + 1) AS seen;
    IF found > {most} THEN
        RAISE WARNING 'alerts is large and stays whole; run manage.py partition_alerts when ingest may rest';
    ELSE
        PERFORM partitions.begin_alerts();
        PERFORM partitions.copy_alerts();
    END IF;
END $$
"""

DOWNGRADE = """
DO $$ DECLARE found bigint; BEGIN
    IF (SELECT relkind FROM pg_class WHERE oid = 'public.alerts'::regclass) = 'p' THEN
        LOCK TABLE public.alerts IN ACCESS EXCLUSIVE MODE;
        SELECT count(*) INTO found FROM (SELECT FROM public.alerts LIMIT {most} + 1) AS seen;
        IF found > {most} THEN
            RAISE EXCEPTION 'alerts is large: to make one table of its partitions takes hours';
        END IF;
        ALTER TABLE public.alerts RENAME TO alerts_parted;
        CREATE TABLE public.alerts (LIKE public.alerts_parted INCLUDING DEFAULTS
            INCLUDING IDENTITY INCLUDING STORAGE INCLUDING COMMENTS INCLUDING CONSTRAINTS);
        INSERT INTO public.alerts SELECT * FROM public.alerts_parted;
        PERFORM setval(pg_get_serial_sequence('public.alerts', 'id'),
            coalesce((SELECT max(id) FROM public.alerts), 0) + 1, false);
        DROP TABLE public.alerts_parted;
        ALTER TABLE public.alerts ADD CONSTRAINT pk_alerts PRIMARY KEY (id);
        ALTER TABLE public.alerts ADD CONSTRAINT uq_alerts_survey_candid UNIQUE (survey, candid);
        ALTER TABLE public.alerts
            ADD CONSTRAINT uq_alerts_source_id_source_partition_source_offset
            UNIQUE (source_id, source_partition, source_offset);
        CREATE INDEX ix_alerts_object_id_candid ON public.alerts (object_id, candid);
        CREATE INDEX ix_alerts_survey_jd_utc_candid ON public.alerts (survey, jd_utc, candid);
        CREATE INDEX ix_alerts_hpx29 ON public.alerts (hpx29);
    END IF;
END $$
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
    op.execute("CREATE SCHEMA partitions")
    for function in (BEGIN, COPY, ADD):
        op.execute(function)
    op.execute(UPGRADE.format(most=_most()))


def downgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '4s'")
    op.execute("SET LOCAL statement_timeout = '60s'")
    op.execute(DOWNGRADE.format(most=_most()))
    op.execute("DROP SCHEMA partitions CASCADE")


def _most() -> int:
    """Return how many alerts are rewritten at once; tests want fewer."""
    environment = op.get_context().environment_context
    return int(environment.config.attributes.get("large_rows", LARGE_ROWS))
