"""How Django writes dates and times: as astronomers do, in every language."""
