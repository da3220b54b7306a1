"""The telescope bus: commands out; acknowledgments, status and data in; Postgres is the ledger.

record (a telescope, from the settings) · topics, rights (what our Kafka must have for it) ·
tables, models (rows and their mirrors) · wish (a command before it is one, and its limits) · fold
(what all acknowledgments of a command amount to; pure) · ledger (ask, cancel, retry, stop) · send
(one message, once) · codec (bytes and messages) · reception, listener (what telescopes say, into
rows) · settle (rows brought to what the fold says) · board (how telescopes are now) · tasks.

What telescope teams install is a distribution of its own, in ``client``.
"""
