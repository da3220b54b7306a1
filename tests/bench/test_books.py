"""The books fail for every fault that a run could have; on a run without one they are silent."""

import io
import uuid
import zlib

import fastavro
import numpy as np
import pytest

from pipeline.alerts.schemas import OUTPUT_SCHEMAS
from tests.bench import books, contents, history, same
from tests.bench.books import Account, Row, Seen
from tests.bench.contents import Witness
from tests.bench.expected import Beside, Expected
from tests.unit.pipeline.surveys.ztf_packets import alert, detection

HOSTLESS = "babamul.ztf.no-lsst-match.hostless"
STELLAR = "babamul.ztf.no-lsst-match.stellar"
PACKETS = {11: b"first", 12: b"second!", 13: b"third"}
EXPECTED = [
    Expected(11, None, "hostless", (HOSTLESS, "babamul.none"), None),
    Expected(12, None, "stellar", (STELLAR,), None),
    Expected(13, "rock", "stellar", (), None),
]
FILE = b"".join(PACKETS.values())


def slice_of(candid):
    start = FILE.index(PACKETS[candid])
    return "f", start, len(PACKETS[candid]), zlib.crc32(PACKETS[candid])


def good_rows():
    return [
        Row(11, None, "hostless", HOSTLESS, 3, 0, True, slice_of(11)),
        Row(12, None, "stellar", STELLAR, 1, 0, True, slice_of(12)),
        Row(13, "rock", "stellar", None, 0, 0, False, slice_of(13)),
    ]


def message(candid, topic, survey="ztf"):
    namespace = uuid.uuid5(uuid.NAMESPACE_OID, "nightjar.delivery")
    return Seen(topic, candid, str(uuid.uuid5(namespace, f"{survey}:{candid}:{topic}")), 5)


def good_messages():
    return [message(11, HOSTLESS), message(11, "babamul.none"), message(12, STELLAR)]


def account(**given):
    values = {
        "duplicates": 0, "dead_letters": 0, "gaps": 0, "unfinished": 0,
        "committed": {("t", 0): 2, ("t", 1): 1}, "ends": {("t", 0): 2, ("t", 1): 1},
    }  # fmt: skip
    return Account(**values | given)


def read_file(_path, start, length):
    return FILE[start : start + length]


def archive_problems(rows, read=read_file):
    return books.archive(rows, read, PACKETS.__getitem__, 1)


def test_a_run_that_did_everything_balances():
    assert books.rows(EXPECTED, good_rows()) == []
    assert books.marks(good_rows()) == []
    assert books.marked_as_acknowledged(EXPECTED, good_rows()) == []
    assert books.consumed(EXPECTED, good_messages()) == []
    assert books.accounts(account(), 3) == []
    assert archive_problems(good_rows()) == []


def test_a_dropped_packet_is_seen():
    assert "12" in books.rows(EXPECTED, [row for row in good_rows() if row.candid != 12])[0]
    assert books.marked_as_acknowledged(
        EXPECTED, [row for row in good_rows() if row.candid != 12]
    ) == [f"marked as acknowledged on {STELLAR}: 0, the oracle counts 1"]


def test_a_packet_that_never_reached_kafka_is_seen():
    (problem,) = books.accounts(account(committed={("t", 0): 2}, ends={("t", 0): 2}), 3)

    assert problem == "the input topics hold 2 packets of 3"


def test_a_row_that_nobody_sent_is_seen():
    stranger = good_rows()[0]._replace(candid=99)

    assert "99" in books.rows(EXPECTED, [*good_rows(), stranger])[0]


def test_a_row_that_stands_twice_is_seen():
    assert "two rows" in books.rows(EXPECTED, [*good_rows(), good_rows()[0]])[0]


