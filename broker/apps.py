"""The Django app that holds the commands and pages of no particular flow."""

from django.apps import AppConfig

from broker import logs


class BrokerConfig(AppConfig):
    """Set up logging as soon as Django is."""

    name = "broker"
    verbose_name = "Broker"

    def ready(self) -> None:
        """Route every log line through ``broker.logs``."""
        logs.configure()
