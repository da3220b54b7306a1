"""How fast selected alerts become files: packets on real Kafka to a table and cutouts on disk."""
