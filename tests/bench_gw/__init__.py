"""``make bench-gw``: how fast a notice is on its way to people, and how fast plans are made.

A notice is measured from the call that sends it to Kafka to the moment at which another connection
sees its steps ``thread`` and ``card``: from then on it survives every crash, and workers take it to
Slack at the pace that Slack allows. It is measured with nothing else to do, and while the alert
flow works on a full topic. A plan is measured from the start of its process to its end, files
written, in a process that imports everything anew.
"""
