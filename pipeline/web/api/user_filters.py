"""Users' filters through REST: the same as the pages, for programs."""

from datetime import date
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from broker.access import API, PUBLIC
from broker.db import transaction
from broker.filter_book import DIGESTS, UserFilter, book
from broker.refusals import ApiError, field_error
from broker.rest import ok
from broker.rest_fields import Text
from pipeline.alerts.query import browsing, reading
from pipeline.surveys import NAMES
from pipeline.user_filters import night as nights
from pipeline.user_filters import query, tasks, trial
from pipeline.user_filters.check import checked, reads
from pipeline.user_filters.columns import columns
from pipeline.user_filters.functions import FUNCTIONS
from pipeline.user_filters.parse import GRAMMAR
from pipeline.user_filters.tables import FilterTrial
from pipeline.user_filters.tree import ExpressionError
from pipeline.user_filters.words import MAX_CHARACTERS
from pipeline.web.api.parameters import check_body, check_query
from pipeline.web.api.views import RECORD, DataView, envelope, listed

TAGS = ["filters"]
MOST_MATCHES = 1000


def _survey(*, is_required: bool = True) -> Any:
    return serializers.ChoiceField(NAMES, required=is_required, help_text="ztf or lsst")


def _expression(*, is_required: bool = True) -> Any:
    # Longer ones are refused with their place, by whoever reads the language.
    return Text(
        required=is_required, max_length=10 * MAX_CHARACTERS, help_text="see /filters/columns"
    )


class Definition(serializers.Serializer[Any]):
    """A new filter."""

    name = Text(help_text="3 to 40 of a-z, 0-9 and -, a letter first; never used twice")
    survey = _survey()
    expression = _expression()
    description = Text(required=False, default="", allow_blank=True, help_text="for people")
    is_public = serializers.BooleanField(default=False, help_text="others may see the definition")


class NewVersion(serializers.Serializer[Any]):
    """A new version."""

    expression = _expression()


class Change(serializers.Serializer[Any]):
    """What is said of a filter; what is not given stays."""

    description = Text(required=False, allow_blank=True, help_text="for people")
    is_public = serializers.BooleanField(required=False, help_text="others may see the definition")
    digest = serializers.ChoiceField(DIGESTS, required=False, help_text="of its nights")


class Start(serializers.Serializer[Any]):
    """Which version shall be live."""

    version = serializers.IntegerField(required=False, min_value=1, help_text="the newest if none")


class Question(serializers.Serializer[Any]):
    """An expression to be checked."""

    survey = _survey()
    expression = _expression()


class Trial(serializers.Serializer[Any]):
    """A trial."""

    survey = _survey()
    expression = _expression()
    other = Text(required=False, default="", allow_blank=True, help_text="to be compared with")
    night = serializers.DateField(required=False, help_text="the newest with alerts if none")


class Words(serializers.Serializer[Any]):
    """Which filters are wanted."""

    q = Text(required=False, default="", allow_blank=True, help_text="words of public ones")
    survey = _survey(is_required=False)


class Part(serializers.Serializer[Any]):
    """Which part of a list is wanted."""

    skip = serializers.IntegerField(default=0, min_value=0, help_text="leave out so many")
    limit = serializers.IntegerField(
        default=100, min_value=1, max_value=MOST_MATCHES, help_text="so many at most"
    )


class OfSurvey(serializers.Serializer[Any]):
    """Whose columns."""

    survey = _survey()


class FilterView(DataView):
    """A view of filters: what the language refuses is a 400 of the field."""

    access = API

    def handle_exception(self, exc: Exception) -> Response:
        """Say where in the expression the mistake is."""
        if isinstance(exc, ExpressionError):
            exc = field_error("expression", str(exc))
        elif isinstance(exc, trial.TrialRefusedError):
            exc = ApiError(429, str(exc), headers={"Retry-After": "600"})
        return super().handle_exception(exc)


