"""Generated figure questions with exact answers and worked solutions, deterministic by (family, seed)."""

from r1v.figures.catalogue import FAMILIES, difficulty_of_seed, family, make, seeds, split_of_seed
from r1v.figures.item import DIFFICULTIES, Difficulty, Draft, Family, Figure, Request, Split

__all__ = [
    "DIFFICULTIES",
    "FAMILIES",
    "Difficulty",
    "Draft",
    "Family",
    "Figure",
    "Request",
    "Split",
    "difficulty_of_seed",
    "family",
    "make",
    "seeds",
    "split_of_seed",
]

# modules whose public names other rooms may import as well
MODULES = ("abroad", "claims", "people")
