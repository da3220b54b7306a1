"""Pages and REST of accounts."""