class Filters(FilterView):
    """One's own filters, and public ones."""

    @extend_schema(
        operation_id="filters_list", tags=TAGS, parameters=[Words], responses=envelope(RECORD)
    )
    def get(self, request: Request) -> Response:
        """List them: `own`, and `public` ones that have all the words."""
        asked = check_query(Words, request)
        own = book().own(request.user)
        shared = book().shared(asked["q"], asked.get("survey", ""))
        return ok({"own": _listed(own), "public": _listed(shared)})

    @extend_schema(
        operation_id="filters_make", tags=TAGS, request=Definition, responses=envelope(RECORD)
    )
    def post(self, request: Request) -> Response:
        """Make a filter with version 1; it is a draft until it is started."""
        asked = check_body(Definition, request)
        checked(asked["expression"], asked["survey"])
        made = book().create(request.user, **asked)
        return ok(_listed([made])[0], "made", 201)


class OneFilter(FilterView):
    """One filter that is public or one's own."""

    @extend_schema(operation_id="filters_show", tags=TAGS, responses=envelope(RECORD))
    def get(self, request: Request, name: str) -> Response:
        """Show it with all versions, its nights and what it caught last."""
        one = _found(request, name)
        with reading() as session:
            counts = query.nights(session, one.id)
            latest = query.latest(session, one.id, 100)
        more = {
            "nights": [each._asdict() for each in counts],
            "latest": [query.as_row(each) for each in latest],
        }
        return ok(_listed([one])[0] | more)

    @extend_schema(
        operation_id="filters_change", tags=TAGS, request=Change, responses=envelope(RECORD)
    )
    def patch(self, request: Request, name: str) -> Response:
        """Change description, who sees the definition, and how you are told of nights."""
        asked = check_body(Change, request)
        one = _found(request, name)
        changed = book().describe(
            request.user,
            name,
            asked.get("description", one.description),
            asked.get("digest", one.digest),
            is_public=asked.get("is_public", one.is_public),
        )
        return ok(_listed([changed])[0])

    @extend_schema(operation_id="filters_delete", tags=TAGS, responses=envelope(RECORD))
    def delete(self, request: Request, name: str) -> Response:
        """Delete it and its topic; the name stays taken."""
        book().delete(request.user, name)
        return ok({"name": name}, "being deleted")


class Versions(FilterView):
    """Versions of one's own filter."""

    @extend_schema(
        operation_id="filters_add_version",
        tags=TAGS,
        request=NewVersion,
        responses=envelope(RECORD),
    )
    def post(self, request: Request, name: str) -> Response:
        """Add one; what is live stays so until another is started."""
        asked = check_body(NewVersion, request)
        one = _found(request, name)
        checked(asked["expression"], one.survey)
        return ok(_listed([book().add_version(request.user, name, asked["expression"])])[0])


class Live(FilterView):
    """Whether one's own filter runs."""

    @extend_schema(
        operation_id="filters_start_or_stop", tags=TAGS, request=Start, responses=envelope(RECORD)
    )
    def post(self, request: Request, name: str, word: str) -> Response:
        """`start` a version, the newest if none is named, or `stop` it."""
        if word == "stop":
            return ok(_listed([book().stop(request.user, name)])[0])
        if word != "start":
            raise ApiError(404, f"a filter can be started and stopped, not {word[:20]!r}")
        asked = check_body(Start, request)
        number = asked.get("version") or _found(request, name).newest.number
        return ok(_listed([book().start(request.user, name, number)])[0])


class Check(FilterView):
    """Whether an expression is understood."""

    @extend_schema(
        operation_id="filters_check", tags=TAGS, request=Question, responses=envelope(RECORD)
    )
    def post(self, request: Request) -> Response:
        """Say what it reads, or where the mistake is: `at` and `end` are characters from 0."""
        asked = check_body(Question, request)
        try:
            tree = checked(asked["expression"], asked["survey"])
        except ExpressionError as error:
            place = {"at": error.at, "end": error.end, "text": error.text}
            return ok({"ok": False, "error": place, "shown": error.shown(asked["expression"])})
        return ok({"ok": True, "reads": sorted(reads(tree))})


class Columns(FilterView):
    """What an expression may name."""

    access = PUBLIC

    @extend_schema(
        operation_id="filters_columns", tags=TAGS, parameters=[OfSurvey], responses=envelope(RECORD)
    )
    def get(self, request: Request) -> Response:
        """List columns with kind, unit and meaning, functions, and the grammar."""
        survey = check_query(OfSurvey, request)["survey"]
        shown = ("name", "kind", "unit", "meaning", "is_nullable", "symbols")
        return ok(
            {
                "columns": [
                    {name: getattr(one, name) for name in shown} for one in columns(survey).values()
                ],
                "functions": [{"call": one.told, "meaning": one.meaning} for one in FUNCTIONS],
                "grammar": GRAMMAR,
            }
        )


