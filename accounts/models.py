"""People's tables. Staff are Django's own users; these are the astronomers' accounts.

Those of users' filters stand in ``filter_models``.

A Babamul user is no Django user: neither kind of login can become the other. Only ``StaffRecord``
belongs to a Django user. States are text with a check; the natural keys are constraints.
"""

import uuid
from typing import ClassVar

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from accounts.filter_models import UserFilter, UserFilterVersion  # noqa: F401 Django looks here
from broker.choices import words_of
from broker.kafka_types import USUAL_SUFFIX

ACCOUNT_STATES = ("inactive", "active", "suspended", "deleting", "deleted")
CREDENTIAL_STATES = (
    "wanted",
    "granting",
    "active",
    "suspending",
    "suspended",
    "needs_rotation",
    "revoking",
    "revoked",
)
CREDENTIAL_KINDS = ("email", "named", "service")
CODE_PURPOSES = ("activation", "reset")
MAIL_STATES = ("waiting", "sent", "expired", "failed")


def _one_of(column: str, words: tuple[str, ...]) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(**{f"{column}__in": words}), name=f"%(class)s_{column}"
    )


class BabamulUser(models.Model):
    """Somebody who may read the public streams."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.TextField(unique=True, help_text="lower case; replaced when the account is gone")
    username = models.TextField(help_text="display name, not unique: the address's local part")
    password = models.TextField(help_text="Argon2id hash")
    state = models.TextField(choices=words_of(ACCOUNT_STATES), default="inactive")
    generation = models.PositiveIntegerField(
        default=0, help_text="raised by reset, suspension and deletion: older JWTs are refused"
    )
    created_at = models.DateTimeField(db_default=Now())
    activated_at = models.DateTimeField(null=True)
    password_changed_at = models.DateTimeField(null=True)
    last_seen_at = models.DateTimeField(null=True, help_text="written at most once a minute")
    wants_reminders = models.BooleanField(
        default=True, db_default=True, help_text="is told by mail before a token expires"
    )
    deleted_at = models.DateTimeField(null=True)

    class Meta:
        """Django's options."""

        db_table = "babamul_users"
        verbose_name = "account"
        permissions: ClassVar = [
            ("govern_babamuluser", "Can suspend, restore, rotate and delete accounts")
        ]
        constraints: ClassVar = [_one_of("state", ACCOUNT_STATES)]

    def __str__(self) -> str:
        return self.email

    @property
    def is_active(self) -> bool:
        """Whether the account may log in."""
        return self.state == "active"

    @property
    def is_authenticated(self) -> bool:
        """Tell the REST framework that this is somebody."""
        return True


class OneTimeCode(models.Model):
    """A code that was mailed: it activates an account or allows a new password, once."""

    user = models.ForeignKey(BabamulUser, models.CASCADE, related_name="codes")
    purpose = models.TextField(choices=words_of(CODE_PURPOSES))
    code_hmac = models.BinaryField(help_text="HMAC-SHA-256 of the code")
    tries = models.PositiveSmallIntegerField(default=0, help_text="wrong ones; the 100th kills it")
    tries_by = models.JSONField(
        db_default={},
        default=dict,
        help_text="wrong ones by asker, hashed; an asker with five is refused",
    )
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    voided_at = models.DateTimeField(null=True, help_text="by a newer one, or by wrong tries")

    class Meta:
        """Django's options."""

        db_table = "babamul_codes"
        verbose_name = "mailed code"
        constraints: ClassVar = [_one_of("purpose", CODE_PURPOSES)]

    def __str__(self) -> str:
        return f"{self.purpose} of {self.user_id}"


class WebSession(models.Model):
    """One browser that an account is signed in with."""

    user = models.ForeignKey(BabamulUser, models.CASCADE, related_name="sessions")
    key_sha256 = models.BinaryField(unique=True, help_text="of the cookie's 256 random bits")
    agent = models.TextField(default="", help_text="the browser's own words")
    created_at = models.DateTimeField(db_default=Now())
    last_seen_at = models.DateTimeField(db_default=Now(), help_text="at most once a minute")

    class Meta:
        """Django's options."""

        db_table = "babamul_sessions"
        verbose_name = "web session"

    def __str__(self) -> str:
        return f"session of {self.user_id}"


