"""Users' filters: one line over what an alert row stores, tried on a night, then a topic of its own.

In order: ``words`` and ``parse`` (text to tree), ``columns`` (what may be named), ``check`` (types),
``evaluate`` (a mask over a batch), ``stored`` (rows to columns); ``live`` and ``deliver`` in the
range of a worker, ``trial`` on a past night, ``digest`` in the morning.
"""
