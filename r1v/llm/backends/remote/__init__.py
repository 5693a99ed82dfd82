"""A server behind a URL as a backend: OpenAI's chat completions or Anthropic's messages."""
