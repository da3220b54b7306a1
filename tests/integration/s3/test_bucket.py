"""One bucket: what arrived is proved, what is damaged is refused, what is cut off goes on."""

import json
import os
import time
from pathlib import Path

import pytest

from broker.errors import TransientError
from pipeline.clients.s3 import Bucket
from pipeline.clients.s3_content import PART_BYTES, ChangedError, Content, measure
from pipeline.clients.s3_errors import NO_CREDENTIALS, S3RefusedError
from pipeline.clients.s3_privacy import privacy
from tests.standins.faulty import cut, cut_after, cut_answer, hang, status
from tests.standins.s3_server import S3Server, answer, damage, s3_server

pytestmark = pytest.mark.integration
NINE_MB = 9 * 10**6
FOR_ALL = {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject"}


@pytest.fixture
def bucket(s3: S3Server):
    with Bucket.from_settings(s3.settings()) as found:
        yield found


def put(bucket: Bucket, key: str, what: Content, upload_id: str | None = None) -> list[str]:
    """Upload; return the ids of the uploads in parts that were begun."""
    begun: list[str] = []
    assert bucket.upload(key, what, upload_id, begun.append, time.monotonic() + 60)
    return begun


def is_there(bucket: Bucket, key: str, what: Content) -> bool:
    return bucket.holds(key, what.length, what.sha256, what.checksum)


def file_of(folder: Path, content: bytes) -> Content:
    path = folder / "file"
    path.write_bytes(content)
    return measure(path)


def test_without_credentials_there_is_one_clear_error(bucket, s3, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")

    with (
        Bucket.from_settings(s3.settings()) as without,
        pytest.raises(S3RefusedError) as refused,
    ):
        without.check()

    assert str(refused.value) == NO_CREDENTIALS
    assert refused.value.stops_all
    assert s3.asked == []


def test_credentials_of_a_file_are_not_taken(s3, monkeypatch, tmp_path):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    file = tmp_path / "credentials"
    file.write_text("[default]\naws_access_key_id = a\naws_secret_access_key = b\n")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(file))

    with Bucket.from_settings(s3.settings()) as without, pytest.raises(S3RefusedError):
        without.check()


def test_a_missing_bucket_is_not_a_missing_object(bucket, s3):
    assert bucket.find("nothing") is None
    assert bucket.read_sha256("nothing") is None

    with (
        Bucket.from_settings(s3.settings(bucket="nightjar-nowhere")) as nowhere,
        pytest.raises(S3RefusedError, match="there is no bucket nightjar-nowhere") as refused,
    ):
        nowhere.check()
    assert refused.value.stops_all


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        (status(503), "503"),
        (answer(503, "SlowDown"), "SlowDown"),
        (cut(100), "Connection"),
        (cut_after, "Connection"),
    ],
)
def test_a_server_that_is_away_or_busy_may_be_asked_again(bucket, s3, tmp_path, fault, text):
    what = file_of(tmp_path, os.urandom(5000))
    s3.faults["PUT"].append(fault)

    with pytest.raises(TransientError, match=text):
        put(bucket, "key", what)
    put(bucket, "key", what)

    assert is_there(bucket, "key", what)


def test_a_server_that_is_silent_is_given_up(s3, tmp_path):
    what = file_of(tmp_path, b"abc")
    s3.faults["PUT"].append(hang)

    with (
        Bucket.from_settings(s3.settings(read_timeout_s=0.2)) as bucket,
        pytest.raises(TransientError, match="timeout"),
    ):
        put(bucket, "key", what)


def test_a_login_that_is_refused_stops_all_files(bucket, s3, tmp_path):
    s3.faults["PUT"].append(answer(403, "InvalidAccessKeyId"))

    with pytest.raises(S3RefusedError, match="InvalidAccessKeyId") as refused:
        put(bucket, "key", file_of(tmp_path, b"abc"))

    assert refused.value.stops_all


@pytest.mark.parametrize("content", [b"", b"abc", os.urandom(PART_BYTES)], ids=len)
def test_a_file_arrives_and_is_proved(bucket, s3, tmp_path, content):
    what = file_of(tmp_path, content)
    assert not is_there(bucket, "night/file", what)

    put(bucket, "night/file", what)

    assert is_there(bucket, "night/file", what)
    assert s3.objects() == {"night/file": content}


def test_a_large_file_arrives_in_parts_and_is_proved(bucket, s3, tmp_path):
    content = os.urandom(NINE_MB)
    what = file_of(tmp_path, content)

    assert len(put(bucket, "large", what)) == 1

    assert is_there(bucket, "large", what)
    assert what.checksum.endswith("-2")
    assert s3.objects() == {"large": content}


