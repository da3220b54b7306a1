"""What the night brought, told once each morning; alarms about what should have been, and was not.

``alarms`` finds what is amiss, ``summary`` counts, ``letter`` words both, ``tell`` brings them to
Slack and by mail, each once.
"""
