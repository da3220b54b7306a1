"""How many tasks wait in a queue, over its steps of priority."""

from broker.redis_transport import waiting

LENGTHS = {"alerts": 3, "alerts\x06\x169": 40, "notify\x06\x163": 1}


class Lists:
    """Redis, as far as its lists are counted."""

    def llen(self, key):
        return LENGTHS.get(key, 0)


def test_every_step_of_priority_counts():
    assert waiting(Lists(), ["alerts", "notify", "gw"]) == {"alerts": 43, "notify": 1, "gw": 0}
