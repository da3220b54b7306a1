"""Settings of what processes tell Prometheus about themselves."""

from typing import Annotated

from pydantic import Field

from broker.sections import Section


class MetricsSettings(Section):
    """Where a process serves its metrics; each process on a machine has a port of its own."""

    port: Annotated[
        int, Field(ge=0, le=65535, description="of this process; 0: it serves none")
    ] = 0
    host: Annotated[
        str, Field(description="address to listen on; never one that the public reaches")
    ] = "127.0.0.1"
    folder: Annotated[
        str,
        Field(description="where processes of one port count together; relative to the project"),
    ] = ".nightjar/metrics"
    keep_s: Annotated[
        float, Field(gt=0, le=300, description="facts asked of servers are kept so long [s]")
    ] = 15
    groups: Annotated[
        int, Field(ge=0, description="most consumer groups of people that are told of one by one")
    ] = 1000
