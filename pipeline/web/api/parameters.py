"""What each route of the data is asked with; rules that join fields stand here too."""

from collections.abc import Mapping
from typing import Any

from django.http import QueryDict
from rest_framework import serializers
from rest_framework.request import Request

from broker.rest_fields import Text
from pipeline.alerts.query import (
    MAX_ALERTS,
    MAX_CONES,
    MAX_RADIUS_ARCSEC,
    MAX_SKIP,
    MAX_WINDOW_D,
    Page,
)
from pipeline.alerts.query_cutouts import MAX_CANDIDS
from pipeline.alerts.query_skymap import MAX_SKYMAP_ALERTS, MAX_SKYMAP_WINDOW_D
from pipeline.web.api.fields import (
    Base64,
    Candid,
    Number,
    Places,
    Whole,
    declination,
    right_ascension,
)
from pipeline.web.api.filters import Checked, FilterParameters, refuse_two

FORMATS = ("json", "csv", "parquet")
MAX_MATCH_OBJECTS = 5000
MAX_FOUND_OBJECTS = 100
WHICH = ("first", "last", "brightest", "faintest")
BANDS = ("u", "g", "r", "i", "z", "y")
_MAX_NAME = 128


def check(form: type[serializers.Serializer[Any]], given: Mapping[str, Any]) -> Checked:
    """Return the checked parameters, defaults included.

    Raises
    ------
    ValidationError
        Naming each field that breaks a rule.
    """
    # A QueryDict would make every flag that is not given false.
    values = given.dict() if isinstance(given, QueryDict) else given
    checked = form(data=values)
    checked.is_valid(raise_exception=True)
    return dict(checked.validated_data)


def check_query(form: type[serializers.Serializer[Any]], request: Request) -> Checked:
    """Return the checked parameters of an address."""
    return check(form, request.query_params)


def check_body(form: type[serializers.Serializer[Any]], request: Request) -> Checked:
    """Return the checked parameters of a body."""
    if not isinstance(request.data, Mapping):
        raise serializers.ValidationError("the body must be a JSON object")
    return check(form, request.data)


def page_of(checked: Checked) -> Page:
    """Return the part of the list that is wanted."""
    return Page(checked["limit"], checked["skip"])


class Format(serializers.Serializer[Any]):
    """The form of the answer."""

    format = serializers.ChoiceField(
        FORMATS,
        default="json",
        help_text="json, csv or parquet",
        error_messages={"invalid_choice": f"must be one of {', '.join(FORMATS)}"},
    )


class JsonAlone(serializers.Serializer[Any]):
    """The form of an answer whose rows have no columns in common."""

    format = serializers.ChoiceField(
        FORMATS[:1],
        required=False,
        error_messages={"invalid_choice": "must be json: catalogs have columns of their own"},
    )


CONE = ("ra", "dec", "radius_arcsec")


def _radius(**options: Any) -> Number:
    return Number(
        0, MAX_RADIUS_ARCSEC, low_is_out=True, help_text="radius of the cone [arcsec]", **options
    )


class AlertParameters(FilterParameters, Format):
    """Exactly one of an object, a cone, or a time of at most a day."""

    object_id = serializers.CharField(
        required=False, max_length=_MAX_NAME, help_text="whole name of an object"
    )
    ra = right_ascension(required=False)
    dec = declination(required=False)
    radius_arcsec = _radius(required=False)
    limit = Whole(1, MAX_ALERTS, default=MAX_ALERTS, help_text="most alerts of the answer")
    skip = Whole(0, MAX_SKIP, default=0, help_text="alerts to pass over, in order of candid")

    def validate(self, attrs: Checked) -> Checked:
        """Refuse none or two selectors, and half ones."""
        attrs = super().validate(attrs)
        given = [name for name in CONE if name in attrs]
        if "object_id" in attrs and given:
            raise serializers.ValidationError(
                {"object_id": "must not be given with a position: choose one"}
            )
        if given and len(given) < len(CONE):
            missing = [name for name in CONE if name not in attrs]
            raise serializers.ValidationError(
                dict.fromkeys(missing, "needed: a cone has ra, dec and radius_arcsec")
            )
        if not given and "object_id" not in attrs:
            _require_window(attrs, MAX_WINDOW_D)
        return attrs


def _require_window(attrs: Checked, most_d: float) -> None:
    missing = [name for name in ("start_jd", "end_jd") if name not in attrs]
    if missing:
        rule = "needed, or object_id, or ra, dec and radius_arcsec"
        raise serializers.ValidationError(dict.fromkeys(missing, rule))
    if attrs["end_jd"] - attrs["start_jd"] > most_d:
        raise serializers.ValidationError(
            {"end_jd": f"must be at most {most_d:g} d after start_jd"}
        )


class ConeBatch(FilterParameters):
    """Many cones of one radius."""

    coordinates = Places(MAX_CONES, help_text='{"name": [ra, dec]}, ICRS [deg]')
    radius_arcsec = _radius()


class ObjectConeBatch(serializers.Serializer[Any]):
    """Many cones of one radius."""

    coordinates = Places(MAX_CONES, help_text='{"name": [ra, dec]}, ICRS [deg]')
    radius_arcsec = _radius()


