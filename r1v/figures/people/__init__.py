"""What people ask, in their own words: figures, sums, stories, second questions, and what nobody can tell."""

from r1v.figures.people.phrasing import phrase
from r1v.figures.people.said import Said, Turn, boxed
from r1v.figures.people.sources import SOURCES, max_images, said
from r1v.figures.people.voices import VOICED, WORDS

__all__ = ["SOURCES", "VOICED", "WORDS", "Said", "Turn", "boxed", "max_images", "phrase", "said"]
