"""How fast people are answered when the archive is large; ``make bench-api``.

``sky`` fills the tables by COPY, ``questions`` says what is asked, ``measure`` asks and times it in
this process (server time: everything but the network); ``logins`` times who is refused and why.
"""
