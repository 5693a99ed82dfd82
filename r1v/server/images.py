"""Images that a request names by URL.

Enters: data:, http(s):// and file:// URLs. Leaves: ImageRefs of bytes or data URLs, which `r1v.prompt`
opens. Always holds: the name of a host is resolved first, and a connection is made to exactly that address,
and only if `addresses` allows it; this is checked again at every redirect; bytes and seconds are bounded; a
file is read only from inside the folder that was allowed at the start.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable
from pathlib import Path
from urllib.parse import unquote, urljoin, urlsplit

import httpcore

from r1v.core import ImageError, ImageRef
from r1v.server.addresses import Network, refuse_address
from r1v.server.config import ServerConfig

_REDIRECTS = (301, 302, 303, 307, 308)


class _CheckedNetwork(httpcore.AsyncNetworkBackend):
    """Resolves a host name, checks the addresses that it stands for, and connects to exactly those."""

    def __init__(self, allowed: tuple[Network, ...]) -> None:
        self._allowed = allowed
        self._inner = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            raise ImageError(f"the host {host[:100]} is not known; check the URL") from error
        addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        for text in addresses:  # a bad address among good ones is an attack or a mistake
            reason = refuse_address(ipaddress.ip_address(text.split("%")[0]), self._allowed)
            if reason is not None:
                raise ImageError(f"the host {host[:100]} is refused: {reason}; send the image as a data: URL")
        failure: Exception | None = None
        for text in addresses:
            try:
                return await self._inner.connect_tcp(text, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure or httpcore.ConnectError(f"{host[:100]} has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        raise ImageError("images do not come from sockets")

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


class ImageSource:
    """Turns the URLs of one server's requests into ImageRefs."""

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self._network = _CheckedNetwork(tuple(map(ipaddress.ip_network, config.image_networks)))
        self._folder = None if config.image_folder is None else config.image_folder.resolve()
        self._fetching = asyncio.Semaphore(16)
        self._tls: ssl.SSLContext | None = None

    async def open(self, urls: list[str]) -> list[ImageRef]:
        """The images of one request, fetched at the same time. Raises ImageError for the first that fails."""
        limit = self._config.max_images
        if len(urls) > limit:
            raise ImageError(f"the request has {len(urls)} images; the limit is {limit}")
        tasks = [asyncio.ensure_future(self._open(url)) for url in urls]
        try:
            return [await task for task in tasks]
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _open(self, url: str) -> ImageRef:
        scheme = url[:8].partition(":")[0].lower()
        if scheme == "data":
            return ImageRef(url)
        if scheme in ("http", "https"):
            if not self._config.remote_images:
                raise ImageError("remote images are switched off here; send the image as a data: URL")
            async with self._fetching:
                try:
                    async with asyncio.timeout(self._config.fetch_timeout_s):
                        return ImageRef(await self._fetch(url))
                except TimeoutError as error:
                    raise ImageError(
                        f"{_shown(url)} took longer than {self._config.fetch_timeout_s:g} s; "
                        "send the image as a data: URL"
                    ) from error
        if scheme == "file":
            return await asyncio.to_thread(self._read_file, url)
        raise ImageError(f"{_shown(url)} is no image URL; use data:, http:// or https://")

    # ------------------------------------------------------------------------------------------------ remote

    async def _fetch(self, url: str) -> bytes:
        """The bytes behind an http(s) URL, after at most max_redirects redirects."""
        for _ in range(self._config.max_redirects + 1):
            self._check_url(url)
            status, location, body = await self._get(url)
            if status not in _REDIRECTS:
                if status != 200:
                    raise ImageError(f"{_shown(url)} answers with status {status}; check the URL")
                return body
            if not location:
                raise ImageError(f"{_shown(url)} redirects to nowhere; check the URL")
            url = urljoin(url, location)
        raise ImageError(f"the image is behind more than {self._config.max_redirects} redirects")

    def _check_url(self, url: str) -> None:
        if not all(0x20 < ord(character) < 0x7F for character in url):
            raise ImageError("a URL must be written in ASCII; percent-encode the rest")
        try:
            parts = urlsplit(url)
            port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
        except ValueError as error:
            raise ImageError(f"{_shown(url)} is not a valid URL ({error})") from error
        if parts.scheme not in ("http", "https"):
            raise ImageError(
                f"a redirect leads to {parts.scheme or 'no scheme'}; only http and https are followed"
            )
        if not parts.hostname:
            raise ImageError(f"{_shown(url)} names no host")
        if parts.username is not None or parts.password is not None:
            raise ImageError("a URL with a name or password in it is refused; send the image as a data: URL")
        if port not in self._config.image_ports:
            ports = ", ".join(map(str, self._config.image_ports))
            raise ImageError(f"port {port} is refused; images are fetched from port {ports}")

    async def _get(self, url: str) -> tuple[int, str, bytes]:
        """(status, target of a redirect, body) of one request, sent without cookies and without a proxy."""
        if self._tls is None:
            self._tls = ssl.create_default_context()
        headers = [(b"Host", urlsplit(url).netloc.encode()), (b"User-Agent", b"r1v"),
                   (b"Accept", b"image/*"), (b"Accept-Encoding", b"identity")]  # fmt: skip
        timeout = dict.fromkeys(("connect", "read", "write", "pool"), self._config.fetch_timeout_s)
        try:
            async with (
                httpcore.AsyncConnectionPool(ssl_context=self._tls, network_backend=self._network) as pool,
                pool.stream("GET", url, headers=headers, extensions={"timeout": timeout}) as response,
            ):
                found = {name.lower(): value for name, value in response.headers}
                if response.status in _REDIRECTS:
                    return response.status, found.get(b"location", b"").decode("latin-1"), b""
                if response.status != 200:
                    return response.status, "", b""
                self._check_type(url, found)
                return 200, "", await self._body(url, response)
        except (httpcore.NetworkError, httpcore.ProtocolError, httpcore.TimeoutException, OSError,
                httpcore.UnsupportedProtocol) as error:  # fmt: skip
            raise ImageError(
                f"{_shown(url)} could not be fetched ({type(error).__name__}); check the URL"
            ) from error

    def _check_type(self, url: str, headers: dict[bytes, bytes]) -> None:
        kind = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
        if kind and not kind.startswith("image/") and kind != "application/octet-stream":
            raise ImageError(f"{_shown(url)} is of type {kind[:60]}, which is no image")
        if headers.get(b"content-encoding", b"identity").lower() != b"identity":
            raise ImageError(f"{_shown(url)} comes compressed, which was not asked for")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._config.max_image_bytes:
            raise self._too_long(url)

    async def _body(self, url: str, response: httpcore.Response) -> bytes:
        body = bytearray()
        async for chunk in response.aiter_stream():
            body += chunk
            if len(body) > self._config.max_image_bytes:
                raise self._too_long(url)
        return bytes(body)

    def _too_long(self, url: str) -> ImageError:
        return ImageError(f"{_shown(url)} has more than {self._config.max_image_bytes} bytes; scale it down")

    # ------------------------------------------------------------------------------------------------- files

    def _read_file(self, url: str) -> ImageRef:
        """The bytes of a file in the allowed folder. Links are followed before the place is checked."""
        if self._folder is None:
            raise ImageError("file:// images are not allowed here; send the image as a data: URL")
        parts = urlsplit(url)
        if parts.netloc not in ("", "localhost"):
            raise ImageError("a file:// URL must not name a host")
        refused = ImageError("no such image in the folder that is allowed; check the file:// URL")
        try:
            path = Path(unquote(parts.path)).resolve(strict=True)
        except (OSError, ValueError, RuntimeError) as error:
            raise refused from error
        if not path.is_relative_to(self._folder) or not path.is_file():
            raise refused  # the same message for every failure, so that it does not reveal which files exist
        if path.stat().st_size > self._config.max_image_bytes:
            raise ImageError(f"the image has more than {self._config.max_image_bytes} bytes; scale it down")
        return ImageRef(path.read_bytes())


def _shown(url: str) -> str:
    """A URL for a message: without its query, which may hold secrets, and short."""
    text = url.partition("?")[0]
    return "".join(c if 0x20 < ord(c) < 0x7F else "?" for c in text[:120])
