"""Settings of users' filters: how many, how much each may send, and what they may cost."""

from typing import Annotated

from pydantic import Field

from broker.sections import Section


class UserFilterSettings(Section):
    """Filters that accounts write, try on a night and have as topics ``babamul.filter.NAME``."""

    live_per_account: Annotated[
        int, Field(ge=0, le=1000, description="live filters of one account at most")
    ] = 10
    per_account: Annotated[
        int, Field(ge=1, le=10_000, description="filters of one account that are not deleted")
    ] = 50
    live: Annotated[
        int, Field(ge=0, le=1000, description="live filters of all accounts together at most")
    ] = 100
    messages_per_night: Annotated[
        int,
        Field(ge=1, le=1_000_000, description="a filter that would send more in a night is paused"),
    ] = 5000
    share_of_range: Annotated[
        float,
        Field(
            gt=0,
            le=1,
            description="part of the workers' time that all live filters together may take; "
            "above it the dearest is paused",
        ),
    ] = 0.1
    refresh_s: Annotated[
        float,
        Field(gt=0, le=600, description="so often each worker looks which filters are live [s]"),
    ] = 10.0
    trial_alerts: Annotated[
        int,
        Field(
            ge=1000,
            le=5_000_000,
            description="a trial reads so many alerts at most; of larger nights a sample",
        ),
    ] = 200_000
    trials_per_hour: Annotated[
        int, Field(ge=1, le=10_000, description="trials that one account may begin in an hour")
    ] = 60
    keep_trials_days: Annotated[
        int, Field(ge=1, le=365, description="after which a trial is deleted [d]")
    ] = 14
    keep_matches_days: Annotated[
        int,
        Field(ge=8, le=3650, description="after which it is forgotten what a filter caught [d]"),
    ] = 30
    digests_per_day: Annotated[
        int,
        Field(ge=0, le=1000, description="mails about filters' nights to one account in 24 h"),
    ] = 10
    slack_channel: Annotated[
        str,
        Field(description="Slack channel id where owners may have their filters' nights told"),
    ] = ""
