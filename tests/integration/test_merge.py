"""Transaction A1 on a real Postgres: objects, their positions, their light curves."""

import numpy as np
import pytest

from pipeline.alerts import curves
from pipeline.alerts.batch import DETECTION, Points
from pipeline.alerts.merge import merge
from pipeline.alerts.tables import SkyObject
from tests.unit.pipeline.alerts.batches import make_batch

pytestmark = pytest.mark.integration


def batch_with(points, **fields):
    """Return one alert of object X1 whose packet carries ``points`` (jd, flux)."""
    batch = make_batch(detections=0, **fields)
    rows = np.zeros(len(points), DETECTION)
    rows["jd_utc"] = [point[0] for point in points]
    rows["flux"] = [point[1] for point in points]
    rows["ra_deg"], rows["dec_deg"] = 33.0, -3.0
    object.__setattr__(batch, "detections", Points(np.zeros(len(points), np.int64), rows))
    return batch


def the_object(session):
    session.expire_all()
    return session.query(SkyObject).one()


def stored(session, merged):
    return curves.load(session, "ztf", merged.curves.object_ids).rows[0]["jd_utc"].tolist()


def test_points_of_several_packets_become_one_curve_in_order(session):
    merge(session, batch_with([(3.0, 1.0)]))
    merge(session, batch_with([(4.0, 1.0), (3.0, 1.0)]))
    merged = merge(session, batch_with([(1.0, 1.0)]))

    assert stored(session, merged) == [1.0, 3.0, 4.0]
    assert merged.curves.rows[0]["jd_utc"].tolist() == [1.0, 3.0, 4.0]


def test_the_position_of_a_public_object_never_moves(session):
    merge(session, batch_with([(3.0, 1.0)], ra=10.0, dec=20.0))
    merge(session, batch_with([(4.0, 1.0)], ra=10.0003, dec=20.0))

    found = the_object(session)
    assert (found.ra_deg, found.dec_deg, found.is_public) == (10.0, 20.0, True)


def test_an_object_without_public_detection_does_not_exist_for_others(session):
    merge(session, batch_with([], is_public=False, ra=10.0, dec=20.0))

    assert not the_object(session).is_public


def test_a_position_that_was_never_public_does_not_stay(session):
    merge(session, batch_with([], is_public=False, ra=10.0, dec=20.0))
    merge(session, batch_with([(4.0, 1.0)], ra=10.0003, dec=20.0))

    found = the_object(session)
    assert (found.ra_deg, found.dec_deg, found.is_public) == (10.0003, 20.0, True)


def test_public_history_alone_gives_the_position_of_its_first_detection(session):
    merge(session, batch_with([(4.0, 1.0)], is_public=False, ra=10.0, dec=20.0))

    found = the_object(session)
    assert (found.ra_deg, found.dec_deg, found.is_public) == (33.0, -3.0, True)
