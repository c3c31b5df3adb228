"""A class of 300 on this machine: how fast changes of state arrive, and whether every answer is stored once.

The server is a process of its own, all learners are tasks of this one, and everything goes over loopback; and both
share the cores, so the learners' own work is in the figures. In the middle of the second question the server is killed
with SIGKILL and started again; the learners come back by themselves and say again what was not acknowledged.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import re
import secrets
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

CHANGES = 50
PAUSE = 0.2
OPTIONS = ["SGD", "Momentum", "Adagrad", "none"]
STATE = "lang=en&terrain=cliff&turn=30&start=-7,2&hikers=SGD,lr:0.95;Momentum,lr:0.1;Adagrad,lr:1.5&steps=200&seed={}"


class Server:
    """The command `nukarumi lab --class`, which may die and come back at the same port."""

    def __init__(self, path: Path) -> None:
        self.path, self.port, self.token = path, 0, ""
        self.start()

    def start(self) -> None:
        words = ["lab", "--class", str(self.path), "--no-browser", "--host", "127.0.0.1", "--port", str(self.port)]
        self.process = subprocess.Popen([sys.executable, "-m", "nukarumi", *words], stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)/teach#token=(\S+)", line):
                self.port, self.token = int(found[1]), found[2]
                return
        sys.exit("the server did not start")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()

    @contextlib.asynccontextmanager
    async def line(self) -> AsyncIterator[ClientConnection]:
        """A connection, as soon as there is one to be had."""
        address, origin = f"ws://127.0.0.1:{self.port}/class", f"http://127.0.0.1:{self.port}"
        while True:
            try:
                async with connect(
                    address, origin=origin, compression=None, open_timeout=30, ping_interval=None
                ) as line:
                    yield line
                    return
            except OSError:
                await asyncio.sleep(0.1 + secrets.randbelow(100) / 500)


class Learner:
    """A learner's page: comes back after a break, and repeats what was not acknowledged."""

    def __init__(self, number: int, arrivals: dict[int, list[float]]) -> None:
        self.number, self.secret, self.arrivals = number, secrets.token_hex(16), arrivals
        self.seen, self.question, self.acknowledged = -1, 0, Counter[int]()
        self.joined, self.breaks = asyncio.Event(), -1

    async def attend(self, server: Server) -> None:
        while True:
            with contextlib.suppress(ConnectionClosed):
                async with server.line() as line:
                    self.breaks += 1
                    await line.send(
                        json.dumps({"type": "hello", "secret": self.secret, "name": f"learner {self.number}"})
                    )
                    async for text in line:
                        await self.hear(line, json.loads(text), time.perf_counter())

    async def hear(self, line: ClientConnection, message: dict, now: float) -> None:
        match message["type"]:
            case "welcome":
                self.id = message["id"]
                self.joined.set()
            case "state":
                found = re.search(r"seed=(\d+)", message["state"])
                latest = int(found[1]) if found else -1
                for change in range(self.seen + 1, latest + 1):
                    self.arrivals.setdefault(change, []).append(now)
                self.seen = max(self.seen, latest)
            case "class" if message["question"] and message["question"]["phase"] == "open":
                number = message["question"]["number"]
                if not self.acknowledged[number]:
                    choice = self.number % len(OPTIONS)
                    await line.send(json.dumps({"type": "answer", "id": self.id, "question": number, "choice": choice}))
            case "kept":
                self.acknowledged[message["question"]] += 1
            case "refused":
                sys.exit(f"a learner was refused: {message}")


async def lesson(server: Server, count: int) -> bool:
    arrivals: dict[int, list[float]] = {}
    learners = [Learner(number, arrivals) for number in range(count)]
    began = time.perf_counter()
    tasks = [asyncio.create_task(learner.attend(server)) for learner in learners]
    await asyncio.gather(*(learner.joined.wait() for learner in learners))
    print(f"{count} learners joined in {time.perf_counter() - began:.1f} s")

    sent: dict[int, float] = {}
    async with server.line() as desk:
        silent = asyncio.create_task(drain(desk))
        await desk.send(json.dumps({"type": "teach", "token": server.token}))
        for change in range(CHANGES):
            sent[change] = time.perf_counter()
            await desk.send(json.dumps({"type": "state", "state": STATE.format(change)}))
            await asyncio.sleep(PAUSE)
        await until(lambda: all(learner.seen == CHANGES - 1 for learner in learners))
        waits = sorted(1e3 * (now - sent[change]) for change, times in arrivals.items() for now in times)
        p95 = waits[int(0.95 * len(waits))]
        print(f"{len(waits)} arrivals of {CHANGES} changes of state: median {waits[len(waits) // 2]:.0f} ms, "
              f"95 % within {p95:.0f} ms, the last after {waits[-1]:.0f} ms")  # fmt: skip

        began = time.perf_counter()
        await desk.send(json.dumps({"type": "ask", "state": STATE.format(0), "options": OPTIONS}))
        await until(lambda: all(learner.acknowledged[1] for learner in learners))
        print(f"{count} answers at once: all on the disk and acknowledged after {time.perf_counter() - began:.2f} s")

        await desk.send(json.dumps({"type": "ask", "state": STATE.format(0), "options": OPTIONS}))
        await until(lambda: sum(bool(learner.acknowledged[2]) for learner in learners) >= count // 4)
        early = [learner for learner in learners if learner.acknowledged[2]]
        server.kill()
        silent.cancel()
    kept = answers(server.path, 2)
    lost = [learner for learner in early if kept.get(f"learner {learner.number}") != [learner.number % len(OPTIONS)]]
    print(f"kill -9 after {len(early)} acknowledged answers: {len(lost)} of them lost, {len(kept)} on the disk")
    began = time.perf_counter()
    server.start()
    await until(lambda: all(learner.acknowledged[2] for learner in learners))
    print(f"restarted: {sum(learner.breaks > 0 for learner in learners)} learners came back, and all answers were "
          f"acknowledged after {time.perf_counter() - began:.1f} s")  # fmt: skip
    for task in tasks:
        task.cancel()
    server.kill()
    whole = all(
        answers(server.path, question) == {f"learner {k}": [k % len(OPTIONS)] for k in range(count)}
        for question in (1, 2)
    )
    print(f"2 x {count} answers: {'each stored exactly once' if whole else 'NOT each stored exactly once'}")
    return whole and not lost and p95 <= 500


async def drain(line: ClientConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for _ in line:
            pass


async def until(done) -> None:
    while not done():
        await asyncio.sleep(0.005)


def answers(path: Path, question: int) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    with contextlib.closing(sqlite3.connect(path)) as database:
        for name, choice in database.execute(
            "SELECT name, choice FROM answer JOIN learner ON number = learner WHERE question = ?", (question,)
        ):
            found.setdefault(name, []).append(choice)
    return found


parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
parser.add_argument("--learners", type=int, default=300)
parser.add_argument("--limit-s", type=float, default=120, help="give up after so many seconds")
given = parser.parse_args()
with tempfile.TemporaryDirectory() as folder:
    server = Server(Path(folder) / "class.sqlite")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before it began")
    try:
        good = asyncio.run(asyncio.wait_for(lesson(server, given.learners), given.limit_s))
    finally:
        server.kill()
sys.exit(0 if good else "not as promised: 500 ms for 95 %, and every answer exactly once")
