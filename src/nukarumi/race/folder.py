"""A race's folder: each finished run is a file of its own, written whole or not at all; so a race can go on any time.

race.json       which race this is: every setting that decides its numbers
runs/*.json     one finished run each
trails/*        the trail of each judged run, docs/trail.md
result.json     the result, when the race is over or was interrupted
"""

from __future__ import annotations

import dataclasses
import json
import math
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nukarumi._errors import BadInput
from nukarumi._files import write_atomically
from nukarumi.race.ending import Ending
from nukarumi.race.runs import Outcome, Task

__all__ = ["Folder", "latest", "new_path"]

VERSION = 1
ROOT = "races"


def plain(value: Any) -> Any:
    """Turn a value into what JSON can hold; NaN and infinities become None."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(name): plain(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [plain(inner) for inner in value]
    return value if isinstance(value, bool | int | str | None) else repr(value)


def new_path(problem: str) -> Path:
    """Name a new folder: ``races/<problem>-<date>-<time>``, with a number when that is taken."""
    name = "".join(letter if letter.isalnum() or letter in "._-" else "-" for letter in problem)[:60] or "race"
    base = Path(ROOT) / f"{name}-{time.strftime('%Y%m%d-%H%M%S')}"
    path, number = base, 1
    while path.exists():
        number += 1
        path = base.with_name(f"{base.name}-{number}")
    return path


def latest() -> Path:
    """Find the race in ``races/`` that was last worked on.

    Raises
    ------
    BadInput
        If there is none.
    """
    found = sorted(Path(ROOT).glob("*/race.json"), key=lambda manifest: manifest.stat().st_mtime)
    if not found:
        raise BadInput(
            f"there must be a race in ./{ROOT} to resume", "none", "name the folder: --resume FOLDER, resume='FOLDER'"
        )
    return found[-1].parent


class Folder:
    """The folder of one race.

    Parameters
    ----------
    path
        Where it is, or is to be.
    settings
        What decides the numbers of the race. A folder that is resumed must have been made with equal settings.
    resume
        Whether to go on with what the folder holds.

    Raises
    ------
    BadInput
        If the folder holds a race already and ``resume`` is false; if it holds none, or another race, and ``resume``
        is true; if it cannot be made; if a file in it is damaged.
    """

    def __init__(self, path: str | os.PathLike[str], settings: Mapping[str, Any], *, resume: bool) -> None:
        self.path = Path(path)
        manifest = self.path / "race.json"
        self._settings = plain(settings)
        if resume:
            _compare(_read(manifest), self._settings, manifest)
            return
        if manifest.exists():
            raise BadInput("out must be a folder without a race", self.path, "pass another folder, or resume this one")
        try:
            for part in ("runs", "trails"):
                (self.path / part).mkdir(parents=True, exist_ok=True)
            self._write(manifest, {"format": "nukarumi.race", "version": VERSION, "settings": self._settings})
        except OSError as error:
            raise BadInput("out must be a folder that can be written", f"{self.path}: {error.strerror}", "pass another "
                           "folder") from None  # fmt: skip

    def keep(self, task: Task, outcome: Outcome) -> None:
        """Write a finished run: its trail first, so that a run without a trail is never seen."""
        if outcome.trail is not None:
            write_atomically(self.trail_path(task), outcome.trail)
        values = {field.name: getattr(outcome, field.name) for field in dataclasses.fields(outcome)}
        del values["trail"]
        values["ending"] = outcome.ending.word if outcome.ending else None
        self._write(self.path / "runs" / f"{task.key}.json", values)

    def finished(self, task: Task) -> Outcome | None:
        """Give the outcome of a run that was finished earlier, or None.

        Raises
        ------
        BadInput
            If its file is damaged.
        """
        path = self.path / "runs" / f"{task.key}.json"
        if not path.exists():
            return None
        values = _read(path)
        try:
            word = values.pop("ending")
            ending = next(ending for ending in Ending if ending.word == word) if word else None
            numbers = {name: math.nan if values[name] is None else float(values[name])
                       for name in ("loss", "error", "train_loss")}  # fmt: skip
            trail = self.trail_path(task).read_bytes() if task.phase == "judging" else None
            outcome = Outcome(**{**values, **numbers, "ending": ending, "trail": trail})
            if outcome.key != task.key:
                raise ValueError(f"it is of {outcome.key}")
        except (KeyError, TypeError, ValueError, StopIteration, OSError) as error:
            raise _damaged(path, error) from None
        return outcome

    def trail_path(self, task: Task) -> Path:
        """Say where a judged run's trail is."""
        return self.path / "trails" / f"{task.key.partition('-')[2]}.safetensors"

    def finish(self, result: Mapping[str, Any]) -> None:
        """Write ``result.json``."""
        self._write(self.path / "result.json", result)

    @staticmethod
    def _write(path: Path, values: Mapping[str, Any]) -> None:
        write_atomically(path, (json.dumps(plain(values), ensure_ascii=False, indent=1) + "\n").encode())


def _read(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise BadInput(f"{path.parent} must hold a race to resume", f"no {path.name}", "check the folder") from None
    except (OSError, ValueError) as error:
        raise _damaged(path, error) from None
    if not isinstance(values, dict):
        raise _damaged(path, type(values).__name__)
    return values


def _damaged(path: Path, why: object) -> BadInput:
    return BadInput(f"{path} must be a file that a race wrote", why, "delete it, and its run is done again")


def _compare(manifest: Mapping[str, Any], settings: Mapping[str, Any], path: Path) -> None:
    if manifest.get("format") != "nukarumi.race" or manifest.get("version") != VERSION:
        raise BadInput(f"{path} must be the race.json of this nukarumi", manifest.get("version"), "start a new race")
    before = manifest.get("settings")
    before = before if isinstance(before, dict) else {}
    differ = [name for name in sorted({*before, *settings}) if before.get(name) != settings.get(name)]
    if differ:
        raise BadInput(
            f"a race can only be resumed with the settings it was started with ({path.parent})",
            "; ".join(f"{name} was {_short(before.get(name))} and is now {_short(settings.get(name))}"
                      for name in differ),
            "repeat the settings, or start a new race in another folder",
        )  # fmt: skip


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]}..."
