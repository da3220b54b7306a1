"""Lasair's filter streams: JSON in, rows in Postgres, a file a day, three images for each alert.

In the order of the flow: message (bytes to values) · tables, models · topics (where each is read) ·
journal (a log for each topic) · reception (a batch to rows, one transaction) · topic_listener,
listener (a thread for each topic, one that writes) · day_files (rows to lines) · stamps (a request
for images, worked once) · fetch (our archive, then ALeRCE) · images, png (files) · requests (which
there are) · tasks.

Rows are the truth; files are rendered from them, so that a process may die anywhere.
"""
