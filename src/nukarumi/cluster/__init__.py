"""Past one machine, on Ray: races, tables and sparse training over many machines, and the plan beforehand.

``pip install 'nukarumi[cluster]'`` brings Ray; nothing here imports it before it is wanted. ``docs/cluster.md`` says
how the parts behave when machines come and go, ``docs/scale.md`` what to expect of how many.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nukarumi.cluster.connect import ClusterError, Session
    from nukarumi.cluster.fit import fit_on_ray
    from nukarumi.cluster.races import Ray
    from nukarumi.cluster.shared import Client, SharedTable
    from nukarumi.cluster.table import ShardedTable

__all__ = ["Client", "ClusterError", "Ray", "Session", "ShardedTable", "SharedTable", "fit_on_ray"]

HOMES = {
    "Client": "shared",
    "ClusterError": "connect",
    "Ray": "races",
    "Session": "connect",
    "ShardedTable": "table",
    "SharedTable": "shared",
    "fit_on_ray": "fit",
}
"""Which module a public name lives in; it is imported when the name is first asked for."""


def __getattr__(name: str) -> object:
    if name in HOMES:
        return getattr(import_module(f"{__name__}.{HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
