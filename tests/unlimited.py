"""Settings that let one address ask as much as it likes: what is tried is what the views answer."""

MANY = "1000000"
UNLIMITED = {
    **{
        f"NIGHTJAR_LIMITS__{of}_{how}": MANY
        for of in ("ADDRESS", "USER")
        for how in ("PER_S", "BURST")
    },
    **{
        f"NIGHTJAR_ACCOUNTS__{name}": MANY
        for name in (
            "SIGNUPS_PER_IP_H",
            "SIGNUPS_H",
            "LOGINS_PER_IP_MIN",
            "FAILURES_PER_EMAIL",
            "ACTIVATIONS_PER_IP_H",
            "RESETS_PER_IP_H",
            "RESETS_PER_EMAIL_H",
        )
    },
    "NIGHTJAR_ACCOUNTS__GRANT_WAIT_S": "0",
}
"""Nor does anybody wait for Kafka."""
