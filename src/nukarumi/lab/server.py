"""The lab's server: one page at ``/``, read-only, for this machine unless told otherwise.

It holds no session, reads no file while it runs and answers nothing but GET and HEAD. `Guard` refuses, before anything
else looks at it, what a browser sends on behalf of another site, what comes under a foreign name (DNS rebinding), and
what is larger than any honest request for one page.
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import hashlib
import ipaddress
import socket
import sys
import threading
import webbrowser
from collections.abc import Awaitable, Callable
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import Headers
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from nukarumi._errors import BadInput
from nukarumi.lab.page import policy

__all__ = ["PORT", "Guard", "answer", "app", "listen", "nothing", "own_names", "serve", "showing"]

PORT = 8475
TRIES = 50
"""So many ports after a busy one are tried."""

LONGEST_PATH = 2048
LONGEST_HEADERS = 8192
SAFE = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-cache",  # that is: keep it, and ask by ETag before showing it again
}


class Guard:
    """Refuses requests that no reader of the page would send.

    Parameters
    ----------
    app
        What answers the others.
    names
        Host names under which the server may be addressed, beside IP addresses and ``localhost``.
    talks
        Whether pages may open WebSockets: only those that came from this very server, as their Origin says.
    """

    def __init__(self, app: ASGIApp, names: frozenset[str] = frozenset(), talks: bool = False) -> None:
        self.app, self.names, self.talks = app, names | {"localhost"}, talks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or let the application answer."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan" or (self.talks and scope["type"] == "websocket" and self.own(scope)):
                await self.app(scope, receive, send)
            elif scope["type"] == "websocket":
                await send({"type": "websocket.close", "code": 1008})
            return
        refusal = self.refusal(scope)
        await (self.app(scope, receive, send) if refusal is None else refusal(scope, receive, send))

    def refusal(self, scope: Scope) -> Response | None:
        """Say why a request is refused; None when it is not."""
        headers = Headers(scope=scope)
        host = headers.getlist("host")
        origin = headers.get("origin")
        followed = headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"
        foreign = headers.get("sec-fetch-site", "none") not in ("none", "same-origin") and not followed
        wrongs = (
            (405, "the lab only answers GET and HEAD", scope["method"] not in ("GET", "HEAD")),
            (
                414,
                f"the address is longer than {LONGEST_PATH} bytes",
                len(scope["raw_path"]) + len(scope["query_string"]) > LONGEST_PATH,
            ),
            (
                431,
                f"the headers are longer than {LONGEST_HEADERS} bytes",
                sum(len(name) + len(value) + 4 for name, value in headers.raw) > LONGEST_HEADERS,
            ),
            (
                413,
                "the lab reads no request body",
                headers.get("content-length", "0") != "0" or "transfer-encoding" in headers,
            ),
            (421, "the lab is not known under this host name", len(host) != 1 or not self.known(host[0])),
            (403, "the lab does not answer other sites", foreign),
            (
                403,
                "the lab does not answer other sites",
                origin is not None and [origin] != [f"{scope['scheme']}://{name}" for name in host],
            ),
        )
        for status, why, wrong in wrongs:
            if wrong:
                return _refuse(status, why)
        return None

    def own(self, scope: Scope) -> bool:
        """Whether a WebSocket is opened by a page of this server; every browser says by whose page it is."""
        headers = Headers(scope=scope)
        host = headers.getlist("host")
        origin = f"{scope['scheme'].replace('ws', 'http')}://{host[0]}" if host else ""
        return len(host) == 1 and self.known(host[0]) and headers.getlist("origin") == [origin]

    def known(self, host: str) -> bool:
        """Whether a Host header names this server: an IP address cannot be rebound, a foreign name could.

        Examples
        --------
        >>> guard = Guard(PlainTextResponse(""))
        >>> [guard.known(host) for host in ("127.0.0.1:8475", "[::1]:80", "localhost", "evil.example:8475", "::1:80:a")]
        [True, True, True, False, False]
        """
        name, colon, port = host.rpartition(":")
        if not colon or host.endswith("]"):
            name, port = host, ""
        if port and not port.isdigit():
            return False
        with contextlib.suppress(ValueError):
            if name.startswith("[") and name.endswith("]"):
                return bool(ipaddress.IPv6Address(name[1:-1]))
            return bool(ipaddress.IPv4Address(name))
        return name.lower().rstrip(".") in self.names


def _refuse(status: int, why: str) -> Response:
    more = {"Connection": "close"} | ({"Allow": "GET, HEAD"} if status == 405 else {})
    return PlainTextResponse(f"{why}\n", status, SAFE | more)


def app(text: str, names: frozenset[str] = frozenset()) -> Starlette:
    """Make the application that shows one page.

    Parameters
    ----------
    text
        The page, as `nukarumi.lab.page.page` gives it.
    names
        Host names under which it may be addressed, beside IP addresses and ``localhost``.
    """
    return Starlette(
        routes=[Route("/", showing(text), methods=["GET"])],
        middleware=[Middleware(Guard, names=names)],
        exception_handlers={404: nothing},
    )


async def nothing(request: Request, error: Exception) -> Response:
    """Answer where nothing is."""
    return PlainTextResponse("there is only the lab, at /\n", 404, SAFE)


def showing(text: str, *, talks: bool = False) -> Callable[[Request], Awaitable[Response]]:
    """Make the endpoint that shows one page.

    Parameters
    ----------
    text
        The page.
    talks
        Whether the page may open connections to this server.
    """
    plain = text.encode()
    packed = gzip.compress(plain, mtime=0)
    tags = {content: f'"{hashlib.sha256(content).hexdigest()[:32]}"' for content in (plain, packed)}
    always = SAFE | {
        "Content-Security-Policy": f"{policy(text, talks=talks)}; frame-ancestors 'none'",
        "Vary": "Accept-Encoding",
    }

    async def show(request: Request) -> Response:
        accepted = [part.partition(";")[0].strip() for part in request.headers.get("accept-encoding", "").split(",")]
        content = packed if "gzip" in accepted else plain
        headers = always | {"ETag": tags[content]}
        if tags[content] in [tag.strip() for tag in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        if content is packed:
            headers["Content-Encoding"] = "gzip"
        return Response(content, headers=headers, media_type="text/html")

    return show


def listen(host: str, port: int) -> socket.socket:
    """Open the socket that the server will answer on: at this port, or at the next one that is free.

    Raises
    ------
    BadInput
        For a host that this machine does not have, or a port that it may not use.
    """
    if not 0 <= port <= 65535:
        raise BadInput("port must be from 0 to 65535 (0: any free one)", port, f"pass --port {PORT}")
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (OSError, UnicodeError) as error:
        raise BadInput(
            "host must be an address of this machine", f"{host!r} ({error})", "pass --host 127.0.0.1"
        ) from None
    last = port if port == 0 else min(port + TRIES, 65535)
    for candidate in range(port, last + 1):
        open_socket = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":
                open_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            open_socket.bind((address[0], candidate, *address[2:]))
            open_socket.listen(128)
        except OSError as error:
            open_socket.close()
            if isinstance(error, PermissionError):
                raise BadInput("port must be one that you may open", candidate, f"pass --port {PORT}") from None
            if error.errno != errno.EADDRINUSE:
                raise BadInput("host must be an address of this machine", f"{host!r} ({error.strerror})",
                               "pass --host 127.0.0.1") from None  # fmt: skip
        else:
            return open_socket
    raise BadInput(f"a port from {port} to {last} must be free", "all are in use", "pass --port 0 for any free one")


def serve(
    text: str, *, host: str = "127.0.0.1", port: int = PORT, browser: bool = True, say: Callable[[str], Any] = print
) -> None:
    """Show a page until Ctrl-C.

    Parameters
    ----------
    text
        The page.
    host
        The address to answer on; other machines reach the lab only when this is not a loopback address.
    port
        The port; when it is in use, the next free one. 0: any free one.
    browser
        Whether to open the page in the browser.
    say
        Told each line for the person who started it.

    Raises
    ------
    BadInput
        For a host or port that cannot be used; nothing was started then.
    """
    with listen(host, port) as open_socket:
        taken = open_socket.getsockname()
        if port not in (0, taken[1]):
            say(f"Port {port} is in use; the lab takes {taken[1]}.")
        address = ipaddress.ip_address(taken[0].partition("%")[0])
        shown = (
            socket.gethostname() if address.is_unspecified else f"[{address}]" if address.version == 6 else str(address)
        )
        url = f"http://{shown}:{taken[1]}/"
        say(f"The lab is at {url}   (Ctrl-C ends it)")
        if not address.is_loopback:
            say("Every machine that reaches this address can look at it. It only shows; nothing can be changed here.")
        answer(app(text, own_names(host)), open_socket, url if browser else None, ws="none", lifespan="off")
    say("The lab is closed.")


def own_names(host: str) -> frozenset[str]:
    """Give the names under which a server on this host may be addressed: as told, and this machine's own."""
    own = socket.gethostname().lower()
    return frozenset({host.lower(), own, f"{own.partition('.')[0]}.local"})


def answer(application: Starlette, open_socket: socket.socket, opens: str | None, **settings: Any) -> None:
    """Answer on a socket until Ctrl-C, and open an address in the browser first if one is given."""
    # Malformed requests are the sender's trouble: uvicorn would report some of them here, with a traceback.
    config = uvicorn.Config(
        application, http="h11", log_level="critical", access_log=False, server_header=False, proxy_headers=False,
        h11_max_incomplete_event_size=2 * LONGEST_HEADERS, timeout_graceful_shutdown=1, **settings,
    )  # fmt: skip
    if opens is not None:
        threading.Thread(target=webbrowser.open, args=(opens,), daemon=True).start()
    with contextlib.suppress(KeyboardInterrupt):  # uvicorn has closed its connections before it passes it on
        uvicorn.Server(config).run(sockets=[open_socket])
