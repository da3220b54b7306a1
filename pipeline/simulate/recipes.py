"""What a night is made of: categories of alerts with their shares, and kinds of pairs."""

from dataclasses import dataclass

from pipeline.simulate.placing import (
    BOTH_OUTSIDE,
    BOTH_SKIES,
    LSST_SKY,
    OUTSIDE,
    ZTF_SKY,
    Region,
)


@dataclass(frozen=True)
class Category:
    """Sources of one survey that are made alike.

    Attributes
    ----------
    name : str
        As in the truth table.
    share : float
        Of the survey's alerts outside pairs.
    region : Region
        Where they stand.
    surroundings : tuple of str
        Patterns, taken in turn.
    shapes : tuple of str
        Light-curve shapes, taken in turn.
    gate : str or None
        First reason, under the default settings, for not being published.
    """

    name: str
    share: float
    region: Region
    surroundings: tuple[str, ...]
    shapes: tuple[str, ...]
    gate: str | None = None


@dataclass(frozen=True)
class PairKind:
    """A source that both surveys see.

    Attributes
    ----------
    name : str
        As in the truth table.
    region : Region
        Where it stands.
    surroundings : str
        Pattern around the LSST position.
    separation_arcsec : float or None
        Between the surveys' positions, exactly; None for close with ordinary scatter.
    is_match : bool
        Whether the two belong together.
    is_ztf_first : bool
        Which survey begins.
    is_public : bool
        ZTF's programid 1.
    """

    name: str
    region: Region
    surroundings: str
    separation_arcsec: float | None = None
    is_match: bool = True
    is_ztf_first: bool = False
    is_public: bool = True


CATEGORIES = {
    "ztf": (
        Category(
            "stellar",
            0.32,
            ZTF_SKY,
            ("star", "star_and_galaxy", "red_star", "wide_star"),
            ("variable",),
        ),
        Category("hosted", 0.24, ZTF_SKY, ("galaxy", "galaxy_third"), ("supernova", "flare")),
        Category(
            "hostless",
            0.18,
            ZTF_SKY,
            ("empty", "stars_around", "unclassified"),
            ("flare", "supernova"),
        ),
        Category("rock", 0.12, ZTF_SKY, ("empty", "stars_around"), ("passing",), "rock"),
        Category("low_drb", 0.08, ZTF_SKY, ("star", "galaxy", "empty"), ("steady",), "low_drb"),
        Category(
            "non_public", 0.06, ZTF_SKY, ("star", "galaxy", "empty"), ("variable",), "non_public"
        ),
    ),
    "lsst": (
        Category("stellar", 0.22, LSST_SKY, ("star", "star_and_galaxy", "red_star"), ("variable",)),
        Category("hosted", 0.22, LSST_SKY, ("galaxy", "galaxy_third"), ("supernova", "flare")),
        Category(
            "hostless",
            0.16,
            LSST_SKY,
            ("empty", "stars_around", "wide_star", "unclassified"),
            ("flare", "supernova"),
        ),
        Category("unknown", 0.12, OUTSIDE, ("outside",), ("flare", "supernova")),
        Category("rock", 0.14, LSST_SKY, ("empty",), ("passing",), "rock"),
        Category(
            "pixel_flags", 0.05, LSST_SKY, ("star", "galaxy", "empty"), ("steady",), "pixel_flags"
        ),
        # Published by default: the lowest reliability asked for is 0.
        Category("low_reliability", 0.05, LSST_SKY, ("star", "galaxy", "empty"), ("steady",)),
        Category("no_flux", 0.02, LSST_SKY, ("galaxy",), ("steady",), "no_flux"),
        Category("no_object_id", 0.02, LSST_SKY, ("empty",), ("passing",), "no_object_id"),
    ),
}

PAIRS = (
    PairKind("pair", BOTH_SKIES, "star"),
    PairKind("pair_ztf_first", BOTH_SKIES, "galaxy", is_ztf_first=True),
    PairKind("pair", BOTH_SKIES, "empty"),
    PairKind("pair_ztf_first", BOTH_OUTSIDE, "outside", is_ztf_first=True),
    PairKind("pair_wide", BOTH_SKIES, "galaxy", separation_arcsec=1.9),
    PairKind("near_miss", BOTH_SKIES, "empty", separation_arcsec=2.1, is_match=False),
    PairKind("pair_non_public", BOTH_SKIES, "star", is_match=False, is_public=False),
    PairKind("pair_ztf_first", BOTH_SKIES, "star_and_galaxy", is_ztf_first=True),
    PairKind("pair", BOTH_SKIES, "galaxy_third"),
    PairKind("pair_ztf_first", BOTH_SKIES, "stars_around", is_ztf_first=True),
    PairKind("pair", BOTH_OUTSIDE, "outside"),
)

APPEARANCE = ((0, "lsst"), (2, "ztf"), (4, "lsst"), (6, "ztf"), (6, "lsst"))
"""Nights after the first, and who sees the pair then: days 1, 3, 5 and 7 of the seed's scenario."""


def shares(categories: tuple[Category, ...], total: int) -> list[int]:
    """Return how many alerts each category gets: whole numbers that sum to ``total``.

    The largest remainders win, so that small nights hold every category that they can.
    """
    weight = sum(category.share for category in categories)
    exact = [total * category.share / weight for category in categories]
    counts = [int(share) for share in exact]
    by_remainder = sorted(range(len(exact)), key=lambda i: counts[i] - exact[i])
    for i in by_remainder[: total - sum(counts)]:
        counts[i] += 1
    return counts
