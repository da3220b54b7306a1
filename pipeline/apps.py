"""The Django app that shows what the streams wrote; it owns no table."""

from django.apps import AppConfig


class PipelineConfig(AppConfig):
    """Mirrors of the stream tables."""

    name = "pipeline"
    verbose_name = "Streams"
