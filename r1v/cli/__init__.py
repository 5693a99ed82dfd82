"""The command line: one file for each command, all side by side, so that each is found by its name.

`main` finds the command, `parser` has the arguments that several share, `screen` writes to the terminal.
"""
