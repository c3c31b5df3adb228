"""The lab: see why the hiker stops. One page, and its homes: a server, a file, a notebook, the report of a race.

The page is built from ``web/`` when the package is built; the homes only put data into it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nukarumi.lab.handout import write_handout
    from nukarumi.lab.reports import report, watch_report, write_report
    from nukarumi.lab.widget import Lab

__all__ = ["Lab", "report", "watch_report", "write_handout", "write_report"]

ROOMS = {
    "Lab": "widget",
    "report": "reports",
    "watch_report": "reports",
    "write_handout": "handout",
    "write_report": "reports",
}


def __getattr__(name: str) -> object:
    # Each home brings its own libraries, and the generator of the page's rules must run with NumPy alone.
    if name not in ROOMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(f"nukarumi.lab.{ROOMS[name]}"), name)
