"""Tables of users' filters: what their owners wrote and want; workers only read them.

Workers know the names of these columns (``pipeline.user_filters``), as no package imports another.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from broker.choices import words_of
from broker.filter_book import DIGESTS, NAME_PATTERN, TOPIC_STATES, WISHES


def _one_of(column: str, words: tuple[str, ...]) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(**{f"{column}__in": words}), name=f"user_filters_{column}"
    )


class UserFilter(models.Model):
    """One filter of an account; its name is never used for another."""

    owner = models.ForeignKey(
        "accounts.BabamulUser",
        models.SET_NULL,
        null=True,
        related_name="filters",
        help_text="null: the account is forgotten",
    )
    name = models.TextField(unique=True, help_text="also of the topic babamul.filter.NAME")
    survey = models.TextField()
    description = models.TextField(default="", db_default="")
    is_public = models.BooleanField(
        default=False, db_default=False, help_text="others may see the definition"
    )
    wish = models.TextField(
        choices=words_of(WISHES), default="draft", db_default="draft", help_text="the owner's"
    )
    live_number = models.PositiveIntegerField(null=True, help_text="version that is live, or was")
    started_at = models.DateTimeField(null=True, help_text="a pause before that is over")
    topic_state = models.TextField(
        choices=words_of(TOPIC_STATES), default="none", db_default="none"
    )
    topic_error = models.TextField(
        default="", db_default="", help_text="of the last try to make or delete the topic"
    )
    digest = models.TextField(choices=words_of(DIGESTS), default="none", db_default="none")
    created_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Django's options."""

        app_label = "accounts"
        db_table = "user_filters"
        verbose_name = "user's filter"
        constraints: ClassVar = [
            _one_of("wish", WISHES),
            _one_of("topic_state", TOPIC_STATES),
            _one_of("digest", DIGESTS),
            models.CheckConstraint(
                condition=Q(name__regex=f"^{NAME_PATTERN}$"), name="user_filters_name"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["id"],
                condition=Q(wish="live") | Q(topic_state__in=("wanted", "removing")),
                name="user_filters_at_work",
            )
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """What its owner wants, for the pages of staff."""
        return self.wish


class UserFilterVersion(models.Model):
    """One version of a filter; it never changes."""

    filter = models.ForeignKey(UserFilter, models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField(help_text="from 1")
    expression = models.TextField(help_text="checked when it was saved")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        """Django's options."""

        app_label = "accounts"
        db_table = "user_filter_versions"
        verbose_name = "version of a filter"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["filter", "number"], name="user_filter_versions_number")
        ]

    def __str__(self) -> str:
        return f"{self.filter_id} version {self.number}"
