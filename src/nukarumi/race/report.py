"""The table at the end of a race: one row for each optimizer, best first, at most 100 columns wide."""

from __future__ import annotations

import io
import math
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from nukarumi.race.grids import GoodRange
from nukarumi.race.result import RaceResult, Spread, Standing

__all__ = ["notes", "print_result", "table_text"]

WIDTH = 100
COLOURS = {"arrived": "green", "still walking": "cyan", "exhausted": "yellow", "diverged": "red"}


def print_result(result: RaceResult, file: Any) -> None:
    """Print the table and its notes; colours only on a terminal that wants them."""
    console = Console(file=file, highlight=False)
    if not console.is_terminal or console.width > WIDTH:
        console.width = WIDTH
    console.print(_table(result))
    for note in notes(result):
        console.print(note, style="dim", markup=False)


def table_text(result: RaceResult) -> str:
    """Give the table and its notes as plain text."""
    file = io.StringIO()
    console = Console(file=file, width=WIDTH, color_system=None, force_terminal=False, highlight=False)
    console.print(_table(result))
    for note in notes(result):
        console.print(note, markup=False)
    return "\n".join(line.rstrip() for line in file.getvalue().splitlines()) + "\n"


def _table(result: RaceResult) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column("optimizer", overflow="fold", max_width=24)
    table.add_column("best lr", justify="right", no_wrap=True)
    table.add_column("test error %", justify="right", no_wrap=True)
    table.add_column("test loss", justify="right", no_wrap=True)
    table.add_column("steps", justify="right", no_wrap=True)
    table.add_column("good lr (decades)", no_wrap=True)
    table.add_column("the walk ended", overflow="fold")
    for standing in result.standings:
        table.add_row(*_row(standing))
    return table


def _row(standing: Standing) -> list[str]:
    best = "-" if standing.best_lr is None else f"{standing.best_lr:.3g}{'*' if standing.at_edge else ''}"
    steps = standing.steps_to_target
    return [
        standing.label.replace("[", r"\["),
        best,
        _spread(standing.error, 100.0, ".2f"),
        _spread(standing.loss, 1.0, ".3g"),
        "-" if steps is None else f"{steps:.0f}",
        _range(standing.good),
        _endings(standing),
    ]


def _spread(spread: Spread, factor: float, form: str) -> str:
    if not math.isfinite(spread.mean):
        return "-"
    mean = format(spread.mean * factor, form)
    return mean if math.isnan(spread.sd) else f"{mean} ± {format(spread.sd * factor, '.2f' if factor > 1 else '.1g')}"


def _range(good: GoodRange | None) -> str:
    if good is None:
        return "-"
    low, high = ("≤" if good.open_low else ""), ("≥" if good.open_high else "")
    return f"{low}{good.low:.3g} to {high}{good.high:.3g} ({'≥' if low or high else ''}{good.decades:.1f})"


def _endings(standing: Standing) -> str:
    if not standing.runs:
        return "not judged" if standing.best_lr is not None or not standing.grades else "diverged at every rate"
    parts = []
    for ending, count in standing.endings:
        share = f" {count}/{len(standing.runs)}" if count < len(standing.runs) else ""
        parts.append(f"[{COLOURS[ending.word]}]{ending.word}{share}[/]")
    missing = standing.seeds - len(standing.runs)
    return ", ".join(parts) + (f" ({missing} not run)" if missing > 0 else "")


def notes(result: RaceResult) -> list[str]:
    """Give the sentences below the table."""
    settings = result.settings
    lines = [] if result.complete else ["Interrupted: this is what was finished."]
    judged, tuned = len(settings["seeds"]), len(settings["tuning_seeds"])
    lines.append(
        f"{result.problem}, {settings['epochs']} epochs; rates tuned on validation ({tuned} seed{'s' * (tuned > 1)}), "
        f"judged on test ({judged} other seed{'s' * (judged > 1)}): mean ± sample standard deviation."
    )
    if result.target is not None:
        lines.append(f"steps: batches until the mean training loss was at most {result.target:g} (median; -: never).")
    edges = [standing for standing in result.standings if standing.at_edge]
    if edges:
        names = ", ".join(f"{standing.label} ({standing.at_edge})" for standing in edges)
        lines.append(f"* still at the edge of the grid: {names}; a better rate may lie beyond.")
    return lines
