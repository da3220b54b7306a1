"""REST of the data: under ``/babamul/``, and the Virtual Observatory's ``/vo/``."""

from django.urls import URLPattern, URLResolver

urlpatterns: list[URLPattern | URLResolver] = []
