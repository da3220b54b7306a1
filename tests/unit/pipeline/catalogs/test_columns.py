import pytest

from pipeline.catalogs.columns import pair
from pipeline.catalogs.known import GCVS, LSPSC
from pipeline.catalogs.record import LoadError


def test_columns_are_found_by_any_accepted_name_in_any_case():
    found = ["_ID", " RA ", "Decl", "score", "magwhite", "flags"]

    assert pair(LSPSC, found) == {
        "ra": " RA ",
        "dec": "Decl",
        "id": "_ID",
        "score": "score",
        "mag_white": "magwhite",
    }


def test_the_first_accepted_name_wins():
    found = ["id", "ra", "dec", "score", "magwhite", "mag_white"]

    assert pair(LSPSC, found)["mag_white"] == "mag_white"


def test_every_missing_column_is_named_with_what_is_accepted_and_what_was_found():
    with pytest.raises(LoadError) as refusal:
        pair(LSPSC, ["id", "ra", "dec", "scroe", "white_mag"])

    text = str(refusal.value)
    assert "score (accepted: score)" in text
    assert "mag_white (accepted: mag_white, magwhite)" in text
    assert "Found: id, ra, dec, scroe, white_mag" in text


def test_an_optional_column_may_be_missing():
    assert pair(GCVS, ["ra", "dec", "VarType"]) == {"ra": "ra", "dec": "dec", "var_type": "VarType"}


def test_columns_paired_by_hand_go_before_accepted_names():
    found = ["objID", "ra", "dec", "ps_score", "score", "rmag"]
    chosen = {"id": "objID", "score": "ps_score", "mag_white": "rmag"}

    pairs = pair(LSPSC, found, chosen)

    assert (pairs["id"], pairs["score"], pairs["mag_white"]) == ("objID", "ps_score", "rmag")


def test_a_column_paired_by_hand_must_be_in_the_file():
    with pytest.raises(LoadError, match="var_type \\(accepted: kind\\)"):
        pair(GCVS, ["ra", "dec", "VarType"], {"var_type": "kind"})


def test_an_optional_column_paired_by_hand_must_be_in_the_file():
    with pytest.raises(LoadError, match="name \\(accepted: star\\)"):
        pair(GCVS, ["ra", "dec", "VarType"], {"name": "star"})


def test_a_column_that_the_catalog_does_not_have_cannot_be_paired():
    with pytest.raises(LoadError, match="gcvs has no column magnitude; it has: ra, dec, name"):
        pair(GCVS, ["ra", "dec", "VarType"], {"magnitude": "VarType"})
