"""The command line.

`commands` has one file for each command, `main` finds it, `parser` has the arguments that several share,
`screen` writes to the terminal.
"""
