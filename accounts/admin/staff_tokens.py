"""Tokens of staff for programs: made here and shown once, taken back by deleting them."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib import admin
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from typing_extensions import override

from accounts.models import StaffToken
from accounts.staff_tokens import new_staff_token
from accounts.tokens import LEAST_DAYS, MOST_DAYS, USUAL_DAYS

if TYPE_CHECKING:  # Django's own classes cannot be subscripted when the code runs
    _ModelAdmin = admin.ModelAdmin[StaffToken]
    _ModelForm = forms.ModelForm[StaffToken]
else:
    _ModelAdmin = admin.ModelAdmin
    _ModelForm = forms.ModelForm


class StaffTokenForm(_ModelForm):
    """Whose token, what for, and for how long."""

    days = forms.IntegerField(
        min_value=LEAST_DAYS, max_value=MOST_DAYS, initial=USUAL_DAYS, label="Good for [d]"
    )

    class Meta:
        """Django's options."""

        model = StaffToken
        fields = ("user", "name")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        staff: Any = self.fields.get("user")  # none on the page of a token that is there
        if staff is not None:
            staff.queryset = User.objects.filter(is_staff=True, is_active=True)


@admin.register(StaffToken)
class StaffTokenAdmin(_ModelAdmin):
    """One token: who, what for, when used; never the token itself."""

    list_display = ("name", "user", "last_characters", "created_at", "expires_at", "last_used_at")
    list_filter = ("user",)
    search_fields = ("name", "user__username")
    form = StaffTokenForm

    @override
    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody changes a token: it is deleted, and another made."""
        return False

    @override
    def get_fields(self, request: HttpRequest, obj: Any = None) -> Any:
        """Return the form's fields, or what is shown of a token."""
        return ("user", "name", "days") if obj is None else self.list_display

    @override
    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Make the token; the request carries it to the page that shows it."""
        given = form.cleaned_data
        row, token = new_staff_token(given["user"], given["name"], given["days"])
        obj.pk = row.pk
        request.made_token = token  # type: ignore[attr-defined] # for response_add

    @override
    def response_add(
        self, request: HttpRequest, obj: Any, post_url_continue: str | None = None
    ) -> HttpResponse:
        """Show the token, this once."""
        context = {
            **self.admin_site.each_context(request),
            "title": f"Token {obj}",
            "opts": self.opts,
            "token": request.made_token,  # type: ignore[attr-defined] # of save_model
        }
        answer = TemplateResponse(request, "admin/accounts/staff_token.html", context)
        answer["Cache-Control"] = "no-store"
        return answer
