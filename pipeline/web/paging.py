"""Which page of a list is asked for."""

from django.http import Http404, HttpRequest

MAX_PAGE = 10_000


def page_number(request: HttpRequest) -> int:
    """Return the page that ``page`` names, from 1.

    Raises
    ------
    Http404
        If it names none.
    """
    wanted = request.GET.get("page", "1")
    is_number = wanted.isascii() and wanted.isdigit() and 1 <= int(wanted[:9]) <= MAX_PAGE
    if not is_number:
        raise Http404(f"page: a number from 1 to {MAX_PAGE}")
    return int(wanted)
