"""Lasair's filter streams, and images for what they send.

message (bytes to values) · png.
"""
