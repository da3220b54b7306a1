"""Bytes that a stranger could send: built here from parts, never copied from a real packet."""

import zlib

import pyarrow as pa


def zigzag(number: int) -> bytes:
    """Return an Avro int or long."""
    number, out = (number << 1) ^ (number >> 63), b""
    while number > 0x7F:
        number, out = number >> 7, out + bytes([number & 0x7F | 0x80])
    return out + bytes([number])


def deflate(body: bytes) -> bytes:
    """Return ``body`` as a container of codec deflate holds it."""
    return zlib.compress(body)[2:-4]


def snappy(body: bytes) -> bytes:
    """Return ``body`` as a container of codec snappy holds it."""
    packed = pa.Codec("snappy").compress(body, asbytes=True)
    return packed + zlib.crc32(body).to_bytes(4, "big")
