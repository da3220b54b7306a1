"""What the routes of accounts read and answer; the OpenAPI description is made of these."""

from datetime import datetime
from typing import Any, ClassVar

from rest_framework import serializers

from accounts.models import AccessToken, BabamulUser, KafkaCredential
from accounts.tokens import LEAST_DAYS, MOST_DAYS, USUAL_DAYS
from broker.rest_fields import Flag, Text

LONGEST_EMAIL = 320
LONGEST_CODE = 200
LONGEST_PASSWORD = 1000
"""Characters that are read at all; what may be one is for its own rule to say."""
LONGEST_NAME = 64


class UnixSecondsField(serializers.IntegerField):
    """A time as whole seconds since 1970 UTC."""

    def to_representation(self, value: datetime) -> int:  # type: ignore[override] # reads times
        """Return the seconds."""
        return int(value.timestamp())


class NameField(Text):
    """A person's own word for a thing: one line."""

    default_error_messages: ClassVar[dict[str, Any]] = {"line": "must be one printable line"}

    def to_internal_value(self, data: Any) -> str:
        """Return the name without blanks around it."""
        name: str = super().to_internal_value(data)
        if not name.isprintable():
            self.fail("line")
        return name


class EmailOnly(serializers.Serializer[Any]):
    """An address."""

    email = Text(max_length=LONGEST_EMAIL)


class ActivationRequest(EmailOnly):
    """An address and the code that was mailed to it."""

    activation_code = Text(max_length=LONGEST_CODE)


class LoginRequest(serializers.Serializer[Any]):
    """An address, under either of its names, and the password; further fields are ignored."""

    email = Text(max_length=LONGEST_EMAIL, required=False)
    username = Text(
        max_length=LONGEST_EMAIL, required=False, help_text="the e-mail, as OAuth names it"
    )
    password = Text(max_length=LONGEST_PASSWORD, trim_whitespace=False)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """Demand one of the two names."""
        if not (attrs.get("email") or attrs.get("username")):
            raise serializers.ValidationError({"email": ["is needed, or username"]})
        return attrs


class PasswordOnly(serializers.Serializer[Any]):
    """The account's password, asked again before what cannot be undone."""

    password = Text(max_length=LONGEST_PASSWORD, trim_whitespace=False)


class ResetRequest(EmailOnly):
    """A mailed code and the password that shall be the new one."""

    token = Text(max_length=LONGEST_CODE)
    new_password = Text(max_length=LONGEST_PASSWORD, trim_whitespace=False)
    revoke_all = Flag(default=False, help_text="also end personal tokens and named credentials")


class NameRequest(serializers.Serializer[Any]):
    """A name for something new."""

    name = NameField(max_length=LONGEST_NAME)


class TokenRequest(NameRequest):
    """A name for a token, and how long it shall hold."""

    expires_in_days = serializers.IntegerField(
        default=USUAL_DAYS, min_value=LEAST_DAYS, max_value=MOST_DAYS
    )


class Login(serializers.Serializer[Any]):
    """A JWT."""

    access_token = serializers.CharField()
    token_type = serializers.CharField()
    expires_in = serializers.IntegerField(help_text="[s]")


class Profile(serializers.ModelSerializer[BabamulUser]):
    """An account as its owner sees it."""

    _id = serializers.UUIDField(source="id")
    created_at = UnixSecondsField()
    activated_at = UnixSecondsField(allow_null=True)
    kafka_username = serializers.SerializerMethodField()

    class Meta:
        """The framework's options."""

        model = BabamulUser
        fields = ("_id", "username", "email", "created_at", "activated_at", "kafka_username")

    def get_kafka_username(self, user: BabamulUser) -> str:
        """Return a user name that Kafka knows: the address where it is one, or the first other."""
        alive = user.credentials.exclude(state__in=("revoking", "revoked"))
        first = alive.order_by("kind", "created_at", "pk").first()  # the kind email, then named
        return first.principal if first else ""


class Credential(serializers.ModelSerializer[KafkaCredential]):
    """A named Kafka credential; its password is shown only when it is made."""

    kafka_username = serializers.CharField(source="principal")
    kafka_password = serializers.SerializerMethodField()
    created_at = UnixSecondsField()

    class Meta:
        """The framework's options."""

        model = KafkaCredential
        fields = (
            "id",
            "name",
            "kafka_username",
            "kafka_password",
            "group_prefix",
            "created_at",
            "state",
            "note",
        )

    def get_kafka_password(self, row: KafkaCredential) -> str | None:  # noqa: ARG002 of the framework
        """Return the password that was just drawn, else None."""
        found: str | None = self.context.get("password")
        return found


class PersonalToken(serializers.ModelSerializer[AccessToken]):
    """A personal token without its secret."""

    created_at = UnixSecondsField()
    expires_at = UnixSecondsField()
    last_used_at = UnixSecondsField(allow_null=True)

    class Meta:
        """The framework's options."""

        model = AccessToken
        fields: tuple[str, ...] = (
            "id",
            "name",
            "created_at",
            "expires_at",
            "last_used_at",
            "last_characters",
        )


class NewPersonalToken(PersonalToken):
    """A personal token with its secret, this once."""

    access_token = serializers.SerializerMethodField()

    class Meta(PersonalToken.Meta):
        """The framework's options."""

        fields = (*PersonalToken.Meta.fields, "access_token")

    def get_access_token(self, row: AccessToken) -> str:  # noqa: ARG002 of the framework
        """Return the token that was just drawn."""
        return str(self.context["token"])
