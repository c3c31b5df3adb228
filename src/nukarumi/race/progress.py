"""What is seen while a race runs: a bar for each optimizer on a terminal, a few plain lines elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Any, Protocol

__all__ = ["Bars", "Lines", "Progress", "Quiet", "progress_for"]


class Progress(Protocol):
    """Told by a race what happens; changes nothing."""

    def begin(self, title: str, labels: Sequence[str]) -> None:
        """The race starts."""
        ...

    def plan(self, label: str, runs: int) -> None:
        """So many more runs of an optimizer are to be done."""
        ...

    def done(self, label: str, best: str) -> None:
        """One run is finished; ``best`` says in words how the optimizer stands."""
        ...

    def end(self) -> None:
        """The race is over or interrupted."""
        ...


class Quiet:
    """Shows nothing."""

    def begin(self, title: str, labels: Sequence[str]) -> None:
        """See `Progress`."""

    def plan(self, label: str, runs: int) -> None:
        """See `Progress`."""

    def done(self, label: str, best: str) -> None:
        """See `Progress`."""

    def end(self) -> None:
        """See `Progress`."""


class Lines(Quiet):
    """Writes a line when the race begins and one whenever an optimizer has no planned run left.

    Parameters
    ----------
    file
        Where to write.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._left: dict[str, int] = {}

    def begin(self, title: str, labels: Sequence[str]) -> None:
        """See `Progress`."""
        self._say(f"{title}: {', '.join(labels)}")

    def plan(self, label: str, runs: int) -> None:
        """See `Progress`."""
        self._left[label] = self._left.get(label, 0) + runs

    def done(self, label: str, best: str) -> None:
        """See `Progress`."""
        self._left[label] -= 1
        if not self._left[label]:
            self._say(f"  {label}: {best}")

    def _say(self, line: str) -> None:
        self._file.write(line + "\n")
        self._file.flush()


class Bars:
    """Draws one bar for each optimizer with rich.

    Parameters
    ----------
    file
        The terminal to draw on.
    """

    def __init__(self, file: Any) -> None:
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415
        from rich.progress import Progress as RichProgress  # noqa: PLC0415

        self._bars = RichProgress(
            TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(),
            TextColumn("{task.fields[best]}", markup=False), TimeElapsedColumn(), console=Console(file=file),
        )  # fmt: skip
        self._tasks: dict[str, Any] = {}

    def begin(self, title: str, labels: Sequence[str]) -> None:
        """See `Progress`."""
        self._bars.console.print(title, markup=False, highlight=False)
        self._tasks = {label: self._bars.add_task(label, total=0, best="", start=True) for label in labels}
        self._bars.start()

    def plan(self, label: str, runs: int) -> None:
        """See `Progress`."""
        task = self._tasks[label]
        self._bars.update(task, total=(self._bars.tasks[task].total or 0) + runs)

    def done(self, label: str, best: str) -> None:
        """See `Progress`."""
        self._bars.update(self._tasks[label], advance=1, best=best)

    def end(self) -> None:
        """See `Progress`."""
        self._bars.stop()


def progress_for(wish: bool | Progress, file: Any = None) -> Progress:
    """Choose: nothing for False, bars on a terminal, lines elsewhere; a `Progress` object is taken as it is."""
    if not isinstance(wish, bool):
        return wish
    if not wish:
        return Quiet()
    file = sys.stderr if file is None else file
    return Bars(file) if file.isatty() else Lines(file)
