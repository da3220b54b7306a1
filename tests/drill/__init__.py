"""The crash drill: pull every plug while alerts flow, and count what was lost.

``record`` (faults and outcomes) · ``ground`` (the servers of a drill) · ``crew`` (our processes) ·
``load`` (what is sent) · ``books`` (what must hold afterwards) · ``stage`` (one fault's world and
its cases) · ``servers`` ``proxy`` (what can be done to a server, and to a wire) · ``faults`` (one
module per fault) · ``report`` (the table) · ``__main__`` (``python -m tests.drill``).
"""
