"""The streams' part of a backup: how far each had read, and how it goes on after a restore."""
