"""The only modules that open other sockets than Postgres, Redis and Kafka."""
