"""A class that runs in a process of its own, and the people in it, each a bare WebSocket."""

from __future__ import annotations

import json
import re
import secrets
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

__all__ = ["Person", "Room", "close_rooms", "everybody_leaves"]

STATE = "terrain=bowl&steps=60&t=0"
OPTIONS = ["SGD", "Momentum", "Adagrad", "none"]


PEOPLE: list[Person] = []
ROOMS: list[Room] = []


def close_rooms() -> None:
    """Kill every server that still runs."""
    while ROOMS:
        room = ROOMS.pop()
        if room.process.returncode is None:
            room.kill()


def everybody_leaves() -> None:
    """Close every connection that is still open."""
    while PEOPLE:
        PEOPLE.pop().leave()


class Room:
    """A class that the command `nukarumi lab --class` holds."""

    def __init__(self, path: Path, port: int = 0, *words: str) -> None:
        self.path = path
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nukarumi", "lab", "--class", str(path), "--no-browser", "--host", "127.0.0.1",
             "--port", str(port), *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        ROOMS.append(self)
        self.lines: list[str] = []
        while not self.lines or "#token=" not in self.lines[-1]:
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            self.lines.append(line)
        self.teach = re.search(r"http://\S+", self.lines[-1])[0]
        self.url, _, self.token = self.teach.partition("teach#token=")
        self.port = int(self.url.rstrip("/").rpartition(":")[2])
        urllib.request.urlopen(self.url, timeout=30).close()  # it answers, and Ctrl-C is understood from now on

    def kill(self) -> None:
        """As a power cut would: kill -9."""
        self.process.kill()
        self.process.communicate(timeout=20)

    def again(self) -> Room:
        """The same class at the same address, after its server has died."""
        return Room(self.path, self.port)

    def close(self) -> str:
        """Press Ctrl-C; what it said after that."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=30)
        assert not err, err
        return out


class Person:
    """Somebody at the class's socket; everything that was heard is in ``heard``."""

    def __init__(self, room: Room, **headers: str) -> None:
        given = {"origin": room.url.rstrip("/"), **headers}
        address = f"ws://127.0.0.1:{room.port}/class"
        door = connect(address, origin=given["origin"] or None, open_timeout=30, compression=None, ping_interval=None)
        self.wire = door.__enter__()
        PEOPLE.append(self)
        self.heard: list[dict[str, Any]] = []

    @classmethod
    def learner(cls, room: Room, name: str = "Kenji", secret: str | None = None) -> Person:
        """A learner who has been let in."""
        person = cls(room)
        person.secret = secret or secrets.token_hex(16)
        person.say(type="hello", secret=person.secret, name=name)
        person.welcome = person.hear("welcome")
        person.id = person.welcome["id"]
        return person

    @classmethod
    def teacher(cls, room: Room) -> Person:
        """The instructor."""
        person = cls(room)
        person.say(type="teach", token=room.token)
        person.hear("welcome")
        return person

    def say(self, **message: Any) -> None:
        self.wire.send(json.dumps(message))

    def ask(self, number: int = 1) -> None:
        """Ask which hiker arrives first, and see it asked."""
        self.say(type="ask", state=STATE, options=OPTIONS)
        self.hear("desk", lambda desk: desk["question"] and desk["question"]["number"] == number)

    def answer(self, choice: int, question: int = 1) -> None:
        self.say(type="answer", id=self.id, question=question, choice=choice)

    def hear(self, kind: str, where: Any = lambda message: True) -> dict[str, Any]:
        """Listen until something of this kind is said."""
        for _ in range(1000):
            message = json.loads(self.wire.recv(timeout=30))
            self.heard.append(message)
            if message["type"] == kind and where(message):
                return message
        raise AssertionError(f"nothing of kind {kind} among {self.heard[-5:]}")

    def until_closed(self) -> int:
        """Listen until the server hangs up; the code that it gave."""
        with pytest.raises(ConnectionClosed) as closed:
            self.hear("nothing more")
        return closed.value.rcvd.code

    def leave(self) -> None:
        self.wire.close()
