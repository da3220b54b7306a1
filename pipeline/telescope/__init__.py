"""The telescope bus: commands out; acknowledgments, status and data in; Postgres is the ledger.

record (a telescope, from the settings) · topics, rights (what our Kafka must have for it) ·
tables, models (rows and their mirrors) · ids · wish (a command before it is one, and its limits) ·
sky (altitudes) · fold (what all acknowledgments of a command amount to; pure) · ledger (ask,
cancel, retry, stop), rows (what it writes) · registration, schema_table (schemas and their ids) ·
codec (bytes and messages) · send (one message, once) · reception, listener (what telescopes say,
into rows) · settle (rows brought to what the fold says) · board (how telescopes are now) · tasks.

What telescope teams install is a distribution of its own, in ``client``.
"""
