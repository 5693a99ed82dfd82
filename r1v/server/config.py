"""Settings of the server.

Always holds: frozen and checked where it is made; nothing is read from the environment here.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path

from r1v.core import ConfigError

LOOPBACK = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class ServerConfig:
    """How one server behaves.

    name: of the model in the API. host, port: where it listens. listen_fd: an open
    socket's descriptor to listen on instead. api_keys: any of them opens the API; without keys it is open to
    everyone who can reach it. cors_origins: pages of these origins may call the API. max_queue: sequences
    that may wait besides those that are being decoded; further ones get 429. max_n: completions of one
    request. deadline_s: of one request, from its arrival. drain_s: how long running requests have to finish
    after SIGTERM. keep_alive_s: how long a stream may be silent before a comment is sent. write_timeout_s:
    how long a client may read nothing before it counts as gone. stall_s: how long the engine may make no
    progress before /ready answers 503. max_connections: open at a time. head_timeout_s: to send a request's
    head. max_body_bytes, max_buffered_bytes: of one request, and of all that are being read. body_timeout_s:
    to send a body. max_share: the share of all sequences, running and waiting, that one request may hold.
    max_images, max_image_bytes, max_image_pixels: of one request, and of one image. prepare_threads: that
    open images and encode prompts. remote_images: whether http(s) images are fetched. image_networks: private
    networks from which they may come nevertheless. image_ports: from which they may come. fetch_timeout_s,
    max_redirects: of one image. image_folder: the folder from which file:// images may come. tool_calls:
    "template" reads calls in the form that the template asks for, "any" also bare and fenced JSON that calls
    an offered tool. page: whether the chat page is served at /.
    """

    name: str = "r1v-nano"
    host: str = "127.0.0.1"
    port: int = 8000
    api_keys: tuple[str, ...] = field(default=(), repr=False)
    cors_origins: tuple[str, ...] = ()
    max_queue: int = 256
    max_n: int = 16
    tool_calls: str = "template"
    deadline_s: float = 600.0
    drain_s: float = 30.0
    keep_alive_s: float = 10.0
    write_timeout_s: float = 60.0
    stall_s: float = 60.0
    max_share: float = 0.25
    max_connections: int = 1000
    head_timeout_s: float = 20.0
    max_body_bytes: int = 64 << 20
    max_buffered_bytes: int = 1 << 30
    body_timeout_s: float = 60.0
    max_images: int = 16
    max_image_bytes: int = 20 << 20
    max_image_pixels: int = 40_000_000
    prepare_threads: int = 4
    remote_images: bool = True
    image_networks: tuple[str, ...] = ()
    image_ports: tuple[int, ...] = (80, 443)
    fetch_timeout_s: float = 10.0
    max_redirects: int = 3
    image_folder: Path | None = None
    page: bool = True
    listen_fd: int | None = None

    def __post_init__(self) -> None:
        for name in ("max_n", "max_body_bytes", "max_buffered_bytes", "max_image_bytes", "max_image_pixels",
                     "prepare_threads", "max_connections"):  # fmt: skip
            self._at_least(name, 1)
        for name in ("max_queue", "max_images", "drain_s", "max_redirects"):
            self._at_least(name, 0)
        for name in ("deadline_s", "keep_alive_s", "write_timeout_s", "stall_s", "body_timeout_s",
                     "fetch_timeout_s", "head_timeout_s", "max_share"):  # fmt: skip
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be more than 0")
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"port is {self.port}; it must be 0 to 65535")
        for key in self.api_keys:
            if len(key) < 8 or not key.isascii() or not key.isprintable() or " " in key:
                raise ConfigError("an API key must have at least 8 printable ASCII characters and no space")
        for network in self.image_networks:
            try:
                ipaddress.ip_network(network)
            except ValueError as error:
                raise ConfigError(
                    f"image network {network!r} is not known ({error}); write it as 10.0.0.0/8"
                ) from error
        for origin in self.cors_origins:
            if origin != "*" and not origin.startswith(("http://", "https://")):
                raise ConfigError(f"CORS origin {origin!r} must begin with http:// or https://, or be *")
        if self.image_folder is not None and not self.image_folder.is_dir():
            raise ConfigError(f"image folder {self.image_folder} does not exist; give a folder")

    def _at_least(self, name: str, low: int) -> None:
        if getattr(self, name) < low:
            raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least {low}")

    @property
    def on_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in LOOPBACK or self.host.startswith("127.")
