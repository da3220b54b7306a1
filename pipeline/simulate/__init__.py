"""Schema-true packets of an invented night, with a truth table."""
