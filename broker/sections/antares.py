"""Settings of ANTARES's REST interface, which says what its loci on Kafka leave out."""

from typing import Annotated

from pydantic import Field

from broker.sections import Section


class AntaresSettings(Section):
    """ANTARES's alerts and images of a locus; no other host is asked than named here."""

    url: Annotated[
        str,
        Field(description="of its REST interface; empty: never asked", pattern="^(https?://.+)?$"),
    ] = "https://api.antares.noirlab.edu/v2"
    image_hosts: Annotated[
        tuple[str, ...], Field(description="images are fetched from these hosts and that of url")
    ] = ()
    connect_timeout_s: Annotated[float, Field(gt=0, le=30, description="to connect [s]")] = 5
    read_timeout_s: Annotated[
        float, Field(gt=0, le=30, description="between two pieces of an answer [s]")
    ] = 10
    tries: Annotated[
        int, Field(gt=0, le=5, description="of a request, before its message is taken again")
    ] = 3
    images_wait_s: Annotated[
        float, Field(ge=0, le=43200, description="an image that is not there then is absent [s]")
    ] = 900
