"""What the frame of every page needs to know."""

from typing import Any

from django.http import HttpRequest

from broker.config import config


def context(request: HttpRequest) -> dict[str, Any]:
    """Return the variables of ``base.html``: who is signed in, who runs this, where we are."""
    settings = config()
    return {
        "account": getattr(request, "account", None),
        "operator": settings.operator,
        "public_url": settings.web.public_url,
        "section": request.path.strip("/").partition("/")[0],
    }
