"""The commands of `r1v`, one file for each."""