class AccessToken(models.Model):
    """A personal access token; the token itself was shown once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(BabamulUser, models.CASCADE, related_name="tokens")
    name = models.TextField()
    secret_sha256 = models.TextField(unique=True, help_text="hex, of the 36 characters")
    last_characters = models.CharField(max_length=4, help_text="shown, to tell tokens apart")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, help_text="written at most once a minute")
    warned_days = models.PositiveSmallIntegerField(
        null=True, help_text="its owner was told that so many days or fewer are left [d]"
    )

    class Meta:
        """Django's options."""

        db_table = "babamul_tokens"
        verbose_name = "access token"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name"], name="babamul_tokens_name")
        ]

    def __str__(self) -> str:
        return self.name


class KafkaCredential(models.Model):
    """What one principal at Kafka shall be, and how far that is true."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(
        BabamulUser,
        models.CASCADE,
        null=True,
        related_name="credentials",
        help_text="whose it is; a service's is nobody's",
    )
    kind = models.TextField(choices=words_of(CREDENTIAL_KINDS))
    name = models.TextField(help_text="the user's own word for it")
    principal = models.TextField(
        help_text="Kafka user name: the address, babamul-<uuid4>, or a service's own"
    )
    group_prefix = models.TextField(help_text="consumer groups that it may use begin so")
    rights = models.JSONField(
        null=True, help_text="all that a service may do; a person reads the public topics"
    )
    state = models.TextField(choices=words_of(CREDENTIAL_STATES), default="wanted")
    generation = models.PositiveIntegerField(
        default=1, help_text="raised by each change that is wanted; a task of an older one ends"
    )
    secret_encrypted = models.BinaryField(
        null=True, help_text="Fernet; only until Kafka has confirmed it"
    )
    secret_expires_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True, help_text="a task works on it until then")
    tries = models.PositiveIntegerField(default=0)
    next_try_at = models.DateTimeField(null=True)
    note = models.TextField(default="", help_text="what its owner should know")
    last_error = models.TextField(default="", help_text="of the last try, for the admin")
    created_at = models.DateTimeField(db_default=Now())
    confirmed_at = models.DateTimeField(
        null=True, help_text="Kafka last showed the state that this row names"
    )

    class Meta:
        """Django's options."""

        db_table = "babamul_credentials"
        verbose_name = "Kafka credential"
        constraints: ClassVar = [
            _one_of("state", CREDENTIAL_STATES),
            _one_of("kind", CREDENTIAL_KINDS),
            models.UniqueConstraint(
                fields=["principal"],
                condition=~Q(state="revoked"),
                name="babamul_credentials_principal",
            ),
            models.CheckConstraint(
                condition=Q(kind="service", user__isnull=True, rights__isnull=False)
                | (~Q(kind="service") & Q(user__isnull=False, rights__isnull=True)),
                name="babamul_credentials_service",
            ),
        ]

    def __str__(self) -> str:
        return self.principal

    def group(self, suffix: str = USUAL_SUFFIX) -> str:
        """Return the consumer group with this end that no other account is given.

        Nobody else may join those of a named credential. Those of addresses share a prefix, so the
        account's id parts them: a shared group would give each of two readers half of the stream.
        """
        own = self.group_prefix.rstrip("-")
        owner = self.user_id if self.kind == "email" else None
        unique = f"-{owner.hex[:8]}" if owner else ""
        return f"{own}{unique}-{suffix}"


