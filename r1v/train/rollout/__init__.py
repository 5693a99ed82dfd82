"""Answers of the model in training: by our own engine or vLLM, and accuracy measured by generating."""
