"""The servers of the server's own tests; attacks bring their own clients."""

from tests.server.conftest import endless_llm, picture_url, served, tiny_llm

__all__ = ["endless_llm", "picture_url", "served", "tiny_llm"]
