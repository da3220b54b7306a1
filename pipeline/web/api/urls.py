"""REST of the data: under ``/babamul/``, and the Virtual Observatory's ``/vo/``."""

from django.urls import include, path

from pipeline.web import converters  # noqa: F401 makes <survey:…> known
from pipeline.web.api import (
    alerts,
    cutouts,
    objects,
    schemas,
    scs,
    stats,
    telescope,
    tracks,
    user_filters,
)

of_survey = [
    path("alerts", alerts.Alerts.as_view()),
    path("alerts/cone-search", alerts.AlertCones.as_view()),
    path("alerts/skymap-search", alerts.AlertSkymap.as_view()),
    path("objects/cross-matches", objects.MatchesOfMany.as_view()),
    path("objects/cone-search", objects.ObjectCones.as_view()),
    path("objects/<str:object_id>", objects.Object.as_view()),
    path("objects/<str:object_id>/cross-matches", objects.ObjectMatches.as_view()),
    path("cutouts", cutouts.CutoutsOfAlerts.as_view()),
    path("tracks/<str:track_id>", tracks.Track.as_view()),
    path("villar-fit", tracks.VillarFit.as_view()),
    path("schemas", schemas.Schemas.as_view()),
]
of_telescopes = [
    path("commands", telescope.Commands.as_view()),
    path("commands/<str:command_id>", telescope.OneCommand.as_view()),
    path("commands/<str:command_id>/<str:word>", telescope.CommandAct.as_view()),
    path("observations/<path:observation_id>/data", telescope.ObservationData.as_view()),
    path("observations/<path:observation_id>/payload", telescope.ObservationPayload.as_view()),
    path("stop", telescope.Stop.as_view()),
    path("resume", telescope.Resume.as_view()),
    path("withdraw", telescope.Withdraw.as_view()),
    path("status", telescope.Status.as_view()),
]
of_filters = [
    path("check", user_filters.Check.as_view()),
    path("columns", user_filters.Columns.as_view()),
    path("trials", user_filters.Trials.as_view()),
    path("trials/<str:key>", user_filters.OneTrial.as_view()),
    path("trials/<str:key>/matches", user_filters.TrialMatches.as_view()),
    path("<str:name>", user_filters.OneFilter.as_view()),
    path("<str:name>/versions", user_filters.Versions.as_view()),
    path("<str:name>/<str:word>", user_filters.Live.as_view()),
]
urlpatterns = [
    path("babamul/filters", user_filters.Filters.as_view()),
    path("babamul/filters/", include(of_filters)),
    path("babamul/surveys/<survey:survey>/", include(of_survey)),
    path("babamul/objects", objects.Objects.as_view()),
    path("babamul/stats/nightly", stats.Nightly.as_view()),
    path("babamul/stats/collections", stats.Collections.as_view()),
    path("babamul/stats/kafka", stats.Topics.as_view()),
    path("api/telescope/", include(of_telescopes)),
    path("vo/scs", scs.cone_search, name="scs"),
]
