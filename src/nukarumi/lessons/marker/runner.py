"""Runs a learner's class in an interpreter of its own, and brings back what was seen of it.

The learner's code is never imported here. It gets an empty folder to work in, no input, a time limit, a limit on memory
and on the size of files, and the start of whatever it prints is kept. When it is over, its whole process group is
ended, so a thread or a process that it started does not outlive it. This keeps mistakes from doing harm; it is no
prison for code that means harm.
"""

from __future__ import annotations

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nukarumi._errors import BadInput
from nukarumi.lessons.marker.probes import probes
from nukarumi.lessons.marker.source import Source

__all__ = ["MEMORY", "SECONDS", "Seen", "run"]

SECONDS = 10.0
"""How long a class may take, from the moment when its interpreter is ready."""

MEMORY = 2 << 30
"""How many bytes of memory a class may ask for."""

START = 60.0
"""How long the interpreter itself may take to start on a busy machine."""

KEPT = 2000
"""Characters kept of what is printed."""

MOST = 1 << 23
"""Bytes that the report of one class may have."""

CHILD = Path(__file__).with_name("child.py")


@dataclass
class Seen:
    """What was seen of a class.

    Attributes
    ----------
    events
        The child's report, in order; empty if it said nothing.
    printed, printed_bytes
        The start of what it printed, and how much it was in all.
    code
        The exit code; negative for a signal.
    hung
        Whether the time limit ended it.
    hung_line
        The line of the learner's source at which it then stood.
    """

    events: list[dict[str, Any]] = field(default_factory=list)
    printed: str = ""
    printed_bytes: int = 0
    code: int = 0
    hung: bool = False
    hung_line: int | None = None

    def event(self, kind: str) -> dict[str, Any] | None:
        """The first event of a kind."""
        return next((each for each in self.events if each.get("event") == kind), None)

    def probe(self, name: str) -> dict[str, Any] | None:
        """What was seen on one probe."""
        return next((each for each in self.events if each.get("event") == "probe" and each.get("name") == name), None)


def run(source: Source, seconds: float = SECONDS, memory: int = MEMORY) -> Seen:
    """Run a class on every probe.

    Parameters
    ----------
    source
        Its text.
    seconds
        Time limit, above 0.
    memory
        Bytes that it may ask for.

    Raises
    ------
    BadInput
        If a limit is not above 0, or the interpreter itself does not start.
    """
    if not 0 < seconds <= 3600:
        raise BadInput("the time limit must be above 0 and at most 3600 seconds", seconds, "pass 10")
    with tempfile.TemporaryDirectory(prefix="nukarumi-check-", ignore_cleanup_errors=True) as folder:
        job, work = Path(folder) / "job.json", Path(folder) / "work"
        work.mkdir()
        here = [entry for entry in sys.path if entry and Path(entry).exists()]
        given = {
            "path": [str(Path(entry).resolve()) for entry in [*here, *source.folders]],
            "pieces": [{"filename": p.filename, "line": p.line, "text": p.text} for p in source.pieces],
            "class": source.name,
            "probes": [probe.job() for probe in probes()],
            "seconds": seconds,
            "bytes": memory,
        }
        job.write_text(json.dumps(given), encoding="utf-8")
        return _watch(job, work, seconds, {piece.filename for piece in source.pieces})


def _watch(job: Path, work: Path, seconds: float, files: set[str]) -> Seen:
    report, report_end = os.pipe()
    try:
        process = subprocess.Popen(
            [sys.executable, "-I", "-B", "-X", "utf8", str(CHILD), str(job), str(report_end)],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd=work,
            env=_environment(work), pass_fds=[report_end], start_new_session=True,
        )  # fmt: skip
    except BaseException:
        os.close(report)
        raise
    finally:
        os.close(report_end)
    heard = _Heard(report, time.monotonic() + START)
    try:
        late = _listen(process, heard, seconds)
    finally:
        _end(process)
        os.close(report)
    if not heard.ready:
        raise BadInput("the interpreter that runs the class must start", f"exit code {process.returncode}", "try again")
    seen = _read(bytes(heard.told), files)
    ended = (seen.event("ended") or {}).get("code")
    seen.code = ended if isinstance(ended, int) else process.returncode
    seen.hung |= late or seen.code == -signal.SIGXCPU
    seen.printed, seen.printed_bytes = heard.printed.decode("utf-8", "replace")[:KEPT], heard.printed_bytes
    return seen


@dataclass
class _Heard:
    """What has come from the child so far, and until when it may go on."""

    report: int
    deadline: float
    ready: bool = False
    told: bytearray = field(default_factory=bytearray)
    printed: bytearray = field(default_factory=bytearray)
    printed_bytes: int = 0

    def take(self, descriptor: int, block: bytes, seconds: float) -> None:
        """Keep a block of the report, or the start of what is printed."""
        if descriptor != self.report:
            self.printed_bytes += len(block)
            self.printed += block[: max(0, 4 * KEPT - len(self.printed))]
            return
        self.told += block
        if not self.ready and b"\n" in self.told:
            self.ready, self.deadline = True, time.monotonic() + seconds + 2


def _listen(process: subprocess.Popen[bytes], heard: _Heard, seconds: float) -> bool:
    """Hear the child until it is over; whether it had to be stopped because its time was up."""
    with selectors.DefaultSelector() as selector, process.stdout or open(os.devnull, "rb") as printed:
        selector.register(heard.report, selectors.EVENT_READ)
        selector.register(printed, selectors.EVENT_READ)
        while selector.get_map():
            left = heard.deadline - time.monotonic()
            if left <= 0 or len(heard.told) > MOST:
                return True
            over = process.poll() is not None
            found = selector.select(0 if over else min(left, 0.1))
            if over and not found:
                return False  # what is still open belongs to processes that it left behind
            for key, _ in found:
                block = os.read(key.fd, 1 << 16)
                if block:
                    heard.take(key.fd, block, seconds)
                else:
                    selector.unregister(key.fileobj)
    try:
        process.wait(max(0.0, heard.deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return True
    return False


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the child and everything in its process group."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (ProcessLookupError, PermissionError):
        process.kill()
    process.wait()


def _environment(work: Path) -> dict[str, str]:
    kept = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "VIRTUAL_ENV")
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")
    out = {name: os.environ[name] for name in kept if name in os.environ}
    return out | dict.fromkeys(threads, "1") | {"HOME": str(work), "TMPDIR": str(work), "MPLBACKEND": "Agg"}


FRAME = re.compile(r'^ {2}File "(?P<file>.*)", line (?P<line>\d+) in ')


def _read(told: bytes, files: set[str]) -> Seen:
    """The report, line by line; a line that is no object of ours is the interpreter's own traceback."""
    seen = Seen()
    for line in told.decode("utf-8", "replace").splitlines():
        if line.startswith("Timeout ("):
            seen.hung = True
        frame = FRAME.match(line)
        if frame:
            if seen.hung_line is None and frame["file"] in files:
                seen.hung_line = int(frame["line"])
            continue
        try:
            event = json.loads(line)
        except (ValueError, RecursionError):
            continue
        if isinstance(event, dict) and isinstance(event.get("event"), str):
            seen.events.append(event)
    return seen
