"""Settings of Slack: who we are there, which channels are told, whose clicks are believed."""

from typing import Annotated

from pydantic import Field, SecretStr

from broker.sections import Section


class SlackSettings(Section):
    """Slack; without a token nothing is posted. Channels are ids (C0123ABCD).

    Mock and test events are told in ``gw.mock_channel``.
    """

    token: Annotated[SecretStr, Field(description="of the app's bot, xoxb-…; empty: no Slack")] = (
        SecretStr("")
    )
    signing_secret: Annotated[
        SecretStr, Field(description="signs clicks; empty: every click is refused")
    ] = SecretStr("")
    base_url: Annotated[
        str, Field(description="of the Web API, with a slash at its end", pattern=r"^https?://.+/$")
    ] = "https://slack.com/api/"
    upload_hosts: Annotated[
        tuple[str, ...], Field(description="files go to these hosts and that of base_url only")
    ] = ("files.slack.com",)
    timeout_s: Annotated[int, Field(gt=0, le=60, description="of one call [s]")] = 10
    dialog_timeout_s: Annotated[
        float,
        Field(gt=0, lt=3, description="of opening a dialog, inside Slack's 3 s for a click [s]"),
    ] = 2
    doubt_s: Annotated[
        float,
        Field(
            ge=0,
            le=3600,
            description="a message whose answer was lost is looked for so long before it is sent"
            " again [s]",
        ),
    ] = 60
    message_interval_s: Annotated[
        float, Field(ge=0, le=60, description="between two messages to one channel [s]")
    ] = 1
    gw_channel: Annotated[
        str, Field(description="told of gravitational waves; empty: nothing is posted")
    ] = ""
    grb_channel: Annotated[
        str, Field(description="told of gamma-ray bursts; empty: that of gravitational waves")
    ] = ""
    observations_channel: Annotated[
        str, Field(description="told of decisions and of tiles taken; empty: nobody is told")
    ] = ""
    operators_channel: Annotated[
        str, Field(description="warned of notices that cannot be read; empty: nobody is warned")
    ] = ""
