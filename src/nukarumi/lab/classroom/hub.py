"""The talk of a class: who may say what, what everybody hears, and acknowledgements that never precede the disk.

One task writes: it takes all jobs that have come meanwhile as one transaction, and only then answers them. Each
connection has a task that sends, and it sends the present, never a backlog: a slow phone skips what is over.
"""

from __future__ import annotations

import asyncio
import hmac
import json
import re
import sqlite3
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from starlette.websockets import WebSocket, WebSocketDisconnect

from nukarumi.lab.classroom.store import LONGEST_NAME, LONGEST_OPTION, MOST_OPTIONS, Look, Refused, Store, plain

__all__ = ["LONGEST_MESSAGE", "Hub"]

LONGEST_MESSAGE = {"learner": 1024, "teacher": 16384}
LONGEST_STATE = 8192
CONNECTIONS = 1200
FROM_ONE_ADDRESS = 600
PATIENCE = 10.0
"""Seconds that a new connection may take to say who it is."""
DESK_PAUSE = 0.1
"""Seconds between two pictures of the class for the instructor."""

T = TypeVar("T")


class Bucket:
    """Counts messages: so many a second for long, so many at once.

    Examples
    --------
    >>> bucket = Bucket(rate=1.0, most=2.0)
    >>> [bucket.allows(at) for at in (0.0, 0.0, 0.0, 1.0)]
    [True, True, False, True]
    """

    def __init__(self, rate: float, most: float) -> None:
        self.rate, self.most, self.left, self.then = rate, most, most, 0.0

    def allows(self, now: float) -> bool:
        """Whether one more may pass now."""
        self.left = min(self.most, self.left + (now - self.then) * self.rate)
        self.then = now
        if self.left < 1.0:
            return False
        self.left -= 1.0
        return True


class Malformed(Exception):
    """A message that no page of this lab sends."""


class Connection:
    """One open page: who it is, and what it has heard."""

    def __init__(self, socket: WebSocket) -> None:
        self.socket = socket
        self.address = socket.client.host if socket.client else ""
        self.learner: int | None = None
        self.teacher = False
        self.heard: dict[str, str] = {}
        self.wake = asyncio.Event()
        self.bucket = Bucket(5.0, 20.0)

    async def say(self, kind: str, **more: Any) -> None:
        """Send one message."""
        await self.socket.send_text(_json({"type": kind, **more}))


