"""Copies on S3 of what this system wrote: nightly tables, images, raw packets.

``places`` (whose files, under which key, which go there at all), ``tables`` (a row for each object,
worked like a step), ``wanted`` (which files are not there yet), ``send`` (one of them), ``batch``
(some at once), ``settle`` (what became of those), ``emptied`` (a bucket that lost them), ``sync``
(all of them), ``verify`` (read them back), ``query`` (for pages), ``tasks`` (who calls all that).

A file's own row says ``confirmed_at`` only while S3 is known to have exactly its bytes: retention
deletes nothing without it.
"""
