"""What goes wrong on the bus."""


class BusError(Exception):
    """Any of the others."""


class UnavailableError(BusError):
    """Kafka or the registry does not answer; asking again later may help."""


class RefusedError(BusError):
    """Kafka or the registry answers no: login, rights, a topic or schema that is not there."""


class NotDeliveredError(BusError):
    """A message that no broker acknowledged; whether it was written is not known."""


class UndecodableError(BusError, ValueError):
    """A value that is no message of the bus, or of a schema that the registry does not know."""


class ExpiredError(BusError):
    """A command whose time is over; it is answered, not carried out."""
