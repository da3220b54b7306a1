"""People's tables. Staff are Django's own users; the accounts of astronomers come here."""
