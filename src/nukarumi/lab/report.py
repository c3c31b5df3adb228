"""The report of a race: its result and its trails as the data that the page draws, and the page with that data in it.

The data's contract is written once, in ``web/src/views/report/types.ts``. It holds what a reader of the report may see:
numbers and names, and no path of the machine that ran the race.
"""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from nukarumi._errors import BadInput
from nukarumi.lab.handout import write_page
from nukarumi.lab.page import page
from nukarumi.problems import NAMES
from nukarumi.race.entrants import default_names, entrants
from nukarumi.race.grids import default_grid
from nukarumi.trail import Trail
from nukarumi.trail.columns import QUANTILES

if TYPE_CHECKING:
    from nukarumi.race import RaceResult

__all__ = ["report", "write_report"]

NAME = "report.html"
DIGITS = 4
NORMS = ("gradient_norm", "step_norm", "weight_norm")
LARGEST = 3_000_000
"""Bytes of a report's data; the trails are thinned to every second row until it is not larger."""


def report(race: RaceResult | str | os.PathLike[str]) -> dict[str, Any]:
    """Gather what the report of a race shows.

    Parameters
    ----------
    race
        A result, or the folder of a race, finished or interrupted.

    Returns
    -------
    dict
        The data of ``web/src/views/report/types.ts``, made of JSON types.

    Raises
    ------
    BadInput
        If the folder holds no race, or a damaged one.

    Examples
    --------
    >>> from nukarumi.race import Serial, race
    >>> result = race("digits", "adagrad", epochs=1, seeds=1, grid=[0.1], extend=0, engine=Serial(), out=False,
    ...               progress=False)
    >>> shown = report(result)
    >>> shown["command"]
    'nukarumi race --optimizers Adagrad --epochs 1 --seeds 1 --grid 0.1 --extend 0'
    >>> [layer["name"] for layer in shown["trails"][0]["layers"]]
    ['W1', 'b1', 'W2', 'b2']
    """
    result, trails = _from_folder(Path(race)) if isinstance(race, str | os.PathLike) else _from_result(race)
    result["folder"] = None
    data = result["settings"].get("data")
    if isinstance(data, dict) and result["problem"] not in NAMES and "source" in data:
        data["source"] = Path(str(data["source"])).name  # a data file's name, not where it lies
    gathered: dict[str, Any] = {
        "format": "nukarumi.race.report",
        "version": 1,
        "command": command(result["settings"]),
        "result": result,
        "quantiles": list(QUANTILES),
    }
    stride = 1
    while True:
        gathered["trails"] = list(_trails(result["standings"], trails, stride))
        if len(json.dumps(gathered)) <= LARGEST or stride >= 64:
            return gathered
        stride *= 2


def write_report(
    race: RaceResult | str | os.PathLike[str], path: str | os.PathLike[str] | None = None, lang: str = "both"
) -> Path:
    """Write the report of a race as one file that opens from anywhere.

    Parameters
    ----------
    race
        A result, or the folder of a race.
    path
        Where to; None for ``report.html`` in the race's folder.
    lang
        ``"ja"``, ``"en"`` or ``"both"``.

    Returns
    -------
    Path
        The file.

    Raises
    ------
    BadInput
        If the folder holds no race, or there is neither a folder nor a path.
    """
    if path is None:
        folder = race if isinstance(race, str | os.PathLike) else race.folder
        if folder is None:
            raise BadInput(
                "a race without a folder needs a path for its report", "path=None", "pass path='report.html'"
            )
        path = Path(folder) / NAME
    return write_page(path, page("report", lang=lang, report=report(race)))


Runs = dict[tuple[str, int], Trail]


def _from_result(result: RaceResult) -> tuple[dict[str, Any], Runs]:
    return result.to_dict(), {
        (standing.label, seed): Trail.from_bytes(run.trail, f"the trail of {standing.label} seed {seed}")
        for standing in result.standings
        for seed, run in standing.runs.items()
        if run.trail is not None
    }


def _from_folder(folder: Path) -> tuple[dict[str, Any], Runs]:
    file = folder / "result.json"
    try:
        result = json.loads(file.read_bytes())
        known = result["format"] == "nukarumi.race.result" and result["version"] == 1
        rates = {standing["optimizer"]: standing["best_lr"] for standing in result["standings"]}
    except OSError as error:
        raise BadInput("a report needs the folder of a race that was finished or interrupted",
                       f"{folder} ({error.strerror})", "pass the folder that the race named") from None  # fmt: skip
    except (ValueError, KeyError, TypeError) as error:
        raise BadInput(f"{file} must be a file that a race wrote", error, "run the race again with --resume") from None
    if not known:
        raise BadInput(f"{file} must be a result of version 1", result["version"], "update nukarumi")
    trails: Runs = {}
    for path in sorted((folder / "trails").glob("*.safetensors")):
        trail = Trail.load(path)
        label = str(trail.meta.get("optimizer"))
        if label in rates and trail.meta.get("lr") == rates[label]:
            trails[label, int(trail.meta["seed"])] = trail
    return result, trails


