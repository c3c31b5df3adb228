"""The browser of the browser tests: Debian's Chromium, and pages that remember what went wrong in them."""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page

__all__ = ["FLAGS", "Watched", "axe", "find_browser", "watched"]

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"

# Software rendering, and nothing that a browser does on its own behalf.
FLAGS = [
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


def find_browser() -> str:
    """The Chromium that tests/prepare.py finds or installs."""
    path = Path(__file__).parents[1] / "prepare.py"
    spec = importlib.util.spec_from_file_location("prepare", path)
    prepare = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(prepare)
    found = prepare.browser()
    assert found, f"there is no Chromium: run python {path.relative_to(path.parents[1])}"
    return found


class Watched:
    """A page, and everything that must not happen in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.errors: list[str] = []
        self.requests: list[str] = []
        page.on("console", lambda message: message.type in ("error", "warning") and self.errors.append(message.text))
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("dialog", lambda dialog: (self.errors.append(f"dialog {dialog.message}"), dialog.dismiss()))

    def beyond(self, own: str) -> list[str]:
        """Requests to anything but this address; what the page carries within itself is none."""
        return [url for url in self.requests if not re.match(r"(data|blob|about):", url) and url.split("#")[0] != own]


@contextmanager
def watched(browser: Browser, **options: Any) -> Iterator[Watched]:
    """A page in a context of its own that has never seen the lab before."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, "locale": "en-GB", **options})
    context.set_default_timeout(15_000)
    try:
        yield Watched(context.new_page())
    finally:
        context.close()


def axe(page: Page) -> list[str]:
    """What axe finds serious or critical."""
    assert AXE.exists(), "axe-core is missing: run python web/node.py npm ci"
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
    return [
        f"{each['id']}: {node['html'][:150]} ({node['failureSummary'][:200]})"
        for each in found
        if each["impact"] in ("serious", "critical")
        for node in each["nodes"]
    ]
