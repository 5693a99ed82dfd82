"""An OpenAI-compatible server over one model, and a chat page on the same app.

Enters: HTTP requests. Leaves: HTTP responses, metrics, an access log. The page is a folder of static files.
"""

from r1v.server.app import create_app
from r1v.server.config import ServerConfig
from r1v.server.console import LogForm
from r1v.server.replicas import ReplicaCommand, serve_replicas
from r1v.server.rewards import create_reward_app, serve_rewards
from r1v.server.run import serve
from r1v.server.whole import ChatAnswerer

__all__ = [
    "ChatAnswerer", "LogForm", "ReplicaCommand", "ServerConfig", "create_app",
    "create_reward_app", "serve", "serve_replicas", "serve_rewards",
]  # fmt: skip
