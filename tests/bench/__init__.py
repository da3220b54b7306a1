"""``make bench``: the alert flow measured end to end, on real servers, against its own books."""
