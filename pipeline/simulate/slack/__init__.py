"""A stand-in for Slack over real HTTP: for the demo and the tests, as Slack cannot run here.

``rules`` refuses what Slack refuses, ``workspace`` keeps messages on disk, ``methods`` answers the
Web API, ``faults`` breaks it on request, ``mrkdwn``, ``blocks`` and ``page`` show what was posted,
``clicks`` signs and sends what people press, ``server`` is the HTTP.
"""
