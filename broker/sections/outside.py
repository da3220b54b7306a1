"""Settings of servers of others that are filled or asked: OwnCloud, GraceDB, Swift."""

from typing import Annotated
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator

from broker.sections import Section


class OwncloudSettings(Section):
    """OwnCloud's WebDAV door; without an address nothing is uploaded."""

    url: Annotated[
        str, Field(description="…/remote.php/dav/files/USER, http or https; empty: no uploads")
    ] = ""
    user: Annotated[str, Field(description="whose files they are")] = ""
    password: Annotated[SecretStr, Field(description="an app password of that user")] = SecretStr(
        ""
    )
    root: Annotated[str, Field(description="folder of the GW events, below the address")] = (
        "Candidates/GW"
    )
    link_base: Annotated[
        str, Field(description="a folder's page for people; its path is put behind; empty: no link")
    ] = "https://grandma-owncloud.lal.in2p3.fr/index.php/apps/files/?dir=/"
    mocks: Annotated[
        bool, Field(description="mocks and tests have folders too, as in the demo")
    ] = False
    connect_timeout_s: Annotated[float, Field(gt=0, le=60, description="to connect [s]")] = 5
    read_timeout_s: Annotated[
        float, Field(gt=0, le=60, description="between two pieces of a request or answer [s]")
    ] = 60

    @field_validator("url")
    @classmethod
    def _check_url(cls, url: str) -> str:
        parts = urlsplit(url)
        if url and (parts.scheme not in {"http", "https"} or not parts.hostname):
            raise ValueError("must begin with http:// or https:// and name a host")
        if parts.username or parts.password:
            raise ValueError("must not hold a login: that is owncloud.user and .password")
        return url.rstrip("/")


class GracedbSettings(Section):
    """LIGO's database of GW candidates, asked for notices that GCN did not bring."""

    url: Annotated[
        str, Field(description="of its REST interface; no other host is asked", pattern="^https?:")
    ] = "https://gracedb.ligo.org/api"
    timeout_s: Annotated[
        float, Field(gt=0, le=60, description="to connect, and between two pieces of a reply [s]")
    ] = 20


class SwiftSettings(Section):
    """Swift's pages about bursts, looked at some minutes after a thread was opened."""

    url: Annotated[
        str,
        Field(
            description="before a trigger's number, no other host is asked; empty: never",
            pattern="^(https?://.+)?$",
        ),
    ] = "https://swift.gsfc.nasa.gov/results/BATbursts"
    timeout_s: Annotated[
        float, Field(gt=0, le=30, description="to connect, and between two pieces of a reply [s]")
    ] = 20