def test_only_the_first_bytes_of_a_growing_file_are_sent(bucket, s3, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"a line\nhalf a li")

    put(bucket, "growing", measure(path, 7))

    assert s3.objects() == {"growing": b"a line\n"}


@pytest.mark.parametrize("size", [1000, NINE_MB])
def test_bytes_that_were_damaged_on_their_way_are_refused(bucket, s3, tmp_path, size):
    what = file_of(tmp_path, os.urandom(size))
    s3.faults["PUT"].append(damage)

    with pytest.raises(TransientError, match="BadDigest"):
        put(bucket, "key", what)

    assert not is_there(bucket, "key", what)
    assert s3.objects() == {}


def test_a_store_without_checksums_is_read_back(tmp_path):
    what = file_of(tmp_path, os.urandom(1000))

    with s3_server(is_strict=False) as old:
        settings = old.settings(request_checksum_calculation="when_required")
        with Bucket.from_settings(settings) as bucket:
            old.faults["PUT"].append(damage)
            put(bucket, "key", what)
            assert not is_there(bucket, "key", what)
            put(bucket, "key", what)
            assert is_there(bucket, "key", what)
        assert [each.method for each in old.asked] == ["PUT", "HEAD", "GET", "PUT", "HEAD", "GET"]


def test_an_answer_that_is_cut_short_proves_nothing(s3, bucket, tmp_path):
    what = file_of(tmp_path, os.urandom(200_000))
    put(bucket, "key", what)
    s3.faults["GET"].append(cut_answer(100_000))

    with pytest.raises(TransientError):
        bucket.read_sha256("key")


def test_an_object_of_others_is_not_taken_for_ours(bucket, s3, tmp_path):
    what = file_of(tmp_path, b"abc")
    s3.client.put_object(Bucket=s3.bucket, Key="key", Body=b"abc")

    assert not is_there(bucket, "key", what)


def test_an_upload_in_parts_goes_on_where_it_was_cut_off(bucket, s3, tmp_path):
    content = os.urandom(3 * PART_BYTES)
    what = file_of(tmp_path, content)
    s3.faults["PUT"] = [lambda _s, app, *call: app(*call), cut(1000)]
    begun: list[str] = []
    with pytest.raises(TransientError):
        bucket.upload("large", what, None, begun.append, time.monotonic() + 60)
    sent = s3.puts()

    put(bucket, "large", what, begun[0])

    assert s3.puts() - sent == 2
    assert is_there(bucket, "large", what)
    assert s3.objects() == {"large": content}


def test_no_part_is_begun_when_time_is_up(bucket, s3, tmp_path):
    what = file_of(tmp_path, os.urandom(NINE_MB))

    done = bucket.upload("large", what, None, lambda _id: None, time.monotonic() - 1)

    assert not done
    assert s3.puts() == 0


def test_an_upload_that_somebody_ended_begins_anew(bucket, s3, tmp_path):
    what = file_of(tmp_path, os.urandom(NINE_MB))
    bucket.upload("large", what, None, lambda _id: None, time.monotonic() - 1)

    assert len(put(bucket, "large", what, "no-such-upload")) == 1

    left = s3.client.list_multipart_uploads(Bucket=s3.bucket)
    assert left.get("Uploads", []) == []
    assert is_there(bucket, "large", what)


def test_a_file_that_changes_meanwhile_is_not_sent(bucket, s3, tmp_path):
    what = file_of(tmp_path, b"abc")
    what.path.write_bytes(b"xyz")

    with pytest.raises(ChangedError):
        put(bucket, "key", what)
    with pytest.raises(ChangedError, match="3 of 4 bytes"):
        measure(what.path, 4)

    assert s3.objects() == {}


def test_a_bucket_without_policy_is_private(bucket):
    assert privacy(bucket) == "private"


def test_a_bucket_whose_policy_lets_strangers_in_is_public(bucket, s3):
    statement = FOR_ALL | {"Resource": f"arn:aws:s3:::{s3.bucket}/*"}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    s3.client.put_bucket_policy(Bucket=s3.bucket, Policy=json.dumps(policy))

    assert privacy(bucket) == "public"


def test_a_bucket_whose_rights_let_strangers_in_is_public(bucket, s3):
    s3.client.put_bucket_acl(Bucket=s3.bucket, ACL="public-read")

    assert privacy(bucket) == "public"


@pytest.mark.parametrize("fault", [answer(403, "AccessDenied"), answer(501, "NotImplemented")])
def test_a_bucket_that_may_not_be_asked_is_unknown(bucket, s3, fault):
    s3.faults["GET"].append(fault)

    assert privacy(bucket) == "unknown"
