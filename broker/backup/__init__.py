"""Copies of the database on disk, and a database made of one again."""
