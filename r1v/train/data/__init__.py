"""From rows, figures and pairs to batches and prompts."""