@pytest.mark.parametrize(
    "change",
    [
        {"gate": "rock"},
        {"alert_class": "hosted"},
        {"output_topic": STELLAR},
        {"outputs": 1},
        {"outputs": 0},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_decision_that_is_not_the_oracles_is_seen(change):
    rows = [good_rows()[0]._replace(**change), *good_rows()[1:]]

    assert "oracle" in books.rows(EXPECTED, rows)[0]


def test_a_duplicate_message_is_seen():
    problems = books.consumed(EXPECTED, [*good_messages(), message(12, STELLAR)])

    assert f"consumed on {STELLAR}: 2, the oracle counts 1" in problems
    assert any("come twice" in problem for problem in problems)


def test_a_lost_message_is_seen_though_its_row_is_marked():
    problems = books.consumed(EXPECTED, good_messages()[1:])

    assert problems == [f"consumed on {HOSTLESS}: 0, the oracle counts 1"]


def test_messages_of_two_alerts_exchanged_are_seen_though_the_counts_agree():
    exchanged = [message(12, HOSTLESS), message(11, "babamul.none"), message(11, STELLAR)]

    assert any("no packet asks" in problem for problem in books.consumed(EXPECTED, exchanged))


def test_a_delivery_id_of_another_alert_is_seen():
    foreign = good_messages()[2]._replace(delivery_id=str(uuid.uuid4()))

    assert any(
        "another's delivery id" in problem
        for problem in books.consumed(EXPECTED, [*good_messages()[:2], foreign])
    )


def test_a_message_that_waits_is_seen():
    rows = [good_rows()[0]._replace(pending=2, is_marked=False), *good_rows()[1:]]

    assert len(books.marks(rows)) == 2
    assert books.marked_as_acknowledged(EXPECTED, rows) == [
        "marked as acknowledged on babamul.none: 0, the oracle counts 1"
    ]


@pytest.mark.parametrize("name", ["dead_letters", "duplicates", "gaps", "unfinished"])
def test_one_of_what_must_not_be_is_seen(name):
    assert len(books.accounts(account(**{name: 1}), 3)) == 1


def test_a_listener_that_has_not_committed_is_seen():
    problems = books.accounts(account(committed={("t", 0): 2, ("t", 1): 0}), 3)

    assert problems == ["t[1]: committed 0 of 1"]


def test_a_partition_without_a_commit_is_seen():
    assert len(books.accounts(account(committed={("t", 0): 2}), 3)) == 1


@pytest.mark.parametrize(
    "read",
    [
        lambda _p, start, length: FILE[start : start + length - 1],
        lambda _p, _start, length: b"x" * length,
        lambda _p, start, length: FILE[start + 1 : start + 1 + length],
    ],
    ids=["short", "other bytes", "shifted"],
)
def test_an_archive_slice_that_is_wrong_is_seen(read):
    assert "3 archive slices" in archive_problems(good_rows(), read)[0]


def test_a_slice_of_another_packet_is_seen_though_its_checksum_is_right():
    rows = [good_rows()[0]._replace(archive=slice_of(12)), *good_rows()[1:]]

    assert "another packet" in archive_problems(rows)[0]


OBJECT = "ZTF26aaaaaaa"
PLACE = (150.25, -12.5)
PREVIOUS = detection(jd=2461000.5, magpsf=19.0, ra=150.25, dec=-12.5)


def witness(**given):
    record = alert(prv_candidates=[PREVIOUS], fp_hists=None)
    record["candidate"] |= {"ssdistnr": -999.0, "ssmagnr": -999.0}
    values = {
        "survey": "ztf", "object_id": OBJECT, "record": record,
        "beside": Beside(None, False, True, []), "stored": history.points("ztf", 3, PLACE, 20),
        "others": [],
    }  # fmt: skip
    return Witness(**values | given)


def good_message(known):
    """Write, by fastavro alone, what must be published of a witness."""
    given = known.record["candidate"]
    fields = OUTPUT_SCHEMAS["ztf"]["fields"]
    names = [
        f["name"] for f in next(f for f in fields if f["name"] == "candidate")["type"]["fields"]
    ]
    candidate = contents.decode_oracle.ztf_candidate(known.record, names)
    candidate["band"] = "r"
    candidate = {
        name: 0.0 if value is None and name in {"ranr", "decnr"} else value
        for name, value in candidate.items()
    }
    points = [
        contents._stored(known, series) + contents._points(known, known.record, series)
        for series in range(3)
    ]
    curves = [
        [
            dict(zip(contents.POINT_FIELDS[series], point, strict=True))
            for point in sorted(points[series], key=lambda p: p[0])
        ]
        for series in range(3)
    ]
    bands = dict.fromkeys("grizyujhk")
    return {
        "candid": given["candid"],
        "objectId": known.object_id,
        "candidate": candidate,
        "prv_candidates": curves[0],
        "prv_nondetections": curves[1],
        "fp_hists": curves[2],
        "properties": {
            "rock": False, "star": False, "near_brightstar": False, "stationary": True,
            "photstats": bands, "multisurvey_photstats": bands,
            "sso": {"is_sso": False, "designation": None, "separation_arcsec": None,
                    "predicted_mag": None, "source": "ipac"},
        },
        "survey_matches": {"ztf": None, "lsst": None},
    }  # fmt: skip


def written(record):
    stream = io.BytesIO()
    fastavro.writer(stream, OUTPUT_SCHEMAS["ztf"], [record])
    return stream.getvalue()


def test_a_message_that_says_what_its_packet_said_is_right():
    known = witness()

    assert contents.differences(written(good_message(known)), known) == []


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("candid", lambda m: m.update(candid=1)),
        ("objectId", lambda m: m.update(objectId="other")),
        ("candidate.magpsf", lambda m: m["candidate"].update(magpsf=18.51)),
        ("candidate.drb", lambda m: m["candidate"].update(drb=None)),
        ("candidate.band", lambda m: m["candidate"].update(band="g")),
        ("properties.rock", lambda m: m["properties"].update(rock=True)),
        ("properties.star", lambda m: m["properties"].update(star=True)),
        ("prv_candidates lacks", lambda m: m["prv_candidates"].pop()),
        ("fp_hists lacks", lambda m: m["fp_hists"].pop(0)),
        ("prv_nondetections", lambda m: m["prv_nondetections"][0].update(psfFluxErr=1.0)),
        ("not sorted", lambda m: m["prv_candidates"].reverse()),
        ("twice", lambda m: m["prv_candidates"].insert(0, m["prv_candidates"][0])),
        ("no packet said", lambda m: m["prv_candidates"][3].update(psfFlux=1.0)),
        ("no packet said", lambda m: m["prv_candidates"].insert(0, {**m["prv_candidates"][0], "jd": 2.4e6})),
        ("survey_matches", lambda m: m["survey_matches"].update(
            lsst={"objectId": "1", "ra": 0.0, "dec": 0.0, "prv_candidates": [],
                  "prv_nondetections": [], "fp_hists": []})),
    ],
)  # fmt: skip
def test_a_message_that_says_otherwise_is_seen(name, change):
    known = witness()
    record = good_message(known)
    change(record)

    assert any(name in problem for problem in contents.differences(written(record), known))


