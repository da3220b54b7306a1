"""What follows from a telescope's record: names, topics, rights."""

import pytest
from nightjar_telescope.messages import KINDS

from broker.config import Config
from broker.sections.telescope import BEAM, RESERVED
from pipeline import bootstrap
from pipeline.telescope.record import HEARD, RecordError, telescopes
from pipeline.telescope.rights import application_rights, monitor_rights, pipeline_rights
from pipeline.telescope.topics import telescope_topics, topics_of

DAY_MS = 86_400_000
TCA = BEAM.model_dump() | {"topic_prefix": "", "title": "", "plan_name": "TCA"}
BOTH = Config.model_validate({"telescopes": {"beam": BEAM.model_dump(), "tca": TCA}})


def words(rights):
    return {(one.resource, one.name, one.is_prefix, one.operations) for one in rights}


def test_the_topics_are_those_of_the_field():
    kept = {spec.name: spec for spec in telescope_topics(BOTH)}
    days = {name: spec.retention_ms / DAY_MS for name, spec in kept.items()}
    compression = {name: spec.config["compression.type"] for name, spec in kept.items()}

    for prefix in ("telescope.", "telescope.tca."):
        names = [prefix + word for word in ("commands", "acknowledgments", "data", "status")]
        names.append(prefix + "data.dlq")
        assert [days[name] for name in names] == [7, 7, 30, 3, 30]
        assert [compression[name] for name in names] == ["snappy", "snappy", "lz4", "snappy", "lz4"]
        assert kept[prefix + "data"].config["max.message.bytes"] == "8388608"
        assert kept[prefix + "data.dlq"].config["max.message.bytes"] == "9437184"
    assert len(kept) == 10
    assert {spec.partitions for spec in kept.values()} == {1}


def test_beam_logs_in_as_in_the_field_and_others_with_their_word():
    beam, tca = telescopes(BOTH)

    assert beam.principal("telescope-robotics") == "telescope-robotics"
    assert tca.principal("telescope-robotics") == "tca.telescope-robotics"
    assert (beam.title, tca.title) == ("BEAM", "TCA")
    assert (beam.data_id_prefix, tca.data_id_prefix) == ("", "tca-")
    assert beam.required == {"telescope-robotics"}


def test_an_application_may_do_what_the_field_says_and_no_more():
    beam, _ = telescopes(BOTH)
    read, write = ("READ", "DESCRIBE"), ("WRITE", "DESCRIBE")

    assert words(application_rights(beam, "telescope-robotics")) == {
        ("topic", "telescope.commands", False, read),
        ("topic", "telescope.acknowledgments", False, write),
        ("topic", "telescope.status", False, write),
        ("group", "telescope-robotics", False, ("READ",)),
        ("group", "telescope-robotics-", True, ("READ",)),
    }
    more = words(application_rights(beam, "telescope-data-handler"))
    assert ("topic", "telescope.data", False, write) in more
    assert {name for kind, name, _, did in words(monitor_rights(beam, "monitor-x"))
            if kind == "topic" and did == read} == {
        "telescope.commands", "telescope.acknowledgments", "telescope.data", "telescope.status",
    }  # fmt: skip


def test_nobody_has_a_right_on_a_prefix_of_topics():
    everybody = [
        *bootstrap.service_acls(BOTH),
        *(
            right
            for one in telescopes(BOTH)
            for application in one.settings.applications
            for right in application_rights(one, application.name)
        ),
    ]
    of_bus = [one for one in everybody if one.resource == "topic" and "telescope." in one.name]

    assert of_bus
    assert not any(one.is_prefix for one in of_bus)


def rights_on_the_bus(principal):
    rights = bootstrap.service_acls(BOTH)
    return [one for one in rights if one.principal == principal and "telescope." in one.name]


def test_nobody_has_rights_on_the_bus_but_us_and_kafka_connect():
    of_bus = [one for one in bootstrap.service_acls(BOTH) if one.name.startswith("telescope.")]

    assert {one.principal for one in of_bus} == {"pipeline", "connect"}


def test_the_pipeline_writes_commands_and_buried_data_only():
    of_bus = rights_on_the_bus("pipeline")

    assert {one.name for one in of_bus if "WRITE" in one.operations} == {
        "telescope.commands", "telescope.data.dlq",
        "telescope.tca.commands", "telescope.tca.data.dlq",
    }  # fmt: skip


def test_kafka_connect_reads_data_and_writes_what_it_buried_and_its_own_state():
    of_bus = rights_on_the_bus("connect")

    assert {one.name for one in of_bus if "READ" in one.operations} == {
        "telescope.data", "telescope.tca.data",
    }  # fmt: skip
    assert {one.name for one in of_bus if "WRITE" in one.operations} == {"telescope.data.dlq"}
    beside = [one for one in bootstrap.service_acls(BOTH) if one.principal == "connect"]
    assert {(one.resource, one.name) for one in beside if one not in of_bus} == {
        ("topic", "connect-"),
        ("group", "nightjar-connect"),
        ("group", "connect-postgres-telescope-data-sink"),
    }


def test_an_application_that_is_not_there_is_answered_with_those_that_are():
    beam, _ = telescopes(BOTH)

    with pytest.raises(RecordError, match="beam has no application 'dome'; it has: telescope-rob"):
        application_rights(beam, "dome")


def test_a_plan_name_that_no_plan_knows_is_refused():
    unknown = {"telescopes": {"tca": TCA | {"plan_name": "Hubble"}}}

    with pytest.raises(RecordError, match=r"tca.plan_name: no telescope 'Hubble'; known"):
        telescopes(Config.model_validate(unknown))


def test_every_list_of_topics_is_that_of_the_kinds_of_messages():
    ends = {kind.topic_end for kind in KINDS}

    assert ends | {"dlq"} == RESERVED
    for each in telescopes(BOTH):
        own = {each.commands, each.acknowledgments, each.data, each.status}
        assert set(each.topics) == own
        assert {spec.name for spec in topics_of(each, 1)} == own | {each.data_dlq}
    heard = {kind.topic_end: kind.message for kind in KINDS if kind.topic_end in HEARD}
    assert heard == HEARD
    assert set(HEARD) == ends - {"commands", "data"}


def test_we_may_command_listen_store_and_copy_and_no_more():
    read, write = ("READ", "DESCRIBE"), ("WRITE", "DESCRIBE")
    ours = words(pipeline_rights(BOTH))

    for prefix in ("telescope.", "telescope.tca."):
        assert {(name, did) for _, name, _, did in ours if name.startswith(prefix)} >= {
            (f"{prefix}commands", ("WRITE", *read)),
            (f"{prefix}acknowledgments", read),
            (f"{prefix}status", read),
            (f"{prefix}data", read),
            (f"{prefix}data.dlq", write),
        }
    assert len(ours) == 11
