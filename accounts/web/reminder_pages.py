"""The page behind the link of a reminder: hear no more of expiring tokens, or do again."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods

from accounts import reminders
from broker.access import PUBLIC, access


@csrf_exempt  # the key of the mail permits it; mail programs press this button too (RFC 8058)
@access(PUBLIC)
@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def switch(request: HttpRequest) -> HttpResponse:
    """Show whether an account gets reminders; a POST turns them off, or on if it says so."""
    user = reminders.owner(request.GET.get("key", ""))
    if user is None:
        raise Http404("this link is not whole, or its account is gone")
    if request.method == "POST":
        user.wants_reminders = request.POST.get("reminders") == "on"
        reminders.switch(user, is_wanted=user.wants_reminders)
    return render(request, "accounts/reminders.html", {"user": user})
