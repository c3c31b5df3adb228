"""The doors of a class: `/` for learners, `/teach` for the instructor, and the socket that both talk over.

The instructor's page is no secret; what it asks for is. The token stands behind the ``#`` of the address that the
terminal shows, so that no browser ever sends it in a request, and the page gives it over the socket.
"""

from __future__ import annotations

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import segno
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute

from nukarumi._errors import BadInput
from nukarumi.lab.classroom.hub import LONGEST_MESSAGE, Hub
from nukarumi.lab.classroom.store import Store
from nukarumi.lab.page import page
from nukarumi.lab.server import PORT, Guard, answer, listen, nothing, own_names, showing

__all__ = ["addresses", "application", "qr", "serve_class"]


def application(hub: Hub, *, lang: str = "both", names: frozenset[str] = frozenset()) -> Starlette:
    """Make the application of a class.

    Parameters
    ----------
    hub
        The class.
    lang
        One of `nukarumi.lab.page.LANGUAGES`.
    names
        Host names under which it may be addressed, beside IP addresses and ``localhost``.
    """

    @contextlib.asynccontextmanager
    async def life(_: Starlette) -> AsyncIterator[None]:
        writer = asyncio.create_task(hub.run())
        yield
        writer.cancel()
        await asyncio.gather(writer, return_exceptions=True)

    learner, teacher = (page("class", lang=lang, role=role) for role in ("learner", "teacher"))
    return Starlette(
        routes=[
            Route("/", showing(learner, talks=True), methods=["GET"]),
            Route("/teach", showing(teacher, talks=True), methods=["GET"]),
            WebSocketRoute("/class", hub.talk),
        ],
        middleware=[Middleware(Guard, names=names, talks=True)],
        exception_handlers={404: nothing},
        lifespan=life,
    )


def qr(text: str) -> list[str]:
    """Draw a text as a QR code: a row of 0 and 1 for each line of modules, without the quiet zone.

    Examples
    --------
    >>> rows = qr("http://192.0.2.7:8475/")
    >>> len(rows) == len(rows[0]), rows[0][:8]
    (True, '11111110')
    """
    return ["".join("1" if module else "0" for module in row) for row in segno.make_qr(text, error="m").matrix]


def addresses(host: str) -> list[str]:
    """Find the addresses under which other machines may reach a server that listens on a host; the likeliest first.

    Examples
    --------
    >>> addresses("127.0.0.1")
    ['127.0.0.1']
    """
    bound = ipaddress.ip_address(host.partition("%")[0])
    if not bound.is_unspecified:
        return [host]
    found: list[str] = []
    # Connecting a datagram socket sends nothing; it only asks which interface leads outside.
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))
        found.append(probe.getsockname()[0])
    with contextlib.suppress(OSError):
        found += [str(entry[4][0]) for entry in socket.getaddrinfo(socket.gethostname(), None, socket.AF_INET)]
    seen = [one for one in dict.fromkeys(found) if not ipaddress.ip_address(one).is_loopback]
    return [*seen, "127.0.0.1"]


def serve_class(
    path: str | Path | None = None,
    *,
    host: str = "0.0.0.0",
    port: int = PORT,
    lang: str = "both",
    browser: bool = True,
    say: Callable[[str], Any] = print,
) -> None:
    """Hold a class until Ctrl-C.

    Parameters
    ----------
    path
        The file of its answers; a class that is there goes on. None: a new one in ``classes/``.
    host
        The address to answer on: every address of this machine, unless told otherwise.
    port
        The port; when it is in use, the next free one. 0: any free one.
    lang
        One of `nukarumi.lab.page.LANGUAGES`.
    browser
        Whether to open the instructor's page in the browser.
    say
        Told each line for the person who started it.

    Raises
    ------
    BadInput
        For a file, host or port that cannot be used; nothing was started then.
    """
    with listen(host, port) as open_socket:
        file = _file(path)
        store = Store(file)
        try:
            bound, taken = open_socket.getsockname()[:2]
            if port not in (0, taken):
                say(f"Port {port} is in use; the class takes {taken}. Pages that know the old one will not find it.")
            reached = addresses(bound)
            urls = [f"http://{f'[{one}]' if ':' in one else one}:{taken}/" for one in reached]
            say(f"The class is kept in {file}")
            say(f"Learners join at {urls[0]}")
            _say_who(bound, urls, say)
            # The instructor's own browser is on this machine, where loopback always works.
            own = urls[-1]
            teach = f"{own}teach#token={store.token}"
            say(f"The instructor's page, for nobody else: {teach}   (Ctrl-C ends the class)")
            hub = Hub(store, _joins(urls))
            answer(
                application(hub, lang=lang, names=own_names(host)), open_socket, teach if browser else None,
                ws="websockets-sansio", ws_max_size=4 * max(LONGEST_MESSAGE.values()), ws_per_message_deflate=False,
                lifespan="on",
            )  # fmt: skip
        finally:
            store.close()
    say(f"The class is closed. Its answers are in {file}")


def _file(path: str | Path | None) -> Path:
    if path is not None:
        return Path(path)
    folder = Path("classes")
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise BadInput("the class needs a folder for its answers", f"{folder} ({error.strerror})",
                       "name a file: --class lesson.sqlite") from None  # fmt: skip
    return folder / f"{datetime.now():%Y-%m-%d-%H%M%S}.sqlite"


def _say_who(bound: str, urls: Sequence[str], say: Callable[[str], Any]) -> None:
    address = ipaddress.ip_address(bound.partition("%")[0])
    if address.is_loopback:
        say("Only this machine reaches it; learners on other machines need --host 0.0.0.0.")
        return
    say(f"Every machine that reaches one of these addresses can join: {', '.join(_outside(urls))}")
    say("The connection is not encrypted: use it in a network that you trust, or with --host 127.0.0.1 here.")


def _joins(urls: Sequence[str]) -> list[dict[str, Any]]:
    return [{"url": url, "qr": qr(url)} for url in _outside(urls)[:4]]


def _outside(urls: Sequence[str]) -> Sequence[str]:
    """Leave out loopback addresses, unless there is no other."""
    return [url for url in urls if not url.startswith(("http://127.", "http://[::1]"))] or urls
