"""How a broker of others is reached, and whom we believe there."""

import pytest

from broker.config import ROOT
from broker.kafka_connection import source_connection
from broker.sections.output import CollectSettings
from broker.sections.streams import StreamSettings

PLACE = StreamSettings(topic="t", bootstrap_servers="broker.invalid:9092", username="me")
CHECKS = ("ssl.ca.location", "ssl.endpoint.identification.algorithm")


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"security_protocol": "SASL_PLAINTEXT", "ca_file": "ca.pem"}, {}),
        ({"security_protocol": "SASL_SSL"}, {}),
        ({"security_protocol": "SSL", "ca_file": "ca.pem"}, {CHECKS[0]: str(ROOT / "ca.pem")}),
        ({"security_protocol": "SASL_SSL", "ca_file": "/etc/ca.pem"}, {CHECKS[0]: "/etc/ca.pem"}),
        ({"security_protocol": "SASL_SSL", "check_host": False}, {CHECKS[1]: "none"}),
    ],
)
def test_certificates_are_believed_as_the_settings_say(given, expected):
    found = source_connection(PLACE.model_copy(update=given))

    assert {name: found[name] for name in CHECKS if name in found} == expected


def test_antares_is_reached_as_its_own_client_does():
    found = source_connection(CollectSettings().antares)

    assert (found["security.protocol"], found["sasl.mechanism"]) == ("SASL_SSL", "PLAIN")
    assert found["ssl.endpoint.identification.algorithm"] == "none"