class Trials(FilterView):
    """Trials on past nights."""

    @extend_schema(operation_id="filters_trials", tags=TAGS, responses=envelope(listed(RECORD)))
    def get(self, request: Request) -> Response:
        """List your newest ones."""
        with reading() as session:
            return ok([_trial(row) for row in trial.recent(session, str(request.user.pk), 100)])

    @extend_schema(operation_id="filters_try", tags=TAGS, request=Trial, responses=envelope(RECORD))
    def post(self, request: Request) -> Response:
        """Begin one; look at `/babamul/filters/trials/KEY` until its state is done or failed."""
        asked = check_body(Trial, request)
        night = asked.get("night") or _newest(asked["survey"])
        with transaction() as session:
            row = trial.begin(
                session,
                str(request.user.pk),
                asked["survey"],
                night,
                asked["expression"],
                asked["other"] or None,
            )
            begun, row_id = _trial(row), row.id
        tasks.ring(row_id)
        return ok(begun, "begun", 202)


class OneTrial(FilterView):
    """One of one's own trials."""

    @extend_schema(operation_id="filters_trial", tags=TAGS, responses=envelope(RECORD))
    def get(self, request: Request, key: str) -> Response:
        """Show how far it is, and what it counted."""
        return ok(_trial(_found_trial(request, key)))


class TrialMatches(FilterView):
    """What a trial caught."""

    @extend_schema(
        operation_id="filters_trial_matches",
        tags=TAGS,
        parameters=[Part],
        responses=envelope(listed(RECORD)),
    )
    def get(self, request: Request, key: str) -> Response:
        """List alerts by time; `side` is 1 for the expression, 2 for the other, 3 for both."""
        asked = check_query(Part, request)
        row = _found_trial(request, key)
        candids, sides = trial.matches(row)
        chosen = slice(asked["skip"], asked["skip"] + asked["limit"])
        by_candid = dict(zip(candids[chosen].tolist(), sides[chosen].tolist(), strict=True))
        with browsing() as session:
            found = query.alerts(session, row.survey, candids[chosen])
        return ok([query.as_row(one, by_candid[one.candid]) for one in found])


def _found(request: Request, name: str) -> UserFilter:
    one = book().find(request.user, name)
    if one is None:
        raise ApiError(404, "there is no such filter, or it is somebody's own")
    return one


def _listed(filters: list[UserFilter]) -> list[dict[str, Any]]:
    ids = [one.id for one in filters]
    with reading() as session:
        states, newest = query.states(session, ids), query.newest_nights(session, ids)
    return [_shown(one, states.get(one.id), newest.get(one.id)) for one in filters]


def _shown(
    one: UserFilter, state: query.State | None, newest: query.NightCount | None
) -> dict[str, Any]:
    is_paused = query.is_paused(one, state)
    return {
        "name": one.name,
        "survey": one.survey,
        "owner": one.owner_name,
        "description": one.description,
        "is_public": one.is_public,
        "digest": one.digest,
        "state": query.word(one, state),
        "why": (state.pause_text if state and is_paused else None),
        "live_version": one.live_number,
        "topic": one.topic,
        "expression": one.newest.expression,
        "versions": [
            {"number": each.number, "expression": each.expression, "created_at": each.created_at}
            for each in one.versions
        ],
        "last_night": newest._asdict() if newest else None,
    }


def _newest(survey: str) -> date:
    with reading() as session:
        found = nights.newest(session, survey, 1)
    if not found:
        raise field_error("night", f"there are no {survey} alerts here yet")
    return found[0]


def _found_trial(request: Request, key: str) -> FilterTrial:
    with reading() as session:
        row = trial.find(session, str(request.user.pk), key)
        if row is None:
            raise ApiError(404, "you have no such trial")
        session.expunge(row)
        return row


def _trial(row: FilterTrial) -> dict[str, Any]:
    names = (
        "key", "survey", "night", "expression", "other", "state", "done", "total", "night_total",
        "matched", "other_matched", "both_matched", "error", "took_s",
    )  # fmt: skip
    is_sample = bool(row.total and row.night_total and row.night_total > row.total)
    return {name: getattr(row, name) for name in names} | {"is_sample": is_sample}
