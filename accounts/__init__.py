"""People: who may read the streams."""
