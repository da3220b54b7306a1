"""Pages of the data."""

from django.urls import path

from pipeline.web import views

urlpatterns = [path("", views.home, name="home")]
