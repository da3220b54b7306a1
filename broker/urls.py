"""Every URL of the web process; flows add theirs by including their ``web.urls``.

Each view says beside itself who may open it: ``broker.access``. Those of Django's admin ask for
staff by themselves.
"""

from django.contrib import admin
from django.urls import include, path

from broker import api_docs, health

admin.autodiscover()
admin.site.site_header = "Nightjar"
admin.site.site_title = "Nightjar"
admin.site.index_title = "Streams and staff"
admin.site.site_url = None
admin.site.enable_nav_sidebar = False  # wide tables need the room

urlpatterns = [
    path("health", health.page, name="health"),
    path("admin/", admin.site.urls),
    path("babamul/docs", api_docs.swagger, name="api_docs"),
    path("babamul/openapi.json", api_docs.openapi, name="openapi"),
    path("api/openapi.json", api_docs.staff_openapi, name="staff_openapi"),
    path("", include("accounts.web.urls")),  # by name: broker imports no flow
    path("", include("pipeline.web.urls")),
    path("", include("pipeline.web.api.urls")),
]
handler400 = "broker.error_pages.bad_request"
handler403 = "broker.error_pages.permission_denied"
handler404 = "broker.error_pages.not_found"
handler500 = "broker.error_pages.server_error"
