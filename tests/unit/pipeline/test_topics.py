"""The topic registry: 14 public topics, and nothing private under a public name."""

import pytest

from broker.config import Config
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
