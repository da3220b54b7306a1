#!/usr/bin/env python
"""Where every process of Nightjar starts."""

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "broker.settings")  # noqa: TID251 Django's own switch
    execute_from_command_line(sys.argv)
