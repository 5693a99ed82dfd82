"""Kinds of values with rules of their own, one a file: how each is read, and when two are equal."""
