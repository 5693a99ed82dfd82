"""What a response is worth: rules, functions, a reward model, and their sum."""
