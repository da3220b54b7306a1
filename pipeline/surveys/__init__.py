"""The surveys: one module each, and one line in ``SURVEYS``.

A survey module defines ``SURVEY``, a :class:`pipeline.surveys.record.Survey`.
"""
