"""Use nightjar-telescope where nothing of the site is: print what it writes, read it back.

    python -I use_telescope_messages.py

prints one message in base64, and its class; ends with 1 when something of the site is here.
"""

import base64
import importlib.util
import sys

import nightjar_telescope
from nightjar_telescope import ObservationBase, TelescopeCommand
from nightjar_telescope.avro import decode, encode, parsed_schema

FOREIGN = ("django", "celery", "sqlalchemy", "broker", "pipeline", "accounts", "structlog", "numpy")


def main() -> None:
    """Write and read one command."""
    found = [name for name in FOREIGN if importlib.util.find_spec(name)]
    if found:
        sys.exit(f"here are {found}")
    request = ObservationBase(
        "M 31", "galaxy", 10.5, -41.25, 1420, 1, 2, 3, "imaging", 60, "m31.fits", observation_id="o"
    )
    command = TelescopeCommand("cmd-1", timestamp=5, observation_request=request)
    datum = encode(command)
    if decode(TelescopeCommand, parsed_schema(TelescopeCommand), datum) != command:
        sys.exit("what was written is not what was read")
    classes = nightjar_telescope.KafkaAvroProducer, nightjar_telescope.KafkaAvroConsumer
    names = " ".join(each.__name__ for each in classes)
    sys.stdout.write(f"{base64.b64encode(datum).decode()} {names}\n")


if __name__ == "__main__":
    main()
