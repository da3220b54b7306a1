"""How every Celery app of ours speaks to Redis; the shortest visibility timeout on it would win."""

VISIBILITY_TIMEOUT_S = 7200
"""Above the longest task: a message comes again only when its holder is surely gone."""

TRANSPORT_OPTIONS = {
    "visibility_timeout": VISIBILITY_TIMEOUT_S,
    "unacked_restore_interval": 10,
    "unacked_restore_throttle": 1,
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "socket_keepalive": True,
    "queue_order_strategy": "priority",
    "priority_steps": [0, 3, 6, 9],
}
