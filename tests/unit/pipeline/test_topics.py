"""The topic registry: 14 public topics, and nothing private under a public name."""

import pytest

from broker.config import Config
from broker.sections.lasair import LasairTopicSettings
from pipeline import bootstrap, topics

CLASS_TOPICS = {
    *(
        f"babamul.ztf.{m}lsst-match.{c}"
        for m in ("", "no-")
        for c in ("stellar", "hosted", "hostless")
    ),
    *(
        f"babamul.lsst.{m}ztf-match.{c}"
        for m in ("", "no-")
        for c in ("stellar", "hosted", "hostless", "unknown")
    ),
}


def test_there_are_fourteen_class_topics_and_the_derived_one():
    names = {output.name for output in topics.OUTPUTS}

    assert len(names) == 15
    assert names - {"babamul.none"} == CLASS_TOPICS


@pytest.mark.parametrize("output", topics.OUTPUTS, ids=lambda output: output.name)
def test_a_topic_is_public_exactly_if_its_name_says_so(output):
    assert output.is_public == output.name.startswith("babamul.")


def test_no_principal_of_ours_but_the_pipeline_may_write_public_topics():
    acls = bootstrap.service_acls(Config())
    writers = {a.principal for a in acls if "WRITE" in a.operations and a.name == "babamul."}

    assert writers == {"pipeline"}


def test_the_pipeline_may_not_write_what_it_reads():
    acls = bootstrap.service_acls(Config())
    inputs = [
        a for a in acls if a.principal == "pipeline" and a.name.startswith(("ztf_", "lsst-alerts-"))
    ]

    assert inputs
    assert all(set(a.operations) == {"READ", "DESCRIBE"} for a in inputs)


def test_an_unknown_stream_is_answered_with_the_known_ones():
    with pytest.raises(KeyError, match="known: ztf, lsst"):
        topics.stream("decam")


LASAIR = {
    "topics": [
        {"name": "lasair_1ours", "survey": "ztf"},
        {"name": "lasair_1theirs", "survey": "ztf", "bootstrap_servers": "kafka.invalid:9092"},
    ],
    "ztf_servers": "",
}


def test_filters_of_lasair_are_made_where_we_carry_them_and_readable_wherever_they_are():
    settings = Config.model_validate({"lasair": LASAIR})

    assert [spec.name for spec in bootstrap.lasair_topics(settings)] == ["lasair_1ours"]
    acls = bootstrap.service_acls(settings)
    assert {acl.operations for acl in acls if acl.name == "lasair_1ours"} == {
        ("READ", "DESCRIBE"),
        ("WRITE", "DESCRIBE"),
    }


def test_lasairs_own_broker_is_asked_where_nothing_else_is_set():
    assert bootstrap.lasair_topics(Config()) == []
    assert (
        Config()
        .lasair.servers(LasairTopicSettings(name="lasair_1x", survey="lsst"))
        .startswith("lasair-lsst-kafka")
    )


@pytest.mark.parametrize(
    ("port", "names"), [(0, set()), (19092, {("topic", "lasair_"), ("group", "lasair_")})]
)
def test_without_a_login_only_filters_are_read_and_only_where_a_port_is_set(port, names):
    acls = bootstrap.service_acls(Config.model_validate({"kafka": {"lasair_port": port}}))

    nobodys = [acl for acl in acls if acl.principal == "ANONYMOUS"]
    assert {(acl.resource, acl.name) for acl in nobodys} == names
    assert all(acl.is_prefix for acl in nobodys)
    assert {word for acl in nobodys for word in acl.operations} <= {"READ", "DESCRIBE"}


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", "lasair 1", "x" * 250])
def test_a_topic_whose_name_could_lead_elsewhere_is_refused(name):
    with pytest.raises(ValueError, match="no name of a topic"):
        LasairTopicSettings(name=name, survey="ztf")


def test_a_topic_is_read_once():
    twice = {"topics": 2 * [{"name": "lasair_1x", "survey": "ztf"}]}

    with pytest.raises(ValueError, match="read twice: lasair_1x"):
        Config.model_validate({"lasair": twice})
