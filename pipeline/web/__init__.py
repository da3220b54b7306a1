"""Pages and REST of the data; nothing else imports it."""
