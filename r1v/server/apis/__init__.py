"""The forms in which clients speak to the server, beside OpenAI's chat completions."""