class SkymapSearch(FilterParameters):
    """A region, and a time of at most a week."""

    skymap_fits_base64 = Base64(required=False, help_text="HEALPix map, flat or multi-order")
    moc_fits_base64 = Base64(required=False, help_text="MOC")
    credible_level = Number(
        0, 1, low_is_out=True, required=False, help_text="of the map; 0.9 if not given"
    )
    start_jd = Number(help_text="earliest time [JD, UTC]")
    end_jd = Number(help_text="latest time [JD, UTC]")
    limit = Whole(1, MAX_SKYMAP_ALERTS, default=MAX_SKYMAP_ALERTS, help_text="most alerts")

    def validate(self, attrs: Checked) -> Checked:
        """Refuse two regions or none, a level with a MOC, and a time that is empty or too long."""
        attrs = super().validate(attrs)
        if ("skymap_fits_base64" in attrs) == ("moc_fits_base64" in attrs):
            raise serializers.ValidationError(
                {"skymap_fits_base64": "exactly one of skymap_fits_base64 and moc_fits_base64"}
            )
        if "moc_fits_base64" in attrs and "credible_level" in attrs:
            raise serializers.ValidationError({"credible_level": "only with skymap_fits_base64"})
        if not 0 < attrs["end_jd"] - attrs["start_jd"] <= MAX_SKYMAP_WINDOW_D:
            rule = f"must be after start_jd, by at most {MAX_SKYMAP_WINDOW_D:g} d"
            raise serializers.ValidationError({"end_jd": rule})
        return attrs


class ObjectSearch(Format):
    """A part of a name, or a cone."""

    object_id = serializers.CharField(
        required=False, max_length=_MAX_NAME, help_text="beginning of a name"
    )
    ra = right_ascension(required=False)
    dec = declination(required=False)
    radius = Number(
        0, MAX_RADIUS_ARCSEC, low_is_out=True, required=False, help_text="of the cone [arcsec]"
    )
    limit = Whole(1, MAX_FOUND_OBJECTS, default=10, help_text="most objects of the answer")

    def validate(self, attrs: Checked) -> Checked:
        """Refuse both ways at once, and half a position."""
        cone = ("ra", "dec", "radius")
        given = [name for name in cone if name in attrs]
        if "object_id" in attrs and given:
            raise serializers.ValidationError(
                {"object_id": "must not be given with a position: choose one"}
            )
        if "object_id" not in attrs and len(given) < len(cone):
            missing = [name for name in cone if name not in attrs]
            rule = "needed: object_id, or ra, dec and radius"
            raise serializers.ValidationError(dict.fromkeys(missing, rule))
        return attrs


class ObjectNames(serializers.Serializer[Any]):
    """Whole names of objects; ``objectIds`` and ``object_ids`` are the same."""

    objectIds = serializers.ListField(  # noqa: N815 the wire's name
        child=Text(max_length=_MAX_NAME),
        required=False,
        max_length=MAX_MATCH_OBJECTS,
    )
    object_ids = serializers.ListField(
        child=Text(max_length=_MAX_NAME),
        required=False,
        max_length=MAX_MATCH_OBJECTS,
    )

    def validate(self, attrs: Checked) -> Checked:
        """Return the names under one key; refuse none, and two lists."""
        refuse_two(attrs, "object_ids", "objectIds")
        names = attrs.get("object_ids") or attrs.get("objectIds")
        if not names:
            rule = f"must have 1 to {MAX_MATCH_OBJECTS} names"
            raise serializers.ValidationError({"object_ids": rule})
        return {"object_ids": names}


class OneAlert(serializers.Serializer[Any]):
    """An alert, or an object."""

    candid = Candid(required=False, help_text="id of the alert")
    objectId = serializers.CharField(  # noqa: N815 the wire's name
        required=False, max_length=_MAX_NAME, help_text="whole name of an object"
    )

    def validate(self, attrs: Checked) -> Checked:
        """Refuse neither."""
        if "candid" not in attrs and "objectId" not in attrs:
            raise serializers.ValidationError({"candid": "needed, or objectId"})
        return attrs


class CutoutParameters(OneAlert):
    """An alert, or an object and which of its alerts; candid wins."""

    candid = Candid(
        of_tests_too=True, required=False, help_text="id of the alert; negative: of a test alert"
    )
    which = serializers.ChoiceField(
        WHICH,
        default="brightest",
        help_text="which alert of the object",
        error_messages={"invalid_choice": f"must be one of {', '.join(WHICH)}"},
    )
    band = serializers.ChoiceField(
        BANDS,
        required=False,
        help_text="among the object's alerts in one band",
        error_messages={"invalid_choice": f"must be one of {', '.join(BANDS)}"},
    )


class FitParameters(OneAlert):
    """An alert, or an object and which of its alerts; candid wins."""

    which = serializers.ChoiceField(
        WHICH,
        default="last",
        help_text="which fitted alert of the object",
        error_messages={"invalid_choice": f"must be one of {', '.join(WHICH)}"},
    )


class Candids(serializers.Serializer[Any]):
    """Ids of alerts."""

    candids = serializers.ListField(
        child=Candid(of_tests_too=True), min_length=1, max_length=MAX_CANDIDS
    )


class Nights(serializers.Serializer[Any]):
    """First and last night."""

    start_date = serializers.DateField(help_text="first night, 2018-01-01 or later")
    end_date = serializers.DateField(help_text="last night, today or earlier, 400 days at most")
    survey = serializers.CharField(required=False, help_text="ztf or lsst; both if not given")
