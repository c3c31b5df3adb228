"""A lab that runs in a process of its own."""

from __future__ import annotations

import re
import signal
import subprocess
import sys

__all__ = ["Running"]


class Running:
    """A lab that the command `nukarumi lab` shows; its words so far are in ``lines``."""

    def __init__(self, *words: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "nukarumi", "lab", "--no-browser", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        self.lines: list[str] = []
        while not self.lines or "http://" not in self.lines[-1]:
            line = self.process.stdout.readline()
            assert line, self.process.stderr.read()
            self.lines.append(line)
        self.url = re.search(r"http://\S+", self.lines[-1])[0]
        self.port = int(self.url.rstrip("/").rpartition(":")[2])

    def close(self) -> str:
        """Press Ctrl-C; what it said after that."""
        self.process.send_signal(signal.SIGINT)
        out, err = self.process.communicate(timeout=20)
        assert not err, err
        return out
