"""Models small enough to train dozens of times, and what they learn from."""
