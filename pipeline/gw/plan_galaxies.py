"""Galaxy targeting: which galaxies may host the event, and which share a field."""

import numpy as np

from pipeline.gw.plan_coverage import Footprint
from pipeline.gw.plan_grid import Tiles
from pipeline.gw.plan_job import Galaxy, Pointing
from pipeline.sky import Bools, Floats

Members = dict[int, tuple[Galaxy, ...]]


def fields(
    galaxies: tuple[Galaxy, ...], observed: tuple[Pointing, ...], fov_deg: float
) -> tuple[Tiles, Members]:
    """Return pointings at galaxies: the best one left in the centre, and all that its field holds.

    Parameters
    ----------
    galaxies : tuple of Galaxy
        Best first.
    observed : tuple of Pointing
        Galaxies in fields there are left out.
    fov_deg : float
        Side of the field.

    Returns
    -------
    tiles : Tiles
        Numbered by the rank of their best galaxy, from 1; the probability is the sum of weights.
    members : dict
        Galaxies of each tile by its number, the best first.
    """
    places = vectors(galaxies)
    is_left = np.ones(len(galaxies), bool)
    for done in observed:
        is_left &= ~Footprint.at(done.ra_deg, done.dec_deg, fov_deg).contains(places)
    members: Members = {}
    for rank, best in enumerate(galaxies, start=1):
        if not is_left[rank - 1]:
            continue
        inside = is_left & Footprint.at(best.ra_deg, best.dec_deg, fov_deg).contains(places)
        members[rank] = _chosen(galaxies, inside)
        is_left &= ~inside
    return _tiles(members), members


def _chosen(galaxies: tuple[Galaxy, ...], inside: Bools) -> tuple[Galaxy, ...]:
    return tuple(galaxies[i] for i in np.flatnonzero(inside).tolist())


def _tiles(members: Members) -> Tiles:
    centres = [found[0] for found in members.values()]
    return Tiles(
        np.array(list(members), np.int64),
        np.array([best.ra_deg for best in centres], np.float64),
        np.array([best.dec_deg for best in centres], np.float64),
        np.array([sum(one.weight for one in found) for found in members.values()], np.float64),
    )


def vectors(galaxies: tuple[Galaxy, ...]) -> Floats:
    """Return the places of galaxies as unit vectors ``float64[n, 3]``."""
    ra = np.radians([galaxy.ra_deg for galaxy in galaxies])
    dec = np.radians([galaxy.dec_deg for galaxy in galaxies])
    return np.column_stack([np.cos(dec) * np.cos(ra), np.cos(dec) * np.sin(ra), np.sin(dec)])
