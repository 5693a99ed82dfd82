"""Answers of the model that is being trained: our own engine, vLLM, and measures taken by generating."""
