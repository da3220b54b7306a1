"""What happens to an alert."""
