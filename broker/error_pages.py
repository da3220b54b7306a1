"""What went wrong, as a page for people and as JSON for programs."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.template.loader import render_to_string

from broker.access import wants_json

TEXTS = {
    400: "The request is malformed.",
    403: "This is not allowed.",
    404: "There is nothing here.",
    405: "That is not how this page is used.",
    411: "The request does not say how long it is.",
    413: "The request is too large.",
    429: "Too many requests: wait a moment.",
    500: "Something broke. It was noted; please try again later.",
    503: "The database does not answer. Wait a moment, then load the page again.",
}


def answer(request: HttpRequest, status: int, message: str) -> HttpResponse:
    """Return an error in the form that fits whoever asks."""
    if wants_json(request):
        return JsonResponse({"message": message, "errors": {}}, status=status)
    context = {"title": HTTPStatus(status).phrase, "text": TEXTS[status], "message": message}
    # Without the request: nothing that an error page shows may need a session or the database.
    return HttpResponse(render_to_string("broker/error.html", context), status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400."""
    return answer(request, 400, "malformed request")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 403."""
    return answer(request, 403, "not allowed")


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form that was not ours, or stood open for too long."""
    return answer(request, 403, "the form was too old: load its page again and repeat")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    return answer(request, 404, "not found")


def server_error(request: HttpRequest) -> HttpResponse:
    """Answer 500; Django has logged why."""
    return answer(request, 500, "internal error")
