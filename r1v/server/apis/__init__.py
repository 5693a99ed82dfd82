"""The forms in which clients speak to the server: OpenAI's chat completions, responses and messages."""
