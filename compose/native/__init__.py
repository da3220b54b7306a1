"""The real parts without Docker: start, stop and watch them on ports of their own.

``__main__`` and ``cli`` (verbs) · ``home`` (where state lives) · ``ports`` · ``passwords`` ·
``processes`` (start, recognise, stop) · ``postgres`` ``redis`` ``kafka`` with ``jars`` ``java``
``accounts`` ``packages`` · ``environment`` (what the project reads) · ``ours`` and ``supervise``
(our own processes) · ``lifecycle`` (up, down, status) · ``watchdog`` · ``doctor``.
"""
