"""Every URL of the web process; flows add theirs by including their ``web.urls``."""

from django.contrib import admin
from django.urls import include, path

from broker import health

admin.site.site_header = "Nightjar"
admin.site.site_title = "Nightjar"
admin.site.index_title = "Streams and staff"
admin.site.site_url = None
admin.site.enable_nav_sidebar = False  # wide tables need the room

urlpatterns = [
    path("health", health.page, name="health"),
    path("admin/", admin.site.urls),
    path("", include("pipeline.web.urls")),  # by name: broker imports no flow
]
