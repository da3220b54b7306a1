"""Mirrors of what workers noted of users' filters; nothing here writes."""

from broker.choices import words_of
from broker.mirror import Mirror, mirror
from pipeline.user_filters import tables

FilterState: type[Mirror] = mirror(
    tables.FilterState,
    "FilterState",
    __name__,
    verbose_name="state of a filter",
    choices={"pause_reason": words_of(tables.PAUSES)},
    permissions=(("operate_filterstate", "Can pause users' filters"),),
)

FilterNight: type[Mirror] = mirror(
    tables.FilterNight, "FilterNight", __name__, verbose_name="night of a filter"
)

FilterDelivery: type[Mirror] = mirror(
    tables.FilterDelivery,
    "FilterDelivery",
    __name__,
    verbose_name="alert that a filter caught",
    links={"alert_id": "Alert"},
)

FilterTrial: type[Mirror] = mirror(
    tables.FilterTrial,
    "FilterTrial",
    __name__,
    verbose_name="trial of a filter",
    choices={"state": words_of(tables.TRIAL_STATES)},
)
