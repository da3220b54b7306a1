#!/usr/bin/env python
"""Where every process of Nightjar starts."""

from importlib import import_module

from broker.memory import no_sweeps

if __name__ == "__main__":
    with no_sweeps():
        command_line = import_module("broker.command_line")
    command_line.main()
