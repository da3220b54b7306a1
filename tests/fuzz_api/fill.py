"""``python -m tests.fuzz_api.fill``: an archive of a few alerts, and an account that asks."""

import django

JD = 2461254.75
LSST_OBJECT = 170_028_496_585_700_001


def main() -> None:
    """Fill the database that the settings name; print the account's token."""
    django.setup()
    from accounts.models import BabamulUser
    from accounts.tokens import new_personal
    from broker.config import config, project_path
    from broker.db import transaction
    from pipeline.catalogs.known import LSPSC, NED
    from pipeline.simulate.scenario import make_lsst_packet, make_ztf_packet
    from tests.integration.api.world import load_rows, store_packets

    archive = project_path(config().archive.path)
    ztf = [make_ztf_packet(candid=at, jd=JD + at / 100) for at in range(1, 5)]
    lsst = [make_lsst_packet(diaSourceId=1 << 57, diaObjectId=LSST_OBJECT, jd=JD)]
    with transaction() as session:
        load_rows(
            session, LSPSC, [{"id": 5, "ra": 150.0, "dec": 30.0, "score": 0.9, "mag_white": 18.0}]
        )
        load_rows(session, NED, [{"ra": 150.0, "dec": 30.001, "objname": "NGC 1", "z": 0.01}])
        store_packets(session, "ztf", ztf, archive)
        store_packets(session, "lsst", lsst, archive)
    user = BabamulUser.objects.create(
        email="ada@example.org", username="ada", password="!", state="active"
    )
    print("TOKEN", new_personal(user, "tests")[1])


if __name__ == "__main__":
    main()
