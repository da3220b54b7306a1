"""Users' filters: a line over what an alert row stores, tried on a night, then a topic.

In order: ``words`` and ``parse`` (text to tree), ``columns`` and ``functions`` (what may be named),
``check`` (kinds), ``evaluate`` (a mask over alerts), ``stored`` (rows to columns); then ``live``,
``pauses`` and ``deliver`` in a worker's range, ``trial`` on a past night, ``digest`` afterwards.
"""
