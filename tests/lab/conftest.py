"""A running lab, as the command starts it, and a small race to report on."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from nukarumi.race import RaceResult, Serial, race

sys.path.insert(0, str(Path(__file__).parent))

from lab_browser import FLAGS, find_browser
from lab_running import Running


@pytest.fixture(scope="session")
def lab() -> Iterator[Running]:
    """One lab for all tests that only look at it."""
    running = Running("--port", "0")
    yield running
    assert running.close() == "The lab is closed.\n"
    assert running.process.returncode == 0


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory) -> RaceResult:
    """A small race with a folder."""
    return race(
        "digits", "sgd, adagrad, adam", epochs=2, seeds=3, grid={"SGD": [0.1, 0.2], "Adagrad": [0.05], "Adam": [0.01]},
        extend=0, engine=Serial(), out=Path(tmp_path_factory.mktemp("race")) / "mine", progress=False,
    )  # fmt: skip


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's Chromium, with a profile that is empty and thrown away."""
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=find_browser(), args=FLAGS)
        yield chromium
        chromium.close()
