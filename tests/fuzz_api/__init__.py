"""The REST interface against its own description; ``make fuzz-api``, and shortly in every test run.

``fill`` makes an account and an archive of a few alerts, ``site`` serves them with a database and a
web process of their own, ``run`` lets schemathesis ask. The web is asked over real HTTP: within
pytest's own process the end of a request closes the connection whose transaction the test shares with
Django, which only Django's own test client prevents.
"""
