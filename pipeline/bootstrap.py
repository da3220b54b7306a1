"""What our own broker must have before the first packet: topics, and who may do what.

Everything is derived from the topic registry; nothing names a topic twice.
"""

from collections.abc import Iterator

from broker import topic_settings
from broker.config import Config
from broker.kafka_admin import GROUP_PREFIX, PUBLIC_PREFIX, Acl, TopicSpec, anonymous_rights
from pipeline import topics
from pipeline.filters import FILTERS
from pipeline.telescope.rights import connect_rights, pipeline_rights

INPUT_RETENTION_DAYS = 7
LASAIR_PREFIX = "lasair_"
"""Topics that may be read without a login, where a listener asks for none; and their groups."""


def output_topics(settings: Config) -> list[TopicSpec]:
    """Return every topic that we write."""
    kept_ms = settings.babamul.retention_days * topic_settings.DAY_MS
    steady_ms = topics.STEADY_RETENTION_DAYS * topic_settings.DAY_MS
    config = topic_settings.topic_config(settings)
    partitions = settings.kafka.babamul_partitions
    return [
        *(TopicSpec(output.name, partitions, kept_ms, config) for output in topics.OUTPUTS),
        *(TopicSpec(output.name, 1, steady_ms, config) for output in topics.STEADY),
        *selected_topics(settings),
    ]


def selected_topics(settings: Config) -> list[TopicSpec]:
    """Return the topics of selected alerts."""
    selected = settings.selected
    kept_ms = selected.retention_days * topic_settings.DAY_MS
    config = topic_settings.topic_config(settings)
    as_json = [each.json_topic(selected) for each in FILTERS if each.json_is_on(selected)]
    return [
        *(TopicSpec(one.topic(selected), selected.partitions, kept_ms, config) for one in FILTERS),
        *(TopicSpec(name, 1, kept_ms, config) for name in as_json),  # as Lasair's
    ]


def input_topic(settings: Config, name: str) -> TopicSpec:
    """Return an input topic that we carry ourselves: the simulator's, the tests', the demo's."""
    return TopicSpec(
        name,
        settings.kafka.input_partitions,
        INPUT_RETENTION_DAYS * topic_settings.DAY_MS,
        topic_settings.topic_config(settings),
    )


def fixed_input_topics(settings: Config) -> list[TopicSpec]:
    """Return the input topics whose names do not change from night to night."""
    return [
        input_topic(settings, source.topic)
        for stream in topics.STREAMS
        if not (source := settings.streams.named(stream.name)).topic.startswith("^")
        and not source.bootstrap_servers
    ]


def notice_topics(settings: Config) -> list[TopicSpec]:
    """Return GCN's topics as our own broker carries them; none where GCN itself is read."""
    gcn = settings.gcn
    if gcn.client_id or gcn.bootstrap_servers:
        return []
    return [
        TopicSpec(
            gcn.topic_prefix + name,
            1,  # as GCN's: notices of an event stay in order
            INPUT_RETENTION_DAYS * topic_settings.DAY_MS,
            topic_settings.topic_config(settings),
        )
        for stream in topics.NOTICE_STREAMS
        for name in stream.topics
    ]


def lasair_topics(settings: Config) -> list[TopicSpec]:
    """Return the topics of Lasair's filters that our own broker carries."""
    return [
        TopicSpec(
            topic.name,
            1,  # as Lasair's
            INPUT_RETENTION_DAYS * topic_settings.DAY_MS,
            topic_settings.topic_config(settings),
        )
        for topic in settings.lasair.own_topics
    ]


def service_acls(settings: Config) -> list[Acl]:
    """Return the rights of our own principals; none is a super-user but ``admin``."""
    nobodys = anonymous_rights(LASAIR_PREFIX) if settings.kafka.lasair_port else []
    ours = (
        *_pipeline_acls(settings),
        *pipeline_rights(settings),
        *connect_rights(settings),
        *_feed_acls(settings),
    )
    return list(dict.fromkeys([*ours, *nobodys]))


def _pipeline_acls(settings: Config) -> Iterator[Acl]:
    principal = settings.kafka.username
    # READ: pages show the newest message of a topic.
    public = ("WRITE", "READ", "CREATE", "DESCRIBE", "DESCRIBE_CONFIGS")
    yield Acl(principal, "topic", PUBLIC_PREFIX, is_prefix=True, operations=public)
    for spec in selected_topics(settings):
        yield _on_topics(principal, spec.name, public)
    for prefix in (
        GROUP_PREFIX,
        settings.kafka.email_group_prefix,
    ):  # who waits for what, for pages
        yield Acl(principal, "group", prefix, is_prefix=True, operations=("DESCRIBE",))
    for stream in topics.STREAMS:
        for name in stream.own_topics:
            yield _on_topics(principal, name, ("READ", "DESCRIBE"))
    for each in topics.RANGE_STREAMS:
        prefix = settings.streams.named(each.name).group_prefix
        yield Acl(principal, "group", prefix, is_prefix=True, operations=("READ",))
    for spec in (*notice_topics(settings), *lasair_topics(settings)):
        yield _on_topics(principal, spec.name, ("READ", "DESCRIBE"))
    for group in _message_groups(settings):
        yield Acl(principal, "group", group, is_prefix=True, operations=("READ",))


def _message_groups(settings: Config) -> Iterator[str]:
    """Yield what begins the groups of listeners that read message by message."""
    yield settings.gcn.group_id
    yield settings.lasair.group_prefix
    for topic in settings.lasair.own_topics:
        yield settings.lasair.group(topic)


def _feed_acls(settings: Config) -> Iterator[Acl]:
    for stream in topics.STREAMS:
        for name in stream.own_topics:
            yield _on_topics(settings.kafka.feed_username, name, ("WRITE", "DESCRIBE"))
    for spec in (*notice_topics(settings), *lasair_topics(settings)):
        yield _on_topics(settings.kafka.feed_username, spec.name, ("WRITE", "DESCRIBE"))


def _on_topics(principal: str, name: str, operations: tuple[str, ...]) -> Acl:
    return Acl(
        principal,
        "topic",
        name.removesuffix("*"),
        is_prefix=name.endswith("*"),
        operations=operations,
    )