class Hub:
    """A running class.

    Parameters
    ----------
    store
        Where it is kept.
    joins
        What the instructor's page shows to let learners in: the addresses, each with its QR code.
    """

    def __init__(self, store: Store, joins: Sequence[Mapping[str, Any]] = ()) -> None:
        self.store, self.joins = store, list(joins)
        self.connections: set[Connection] = set()
        self.jobs: asyncio.Queue[tuple[Callable[[], Any], asyncio.Future[Any]]] = asyncio.Queue()
        self.now = store.look()
        # After a restart learners see the last question's state, until the instructor's page is back.
        self.state = self.now.question.state if self.now.question else ""
        self.news: dict[str, str] = {}
        self._tell()

    # --- Writing ----------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write what comes, until cancelled."""
        while True:
            batch = [await self.jobs.get()]
            while not self.jobs.empty():
                batch.append(self.jobs.get_nowait())
            work = asyncio.get_running_loop().run_in_executor(None, self._commit, [job for job, _ in batch])
            try:
                results, self.now = await asyncio.shield(work)
            except asyncio.CancelledError:  # the server ends, but not in the middle of a transaction
                await asyncio.wait([work])
                raise
            except sqlite3.Error:  # a full disk, for one; nothing was changed, and the pages will send it again
                results = [Refused("unsaved") for _ in batch]
            self._tell()
            for (_, answer), result in zip(batch, results, strict=True):
                if answer.done():  # whoever asked has gone
                    continue
                if isinstance(result, Refused):
                    answer.set_exception(result)
                else:
                    answer.set_result(result)

    def _commit(self, jobs: list[Callable[[], Any]]) -> tuple[list[Any], Look]:
        return self.store.together(jobs), self.store.look()

    async def write(self, job: Callable[[], T]) -> T:
        """Have a job done; when this returns, its result is on the disk.

        Raises
        ------
        Refused
            If it cannot be done; nothing was changed then.
        """
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self.jobs.put_nowait((job, answer))
        return await answer

    # --- Telling ----------------------------------------------------------------------------------------------------

    def _tell(self) -> None:
        """Renew what learners hear, and wake all whose news have changed."""
        now = self.now
        question = now.question and {
            "number": now.question.number,
            "state": now.question.state,
            "options": now.question.options,
            "phase": now.question.phase,
            "tally": now.question.tally if now.question.phase == "revealed" else None,
        }
        told = {"id": self.store.id, "follow": now.follow, "ended": now.ended, "question": question}
        fresh = {
            "class": _json({"type": "class", **told}),
            "state": _json({"type": "state", "state": self.state}) if now.follow else "",
        }
        changed, self.news = fresh != self.news, fresh
        for connection in self.connections:
            if connection.teacher or changed:
                connection.wake.set()

    def _desk(self) -> str:
        """Picture the class for the instructor: with names, and with the tally before it is revealed."""
        now = self.now
        question = now.question and {
            "number": now.question.number,
            "state": now.question.state,
            "options": now.question.options,
            "phase": now.question.phase,
            "tally": now.question.tally,
        }
        here = len({one.learner for one in self.connections if one.learner is not None})
        return _json({
            "type": "desk", "id": self.store.id, "follow": now.follow, "ended": now.ended, "question": question,
            "here": here, "names": now.names, "joins": self.joins,
        })  # fmt: skip

    async def _send(self, connection: Connection) -> None:
        while True:
            await connection.wake.wait()
            connection.wake.clear()
            news = {"desk": self._desk()} if connection.teacher else self.news
            for kind, text in news.items():
                if text and connection.heard.get(kind) != text:
                    connection.heard[kind] = text
                    await connection.socket.send_text(text)
            if connection.teacher:
                await asyncio.sleep(DESK_PAUSE)

    # --- Listening --------------------------------------------------------------------------------------------------

    async def talk(self, socket: WebSocket) -> None:
        """Serve one connection until it ends."""
        connection = Connection(socket)
        crowd = Counter(one.address for one in self.connections)
        if len(self.connections) >= CONNECTIONS or crowd[connection.address] >= FROM_ONE_ADDRESS:
            await socket.close(1013)
            return
        await socket.accept()
        self.connections.add(connection)
        sender: asyncio.Task[None] | None = None
        try:
            async with asyncio.timeout(PATIENCE):
                await self._greet(connection, await self._message(connection))
            sender = asyncio.create_task(self._send(connection))
            connection.wake.set()
            self._wake_desks()
            hear = self._teacher_says if connection.teacher else self._learner_says
            while True:
                message = await self._message(connection)
                try:
                    await hear(connection, message)
                except Refused as refused:
                    about = {key: message[key] for key in ("type", "question") if key in message}
                    await connection.say("refused", why=refused.why, about=about)
        except (Malformed, Refused, TimeoutError) as wrong:
            why = wrong.why if isinstance(wrong, Refused) else "unknown"
            await _leave(connection, why)
        except (WebSocketDisconnect, RuntimeError, OSError):
            pass  # the page was closed, or its network went away
        finally:
            self.connections.discard(connection)
            if sender is not None:
                sender.cancel()
            self._wake_desks()

    def _wake_desks(self) -> None:
        for connection in self.connections:
            if connection.teacher:
                connection.wake.set()

    async def _message(self, connection: Connection) -> dict[str, Any]:
        event = await connection.socket.receive()
        if event["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(event.get("code", 1005))
        if not connection.bucket.allows(time.monotonic()):
            raise Refused("slow")
        text = event.get("text")
        if not isinstance(text, str) or len(text) > LONGEST_MESSAGE["teacher" if connection.teacher else "learner"]:
            raise Malformed
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            raise Malformed from None
        if not isinstance(message, dict):
            raise Malformed
        return message

    async def _greet(self, connection: Connection, message: dict[str, Any]) -> None:
        match message:
            case {"type": "teach", "token": str(token), **rest} if not rest:
                if not hmac.compare_digest(token.encode(errors="replace"), self.store.token.encode()):
                    raise Refused("token")
                connection.teacher = True
                connection.bucket = Bucket(30.0, 60.0)
                await connection.say("welcome")
            case {"type": "hello", "secret": str(secret), "name": str(name), **rest} if not rest:
                if not re.fullmatch(r"[0-9a-f]{32}", secret):
                    raise Malformed
                given = plain(name, LONGEST_NAME)
                learner, answer = await self.write(lambda: self.store.join(secret, given))
                connection.learner = learner
                said = answer and {"question": answer[0], "choice": answer[1]}
                await connection.say("welcome", id=self.store.id, name=given, answer=said)
            case _:
                raise Malformed

    async def _learner_says(self, connection: Connection, message: dict[str, Any]) -> None:
        match message:
            case {"type": "answer", "id": str(room), "question": int(question), "choice": int(choice), **rest} if (
                not rest
            ):
                if not (_small(question) and _small(choice)):
                    raise Malformed
                learner = connection.learner
                if room != self.store.id or learner is None:
                    raise Refused("closed")  # it was meant for another class at this address
                await self.write(lambda: self.store.answer(learner, question, choice))
                await connection.say("kept", id=room, question=question, choice=choice)
            case _:
                raise Malformed

    async def _teacher_says(self, connection: Connection, message: dict[str, Any]) -> None:
        store = self.store
        match message:
            case {"type": "state", "state": str(state), **rest} if not rest and _is_state(state):
                self.state = state
                self._tell()
            case {"type": "ask", "state": str(state), "options": list(given), **rest} if not rest and _is_state(state):
                if not 2 <= len(given) <= MOST_OPTIONS or not all(isinstance(option, str) for option in given):
                    raise Malformed
                options = [plain(option, LONGEST_OPTION) for option in given]
                self.state = state
                await self.write(lambda: store.ask(state, options))
            case {"type": "close", **rest} if not rest:
                await self.write(store.shut)
            case {"type": "reveal", **rest} if not rest:
                await self.write(store.reveal)
            case {"type": "follow", "on": bool(on), **rest} if not rest:
                await self.write(lambda: store.follow(on))
            case {"type": "end", **rest} if not rest:
                await self.write(store.end)
            case {"type": "csv", **rest} if not rest:
                await connection.say("csv", text=await self.write(store.table))
            case _:
                raise Malformed


async def _leave(connection: Connection, why: str) -> None:
    """Say why and hang up; 1013 asks to come again later, 1008 does not."""
    try:
        await connection.say("refused", why=why, about={})
        await connection.socket.close(1013 if why in ("slow", "unsaved") else 1008)
    except (WebSocketDisconnect, RuntimeError, OSError):
        pass


def _is_state(text: str) -> bool:
    """Whether it may be the address of a lab's state; the page that reads it decides what it means."""
    return len(text) <= LONGEST_STATE and text.isascii() and text.isprintable()


def _small(number: int) -> bool:
    return not isinstance(number, bool) and 0 <= number < 2**31


def _json(data: Any) -> str:
    return json.dumps(data, ensure_ascii=False, separators=(",", ":"))
