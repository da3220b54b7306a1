"""Pages of the data."""

from django.urls import path

from pipeline.web import doc_pages, schema_pages, start, status_pages, topic_pages, views

urlpatterns = [
    path("", views.home, name="home"),
    path("start", start.start, name="start"),
    path("start/nightjar.ipynb", start.notebook),
    path("topics", topic_pages.index, name="topics"),
    path("topics/<str:name>", topic_pages.topic, name="topic"),
    path("schemas/<str:name>.avsc", schema_pages.avsc, name="avsc"),
    path("schemas/<str:name>", schema_pages.schema, name="schema"),
    path("schemas/<str:name>/sample", schema_pages.sample, name="sample"),
    path("schemas/<str:name>/sample.json", schema_pages.sample_json, name="sample_json"),
    path("schemas/<str:name>/sample.avro", schema_pages.sample_avro, name="sample_avro"),
    path("status", status_pages.page, name="status"),
    path("status.json", status_pages.status_json, name="status_json"),
    path("guide", doc_pages.guide, name="guide"),
    path("terms", doc_pages.terms, name="terms"),
    path("privacy", doc_pages.privacy, name="privacy"),
]