class OutboxMail(models.Model):
    """A mail that waits for the mail server; its text is wiped once it is gone."""

    to = models.TextField()
    subject = models.TextField()
    body_encrypted = models.BinaryField(null=True, help_text="Fernet; text and HTML as JSON")
    state = models.TextField(choices=words_of(MAIL_STATES), default="waiting")
    tries = models.PositiveSmallIntegerField(default=0)
    next_try_at = models.DateTimeField(db_default=Now())
    last_error = models.TextField(default="")
    attempts = models.JSONField(
        default=list, db_default=[], help_text="of each try its time, and what came of it"
    )
    once = models.TextField(
        default="", db_default="", help_text="what no second mail is written about; mostly nothing"
    )
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)

    class Meta:
        """Django's options."""

        db_table = "mail_outbox"
        verbose_name = "mail"
        constraints: ClassVar = [
            _one_of("state", MAIL_STATES),
            models.UniqueConstraint(
                fields=["once"], condition=~Q(once=""), name="mail_outbox_once"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["next_try_at"], condition=Q(state="waiting"), name="mail_outbox_waiting"
            )
        ]

    def __str__(self) -> str:
        return f"{self.subject} to {self.to}"


class AuditEntry(models.Model):
    """Who did what to whom, when and why; never changed."""

    at = models.DateTimeField(db_default=Now())
    actor = models.TextField(help_text="staff:<name>, account:<uuid> or nightjar")
    action = models.TextField(help_text="suspend, restore, rotate, revoke, delete, activate …")
    target = models.TextField(help_text="account:<uuid>, credential:<uuid>, token:<uuid>")
    why = models.TextField(default="")

    class Meta:
        """Django's options."""

        db_table = "accounts_audit"
        verbose_name = "audit entry"
        verbose_name_plural = "audit trail"
        indexes: ClassVar = [models.Index(fields=["target", "at"], name="accounts_audit_target")]

    def __str__(self) -> str:
        return f"{self.action} {self.target}"


class DriftReport(models.Model):
    """What the last comparison of our rows with Kafka's own listing found."""

    at = models.DateTimeField(db_default=Now())
    lines = models.JSONField(
        help_text="a list of {principal, ours, kafka, repair}: what differs, and what was done"
    )
    error = models.TextField(default="", help_text="why Kafka could not be compared")

    class Meta:
        """Django's options."""

        db_table = "accounts_drift_reports"
        verbose_name = "drift report"

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} UTC"


class SafeMode(models.Model):
    """A time after a restore in which differences from Kafka are proposed, not mended."""

    began_at = models.DateTimeField(db_default=Now())
    why = models.TextField(help_text="which backup was restored")
    held = models.JSONField(help_text="[credential, generation] of wishes that wait until it ends")
    ended_at = models.DateTimeField(null=True, help_text="null: it is on")
    ended_by = models.TextField(default="", help_text="as in the audit trail")

    class Meta:
        """Django's options."""

        db_table = "accounts_safe_modes"
        verbose_name = "safe mode of credentials"

    def __str__(self) -> str:
        return f"since {self.began_at:%Y-%m-%d %H:%M} UTC"


class StaffToken(models.Model):
    """A token of a member of staff for programs; the token itself was shown once."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, models.CASCADE, related_name="staff_tokens")
    name = models.CharField(max_length=100, help_text="what it is for")
    secret_sha256 = models.TextField(unique=True, help_text="hex, of the 36 characters")
    last_characters = models.CharField(max_length=4, help_text="shown, to tell tokens apart")
    created_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()
    last_used_at = models.DateTimeField(null=True, help_text="written at most once a minute")

    class Meta:
        """Django's options."""

        db_table = "staff_tokens"
        verbose_name = "token of staff"
        verbose_name_plural = "tokens of staff"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["user", "name"], name="staff_tokens_name")
        ]

    def __str__(self) -> str:
        return f"{self.name} of {self.user}"


class StaffRecord(models.Model):
    """What we know of a member of staff beside Django's own user."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.CASCADE, related_name="staff_record"
    )
    slack_user_id = models.CharField(
        max_length=32,
        unique=True,
        validators=[
            RegexValidator(r"^[UW][A-Z0-9]+$", "a Slack user id is U or W, capitals and digits")
        ],
        help_text="Slack's member id (U0123ABCD): that person's clicks carry this user's roles",
    )

    class Meta:
        """Django's options."""

        db_table = "staff_records"
        verbose_name = "staff record"

    def __str__(self) -> str:
        return f"{self.user} is {self.slack_user_id} in Slack"
