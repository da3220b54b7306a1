"""The forms of account pages; the rules of addresses and passwords stand elsewhere."""

from typing import Any

from django import forms

from accounts.tokens import LEAST_DAYS, MOST_DAYS, USUAL_DAYS
from accounts.web.serializers import (
    LONGEST_CODE,
    LONGEST_EMAIL,
    LONGEST_NAME,
    LONGEST_PASSWORD,
)
from broker.refusals import ApiError

FIELDS_OF_REST = {"new_password": "password", "token": "code", "activation_code": "code"}
"""Fields of these forms by the names that REST gives them."""


def _email_field() -> forms.CharField:
    return forms.CharField(
        label="E-mail",
        max_length=LONGEST_EMAIL,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
    )


def _code_field() -> forms.CharField:
    return forms.CharField(
        label="Code from the mail",
        max_length=LONGEST_CODE,
        widget=forms.TextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )


def _password_field(autocomplete: str, **options: Any) -> forms.CharField:
    widget = forms.PasswordInput(attrs={"autocomplete": autocomplete})
    options = {"label": "Password", "max_length": LONGEST_PASSWORD, "strip": False, **options}
    return forms.CharField(widget=widget, **options)


class PageForm(forms.Form):
    """A form that can also show what was refused behind it."""

    def refuse(self, error: ApiError) -> None:
        """Show a refusal at the field that it names, or above all."""
        for field, rules in error.errors.items():
            name = FIELDS_OF_REST.get(field, field)
            self.add_error(name if name in self.fields else None, rules)
        if not error.errors:
            self.add_error(None, _sentence(error.message))


class EmailForm(PageForm):
    """An address."""

    email = _email_field()


class ActivationForm(EmailForm):
    """An address and the code that was mailed to it."""

    code = _code_field()


class LoginForm(EmailForm):
    """An address and the password."""

    password = _password_field("current-password")


class ResetForm(ActivationForm):
    """A mailed code and the password that shall be the new one."""

    password = _password_field(
        "new-password",
        label="New password",
        help_text="12 to 128 characters, with upper and lower case, a digit and a special one",
    )
    revoke_all = forms.BooleanField(
        label="Also end personal tokens and named Kafka credentials", required=False
    )


class NameForm(PageForm):
    """A name for something new."""

    name = forms.CharField(
        label="Name", max_length=LONGEST_NAME, help_text="yours to tell them apart, such as laptop"
    )

    def clean_name(self) -> str:
        """Refuse what cannot be shown on one line."""
        name: str = self.cleaned_data["name"]
        if not name.isprintable():
            raise forms.ValidationError("must be one printable line")
        return name


class TokenForm(NameForm):
    """A name for a token, and how long it shall hold."""

    days = forms.IntegerField(
        label="Good for how many days",
        min_value=LEAST_DAYS,
        max_value=MOST_DAYS,
        initial=USUAL_DAYS,
    )


class DeletionForm(PageForm):
    """The account's address, typed again."""

    email = forms.CharField(
        label="Your e-mail, to confirm",
        max_length=LONGEST_EMAIL,
        widget=forms.EmailInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
    )


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")
