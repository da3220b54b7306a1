"""Mirrors of what GW and GRB follow-up wrote; nothing here writes."""

from broker.choices import words_of
from broker.mirror import Mirror, mirror
from pipeline.gw import action_tables, grb_tables, plan_tables, strategies, tables

FOLLOW_UP = "follow_up_gwalert"
"""Right to plan again, send again and mark as mock; of the roles shifter and admin."""

_OF_SUBJECT = {"id_gw": "GwAlert", "id_grb": "GrbAlert"}

GwAlert: type[Mirror] = mirror(
    tables.GwAlert,
    "GwAlert",
    __name__,
    verbose_name="GW notice",
    title="triggerId",
    links={
        "skymap_id": "GwSkymap",
        "combined_skymap_id": "GwSkymap",
        "source_id": "Source",
        "archive_segment_id": "ArchiveSegment",
    },
    choices={"kind": words_of(tables.KINDS), "state": words_of(tables.ALERT_STATES)},
    permissions=((FOLLOW_UP, "Can plan again, send again and mark notices as mock"),),
)

GwSkymap: type[Mirror] = mirror(
    tables.GwSkymap, "GwSkymap", __name__, verbose_name="sky map", title="sha256"
)

GwStep: type[Mirror] = mirror(
    tables.GwStep,
    "GwStep",
    __name__,
    verbose_name="GW step",
    title="step",
    links=_OF_SUBJECT,
    choices={"state": words_of(tables.STEP_STATES)},
)

Delivery: type[Mirror] = mirror(
    tables.Delivery,
    "Delivery",
    __name__,
    verbose_name="delivery",
    title="kind",
    links=_OF_SUBJECT,
    choices={"state": words_of(tables.DELIVERY_STATES)},
)

GwPlanGroup: type[Mirror] = mirror(
    plan_tables.GwPlanGroup,
    "GwPlanGroup",
    __name__,
    verbose_name="plan group",
    links={"id_gw": "GwAlert"},
    choices={"state": words_of(plan_tables.GROUP_STATES)},
)

GwPlan: type[Mirror] = mirror(
    plan_tables.GwPlan,
    "GwPlan",
    __name__,
    verbose_name="observation plan",
    title="telescope",
    links={"id_gw": "GwAlert", "group_id": "GwPlanGroup"},
    choices={
        "state": words_of(plan_tables.PLAN_STATES),
        "strategy": words_of(strategies.NAMES),
    },
)

GwPlanTile: type[Mirror] = mirror(
    plan_tables.GwPlanTile,
    "GwPlanTile",
    __name__,
    verbose_name="plan tile",
    links={"plan_id": "GwPlan"},
)

GwClaim: type[Mirror] = mirror(
    plan_tables.GwClaim,
    "GwClaim",
    __name__,
    verbose_name="claimed tile",
    links={
        "plan_id": "GwPlan",
        "tile_id": "GwPlanTile",
        "slack_action_id": "GwSlackAction",
    },
    choices={"state": words_of(plan_tables.CLAIM_STATES)},
)

GwTelescopeOutage: type[Mirror] = mirror(
    plan_tables.GwTelescopeOutage,
    "GwTelescopeOutage",
    __name__,
    verbose_name="telescope outage",
    title="telescope",
)

GwSlackAction: type[Mirror] = mirror(
    action_tables.GwSlackAction,
    "GwSlackAction",
    __name__,
    verbose_name="Slack action",
    title="action_id",
    links={"id_gw": "GwAlert"},
    choices={"state": words_of(tables.STEP_STATES)},
)

GwDecision: type[Mirror] = mirror(
    action_tables.GwDecision,
    "GwDecision",
    __name__,
    verbose_name="decision",
    title="decision",
    links={"id_gw": "GwAlert"},
    choices={"decision": words_of(action_tables.DECISIONS)},
)

GrbAlert: type[Mirror] = mirror(
    grb_tables.GrbAlert,
    "GrbAlert",
    __name__,
    verbose_name="GRB packet",
    title="triggerId",
    links={"source_id": "Source", "archive_segment_id": "ArchiveSegment"},
    choices={"mission": words_of(grb_tables.MISSIONS), "role": words_of(grb_tables.ROLES)},
)

GcnNotice: type[Mirror] = mirror(
    grb_tables.GcnNotice,
    "GcnNotice",
    __name__,
    verbose_name="GCN notice",
    title="topic",
    links={"source_id": "Source", "archive_segment_id": "ArchiveSegment"},
)