def test_points_of_the_objects_other_alerts_may_be_there_or_not():
    other = alert(prv_candidates=[detection(jd=2460999.5, ra=150.25, dec=-12.5)], fp_hists=None)
    known = witness(others=[other])
    with_both = good_message(known)
    point = dict(zip(contents.POINT_FIELDS[0], contents._points(known, other, 0)[1], strict=True))
    with_both["prv_candidates"] = sorted(
        [*with_both["prv_candidates"], point], key=lambda p: p["jd"]
    )

    assert contents.differences(written(good_message(known)), known) == []
    assert contents.differences(written(with_both), known) == []
    assert contents.differences(written(with_both), witness()) != []


def test_records_that_differ_are_told_apart():
    one = {"a": 1, "b": [{"jd": 2461000.5, "x": 1.0}], "n": float("nan")}

    assert (
        same.unequal("", one, {"a": 1, "b": [{"jd": 2461000.5, "x": 1.0 + 1e-9}], "n": None}) == []
    )
    assert same.unequal("", one, one | {"a": 2}) == [".a: 1 and 2"]
    assert same.unequal("", one, one | {"n": 0.0}) == [".n: nan and 0.0"]
    assert same.unequal("", one, one | {"b": []})
    assert same.unequal("", one, one | {"b": [{"jd": 2461000.6, "x": 1.0}]})
    assert same.unequal("", one, {"a": 1})


def test_history_is_sorted_and_older_than_every_packet():
    points = history.points("ztf", 7, PLACE, 20)

    assert [len(rows) for rows in points] == [12, 4, 4]
    assert all(np.all(np.diff(rows["jd_utc"]) > 0) for rows in points)
    assert all(rows["jd_utc"].max() < 2461365 for rows in points)
