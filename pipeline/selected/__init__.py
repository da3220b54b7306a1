"""Selected alerts: a topic in, rows in Postgres, nightly tables and cutouts on disk.

In the order of the flow: ``sources`` (what may be read), ``messages`` (a value to a record),
``columns`` and ``rows`` (a record to the columns of a table), ``cutouts`` (which images are whole),
``antares_messages`` and ``antares`` (a locus to an alert), ``others`` (a broker of others),
``judging`` (a batch to alerts and bad messages), ``reception`` (these to rows and dead letters, one
transaction), ``thumbnails`` (images that are fetched), ``packets`` (bytes back from the archive),
``rendering`` (rows to the text and Parquet of a night), ``disk`` (files that are whole or absent),
``files`` (what ``output_files`` knows of them), ``writer`` (rows to files), ``closing`` (a night
that is over), ``listener`` and ``collect`` (who calls all that), ``rerun``, ``retention_policy``,
``retention_book`` and ``retention`` (what may go, what is said of it, who deletes), ``query`` (for
pages).

Rows are the truth; files are rendered from them, so that a process may die anywhere.
"""
