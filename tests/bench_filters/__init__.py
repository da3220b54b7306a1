"""How long a trial of a user's filter takes on a large night."""
