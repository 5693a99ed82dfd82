"""Sentences of a reply: what one states, what its writer stands by, what is left of several options."""
