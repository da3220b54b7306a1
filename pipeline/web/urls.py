"""Pages of the data."""

from django.urls import path

from pipeline.web import start, views

urlpatterns = [
    path("", views.home, name="home"),
    path("start", start.start, name="start"),
    path("start/nightjar.ipynb", start.notebook),
]
