"""The reward of a response: rules, functions, a reward model, and their sum."""
