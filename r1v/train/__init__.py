"""Training: losses as pure functions, streams of data, and one loop for each stage of the recipe."""
