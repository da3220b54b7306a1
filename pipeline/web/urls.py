"""Pages of the data."""

from django.urls import path

from pipeline.web import (
    converters,  # noqa: F401 makes <survey:…> known
    doc_pages,
    gw_pages,
    object_pages,
    run_pages,
    schema_pages,
    search_pages,
    slack_actions,
    start,
    status_pages,
    telescope_pages,
    topic_pages,
    views,
)

urlpatterns = [
    path("", views.home, name="home"),
    path("start", start.start, name="start"),
    path("start/nightjar.ipynb", start.notebook),
    path("topics", topic_pages.index, name="topics"),
    path("topics/<str:name>", topic_pages.topic, name="topic"),
    path("schemas/<str:name>.avsc", schema_pages.avsc, name="avsc"),
    path("schemas/<str:name>", schema_pages.schema, name="schema"),
    path("schemas/<str:name>/sample", schema_pages.sample, name="sample"),
    path("schemas/<str:name>/sample.json", schema_pages.sample_json, name="sample_json"),
    path("schemas/<str:name>/sample.avro", schema_pages.sample_avro, name="sample_avro"),
    path("search", search_pages.search, name="search"),
    path("objects/<survey:survey>/<str:object_id>", object_pages.page, name="object"),
    path("objects/<survey:survey>/<str:object_id>/data.json", object_pages.data),
    path(
        "objects/<survey:survey>/<str:object_id>/light_curve.<table:form>",
        object_pages.light_curve_file,
    ),
    path(
        "objects/<survey:survey>/<str:object_id>/cutouts/<candid:candid>.json", object_pages.images
    ),
    path("objects/<survey:survey>/<str:object_id>/packets/<candid:candid>", object_pages.packet),
    path("api/slack/actions", slack_actions.actions, name="slack_actions"),
    path("status", status_pages.page, name="status"),
    path("status.json", status_pages.status_json, name="status_json"),
    path("gw", gw_pages.index, name="gw"),
    path("gw/telescopes", telescope_pages.page, name="gw_telescopes"),
    path("gw/telescopes/outages", telescope_pages.mark),
    path("gw/telescopes/outages/<int:outage_id>/end", telescope_pages.end),
    path("gw/<str:trigger_id>.json", gw_pages.event_json),
    path("gw/<str:trigger_id>", gw_pages.event, name="gw_event"),
    path("gw/<str:trigger_id>/maps/<int:number>.fits", gw_pages.sky_map),
    path("gw/<str:trigger_id>/maps/<int:number>/<int:percent>.json", gw_pages.region),
    path("gw/<str:trigger_id>/plans/<int:plan_id>", gw_pages.plan, name="gw_plan"),
    path("gw/<str:trigger_id>/plans/<int:plan_id>/<str:name>", gw_pages.plan_file),
    path("runs", run_pages.page, name="runs"),
    path("runs/<int:selection_id>/<str:night>/again", run_pages.make_again),
    path("runs/files/<int:file_id>", run_pages.file),
    path("guide", doc_pages.guide, name="guide"),
    path("terms", doc_pages.terms, name="terms"),
    path("privacy", doc_pages.privacy, name="privacy"),
]
