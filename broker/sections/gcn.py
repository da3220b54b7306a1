"""Settings of GCN, where notices come from."""

from typing import Annotated, Literal

from pydantic import Field, SecretStr

from broker.sections import Section


class GcnSettings(Section):
    """NASA's General Coordinates Network; fields are named as its client ``gcn-kafka`` does."""

    client_id: Annotated[
        str, Field(description="of GCN's quick start; empty: notices are read on our own broker")
    ] = ""
    client_secret: Annotated[SecretStr, Field(description="belongs to client_id")] = SecretStr("")
    domain: Annotated[
        Literal["gcn.nasa.gov", "test.gcn.nasa.gov", "dev.gcn.nasa.gov"],
        Field(description="which of GCN's systems"),
    ] = "gcn.nasa.gov"
    bootstrap_servers: Annotated[
        str, Field(description="another broker with GCN's topics; empty: kafka.{domain}")
    ] = ""
    security_protocol: Annotated[
        Literal["", "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"],
        Field(description="of that broker; empty: SASL_SSL with a client_id, else PLAINTEXT"),
    ] = ""
    group_id: Annotated[
        str, Field(min_length=1, description="begins the consumer groups; one for each listener")
    ] = "nightjar-gcn"
    topic_prefix: Annotated[
        str, Field(description="stands before GCN's topic names, on a mirror or in a test")
    ] = ""
    start: Annotated[
        Literal["earliest", "latest"], Field(description="where a group without offsets begins")
    ] = "earliest"
