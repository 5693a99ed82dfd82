"""The stages of the recipe, one a file."""
