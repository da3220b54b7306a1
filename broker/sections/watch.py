"""Settings of who is told each morning what the night brought, and when something is amiss."""

from typing import Annotated

from pydantic import Field

from broker.sections import Section


class WatchSettings(Section):
    """The morning summary of selected alerts, and its alarms; by mail, in Slack, or both."""

    hour_utc: Annotated[
        int, Field(ge=0, le=23, description="from this hour on the last 24 h are told of [h UTC]")
    ] = 6
    mail_to: Annotated[
        tuple[str, ...], Field(description="addresses that are told; none: no mail")
    ] = ()
    channel: Annotated[
        str, Field(description="Slack channel id that is told; empty: that of operators")
    ] = ""
