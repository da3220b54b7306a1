"""REST of the data."""
