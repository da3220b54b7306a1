"""Bounds and units of angles. All angles are degrees unless a name says otherwise."""

FULL_CIRCLE_DEG = 360.0
"""Right ascensions lie in [0°, 360°)."""
POLE_DEG = 90.0
"""Declinations lie in [−90°, 90°]."""
ARCMIN_PER_DEG = 60.0
ARCSEC_PER_DEG = 3600.0
