"""Measures the alert flow end to end."""
