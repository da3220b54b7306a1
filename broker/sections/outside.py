"""Settings of servers of others that are filled or asked: OwnCloud, S3, GraceDB, Swift."""

from typing import Annotated, Literal
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


class S3Settings(Section):
    """A bucket that data, images and packets are copied to; without its name nothing is copied.

    Its keys are no setting: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment of the
    workers, or a role of the machine.
    """

    bucket: Annotated[
        str,
        Field(
            description="name of the bucket; empty: nothing is copied",
            pattern=r"^([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])?$",
        ),
    ] = ""
    prefix: Annotated[
        str,
        Field(
            description="before every key, as nightjar/; another one for each host that has files",
            pattern=r"^([A-Za-z0-9._=-]+/)*$",
        ),
    ] = ""
    region: Annotated[str, Field(description="of the bucket; empty: as the environment says")] = ""
    endpoint_url: Annotated[
        str,
        Field(
            description="of a store that is not Amazon's; empty: Amazon's",
            pattern="^(https?://.+)?$",
        ),
    ] = ""
    every_h: Annotated[float, Field(gt=0, le=168, description="files are copied so often [h]")] = 2
    private: Annotated[
        bool,
        Field(
            description="no stranger may read it: packets of surveys that are not public go there"
        ),
    ] = False
    private_unverified: Annotated[
        bool, Field(description="believe that it is private where the store does not tell")
    ] = False
    request_checksum_calculation: Annotated[
        Literal["when_supported", "when_required"],
        Field(description="when_required: an old store without checksums; files are read back"),
    ] = "when_supported"
    attempts: Annotated[int, Field(gt=0, le=5, description="of one request")] = 2
    threads: Annotated[
        int,
        Field(gt=0, le=32, description="objects that travel at once; each takes up to 16 MiB"),
    ] = 8
    connect_timeout_s: Annotated[float, Field(gt=0, le=60, description="to connect [s]")] = 5
    read_timeout_s: Annotated[
        float, Field(gt=0, le=60, description="between two pieces of an answer [s]")
    ] = 30
    late_h: Annotated[
        float, Field(gt=0, description="a file that is not copied after so long is told of [h]")
    ] = 12


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
