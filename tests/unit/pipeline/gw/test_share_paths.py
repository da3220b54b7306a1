"""Names on OwnCloud."""

import hashlib
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.clients.webdav import LONGEST_NAME_BYTES
from pipeline.gw import share_paths
from pipeline.gw.telescopes import telescopes


@given(st.text(max_size=100))
def test_every_text_becomes_one_harmless_name(text):
    name = share_paths.safe_name(text)

    assert 0 < len(name) <= 64
    assert name not in {".", ".."}
    assert set(name) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._+-")


def test_a_notices_folder_is_named_by_what_it_says():
    digest = hashlib.sha256(b"{}").hexdigest()
    found = share_paths.notice_folder("/Candidates/GW/", "S241102br", "UPDATE", digest)

    above, name = found.rsplit("/", 1)
    assert above == "Candidates/GW/S241102br/GWEMOPT"
    kind, _, number = name.partition("_")
    assert (kind, uuid.UUID(number).version) == ("UPDATE", 5)
    assert found == share_paths.notice_folder("Candidates/GW", "S241102br", "UPDATE", digest)
    assert found != share_paths.notice_folder("Candidates/GW", "S241102br", "UPDATE", digest[::-1])


@pytest.mark.parametrize(
    ("strategy", "name"),
    [("tiling", "TILING_TCA_FZU-CTA-N"), ("galaxies", "GALAXYTARGETING_TCA_FZU-CTA-N")],
)
def test_a_groups_folder_names_its_telescopes(strategy, name):
    assert (
        share_paths.plan_folder("x/UPDATE_1", strategy, ["TCA", "FZU-CTA-N"])
        == f"x/UPDATE_1/{name}"
    )


def test_a_group_of_any_size_has_a_folder_that_a_server_takes_of_its_own():
    everyone = [each.name for each in telescopes()]
    groups = [everyone[:count] for count in range(1, len(everyone) + 1)]
    names = [share_paths.plan_folder("N", "galaxies", group)[2:] for group in groups]

    assert max(len(name.encode()) for name in names) <= LONGEST_NAME_BYTES
    assert len(set(names)) == len(groups)
    assert all(name.startswith("GALAXYTARGETING_") for name in names)


@pytest.mark.parametrize(("base", "path"), [("", "a/b"), ("https://x/?dir=/", None)])
def test_without_folder_or_server_there_is_no_link(base, path):
    assert share_paths.link(base, path) is None


def test_a_link_leads_to_the_folder():
    assert (
        share_paths.link("https://x/?dir=/", "Candidates/G W") == "https://x/?dir=/Candidates/G%20W"
    )