def _trails(standings: Sequence[Mapping[str, Any]], trails: Runs, stride: int) -> Iterator[dict[str, Any]]:
    for standing in standings:
        label = standing["optimizer"]
        errors = {run["seed"]: run["error"] for run in standing["runs"] if (label, run["seed"]) in trails}
        # The run with the median error, the lower of two; a diverged run counts as the worst.
        order = sorted(errors, key=lambda seed: (math.inf if errors[seed] is None else errors[seed], seed))
        middle = order[(len(order) - 1) // 2] if order else None
        for seed in sorted(errors):
            yield _trail(label, seed, trails[label, seed], stride, bold=seed == middle)


def _trail(label: str, seed: int, trail: Trail, stride: int, *, bold: bool) -> dict[str, Any]:
    rows = list(range(0, len(trail), stride))
    if rows and rows[-1] != len(trail) - 1:
        rows.append(len(trail) - 1)
    return {
        "optimizer": label,
        "seed": seed,
        "bold": bold,
        "step": trail.steps[rows].tolist(),
        "loss": _rounded(trail.loss[rows]),
        "layers": [_layer(trail, name, rows, fans=bold) for name in trail.arrays],
    }


def _layer(trail: Trail, name: str, rows: list[int], *, fans: bool) -> dict[str, Any]:
    spread = ["effective_lr", *(f"state/{state}" for state in trail.states)]
    return {
        "name": name,
        "shape": list(trail.arrays[name]),
        **{norm: _rounded(trail.column(name, norm)[rows]) for norm in NORMS},
        "fans": {
            column: [_rounded(trail.column(name, column)[rows, index]) for index in range(len(QUANTILES))]
            for column in spread
        }
        if fans
        else None,
    }  # fmt: skip


def _rounded(column: NDArray[np.float64]) -> list[float | None]:
    return [float(f"{number:.{DIGITS}g}") if math.isfinite(number) else None for number in column.tolist()]


def command(settings: Mapping[str, Any]) -> str:
    """Write the command that gives a race's numbers again, from its settings; in Python where the shell cannot say it.

    Examples
    --------
    >>> command({"problem": "digits", "options": {}, "optimizers": [], "epochs": 3, "tuning_seeds": [0, 1, 2],
    ...          "seeds": [3, 4], "extend": 3, "data": {}})
    'nukarumi race --epochs 3 --seeds 2'
    """
    tuning, judging = settings["tuning_seeds"], settings["seeds"]
    consecutive = judging == list(range(tuning[0] + 3, tuning[0] + 3 + len(judging)))
    field = {optimizer["label"]: optimizer["grid"] for optimizer in settings["optimizers"]}
    usual = all(label in default_names() for label in field)
    grids = list(field.values())
    default = usual and all(grid == default_grid(entrants(label)[0].lr) for label, grid in field.items())
    same = all(grid == grids[0] for grid in grids)
    told = (
        len(tuning) == 3 and consecutive and usual and (default or same) and set(settings["options"]) <= {"batch_size"}
    )
    return _in_shell(settings, field, default=default) if told else _in_python(settings, field)


def _in_shell(settings: Mapping[str, Any], field: Mapping[str, list[float]], *, default: bool) -> str:
    words = ["nukarumi", "race"]
    if settings["problem"] != "digits":
        words += ["--problem", _problem(settings)]
    if field and tuple(field) != default_names():
        words += ["--optimizers", ",".join(field)]
    words += ["--epochs", str(settings["epochs"]), "--seeds", str(len(settings["seeds"]))]
    if settings["tuning_seeds"][0] != 0:
        words += ["--seed", str(settings["tuning_seeds"][0])]
    if not default:
        words += ["--grid", ",".join(map(repr, next(iter(field.values()))))]
    if settings["extend"] != 3:
        words += ["--extend", str(settings["extend"])]
    if settings["options"]:
        words += ["--batch-size", str(settings["options"]["batch_size"])]
    return shlex.join(words)


def _in_python(settings: Mapping[str, Any], field: Mapping[str, list[float]]) -> str:
    entries = ", ".join(label if "(" in label else repr(label) for label in field)  # a label is the call that makes it
    options = f"options={dict(settings['options'])!r}, " if settings["options"] else ""
    return (
        f"race({_problem(settings)!r}, [{entries}], {options}epochs={settings['epochs']}, seeds={settings['seeds']}, "
        f"tuning_seeds={len(settings['tuning_seeds'])}, seed={settings['tuning_seeds'][0]}, grid={dict(field)!r}, "
        f"extend={settings['extend']})"
    )


def _problem(settings: Mapping[str, Any]) -> str:
    if settings["problem"] in NAMES:
        return str(settings["problem"])
    data = settings["data"] if isinstance(settings["data"], Mapping) else {}
    return Path(str(data.get("source", settings["problem"]))).name
