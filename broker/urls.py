"""Every URL of the web process; flows add theirs by including their ``web.urls``."""

from django.contrib import admin
from django.urls import path

from broker import health

admin.site.site_header = "Nightjar"
admin.site.site_title = "Nightjar"
admin.site.index_title = "Streams and staff"
admin.site.site_url = None

urlpatterns = [
    path("health", health.page, name="health"),
    path("admin/", admin.site.urls),
]
