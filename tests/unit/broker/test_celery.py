"""What the Celery app promises about every task; a live worker is in the integration tests."""

import pytest

from broker.celery import QUEUE_OF, app, is_served_here, limits_s, task
from broker.config import Config, config
from broker.errors import TransientError
from broker.host import host_queue, this_host
from broker.queues import LIMITS_S, RANGE_QUEUES
from broker.redis_transport import VISIBILITY_TIMEOUT_S
from broker.sections.telescope import BEAM


def body(packet=None):
    """Do nothing."""


@pytest.fixture
def registered():
    names = []

    def register(name, **options):
        names.append(name)
        return task(name, **options)(body)

    yield register
    for name in names:
        app.tasks.pop(name, None)
        QUEUE_OF.pop(name)
        app.conf.beat_schedule.pop(name, None)


def test_only_json_crosses_redis_and_results_do_not():
    assert set(app.conf.accept_content) == {"json"}
    assert (app.conf.task_serializer, app.conf.result_serializer) == ("json", "json")
    assert app.conf.task_ignore_result
    assert app.conf.result_backend is None


def test_a_task_is_acknowledged_late_but_never_loops():
    assert app.conf.task_acks_late
    assert not app.conf.task_reject_on_worker_lost
    assert app.conf.worker_prefetch_multiplier == 1


def test_a_worker_knows_which_queues_it_serves(monkeypatch):
    assert is_served_here("alerts")  # without -Q it takes all
    monkeypatch.setattr(app.amqp.queues, "_consume_from", None)  # put back after the test
    app.amqp.queues.select(["gw"])

    assert [is_served_here(queue) for queue in ("gw", "alerts")] == [True, False]


def test_redis_forgets_a_running_task_later_than_any_limit():
    options = app.conf.broker_transport_options
    assert options["visibility_timeout"] == VISIBILITY_TIMEOUT_S
    assert max(hard for _, hard in LIMITS_S.values()) < VISIBILITY_TIMEOUT_S
    assert options["unacked_restore_throttle"] == 1


@pytest.mark.parametrize("queue", sorted(RANGE_QUEUES))
def test_a_holder_is_dead_before_its_lease_ends(queue):
    assert config().ranges.lease_s >= LIMITS_S[queue][1] + 30


@pytest.mark.parametrize("queue", LIMITS_S)
def test_every_queue_gives_its_limits(registered, queue):
    made = registered(f"test.{queue}", queue=queue)
    assert (made.soft_time_limit, made.time_limit) == LIMITS_S[queue]
    assert app.amqp.router.route({}, made.name)["queue"].name == queue


def test_a_fault_test_shortens_the_limits_of_range_tasks_alone(monkeypatch):
    short = Config.model_validate({"testing": {"soft_limit_s": 3, "hard_limit_s": 5}})
    monkeypatch.setattr("broker.celery.config", lambda: short)
    assert limits_s("alerts") == (3, 5)
    assert limits_s("plans") == LIMITS_S["plans"]


def test_range_tasks_are_never_retried_by_celery(registered):
    assert not getattr(registered("test.range", queue="alerts"), "autoretry_for", ())
    assert set(RANGE_QUEUES) == {"alerts", "telescope_data"}
    assert registered("test.row", queue="notify").autoretry_for == (TransientError,)


def test_beat_rings_for_a_periodic_task_and_nobody_hears_an_old_ring(registered):
    made = registered("test.upkeep", queue="upkeep", every_s=10)
    rung = app.conf.beat_schedule["test.upkeep"]
    assert (rung["task"], rung["schedule"], rung["options"]["expires"]) == (made.name, 10, 10)
    assert not getattr(made, "autoretry_for", ())


@pytest.mark.parametrize(
    ("telescopes", "is_rung"), [({}, False), ({"beam": BEAM.model_dump()}, True)]
)
def test_beat_rings_only_where_a_worker_hears_it(registered, monkeypatch, telescopes, is_rung):
    here = Config.model_validate({"telescopes": telescopes})
    monkeypatch.setattr("broker.celery.config", lambda: here)

    registered("test.commands", queue="commands", every_s=10)

    assert ("test.commands" in app.conf.beat_schedule) is is_rung


def test_a_task_refuses_packets(registered):
    made = registered("test.packets", queue="notify")
    with pytest.raises(TypeError):
        made.delay(b"packet")
    with pytest.raises(ValueError, match="pass ids or offsets"):
        made.apply_async(kwargs={"packet": "x" * 1000})


def test_a_host_has_a_queue_of_its_own():
    ours = host_queue(this_host())

    assert ours == f"sinks.{this_host()}"
    assert ours in app.amqp.queues
