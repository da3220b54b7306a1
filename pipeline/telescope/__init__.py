"""The telescope bus: commands go out, acknowledgments, data and status come back."""
