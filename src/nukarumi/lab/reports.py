"""The report of a race or of a watched script: its trails as the data that the page draws, and the page with it.

The data's contract is written once, in ``web/src/views/report/types.ts``. It holds what a reader of the report may see:
numbers and names, and no path of the machine that made them.
"""

from __future__ import annotations

import json
import math
import os
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from nukarumi.sensor.diagnosis import diagnose
from nukarumi.sensor.findings import Finding
from nukarumi.trail import Trail
from nukarumi.trail.columns import QUANTILES

if TYPE_CHECKING:
    from nukarumi.race import RaceResult

__all__ = ["report", "watch_report", "watched", "write_report"]

NAME = "report.html"
DIGITS = 4
NORMS = ("gradient_norm", "step_norm", "weight_norm")
FINDINGS = "findings.json"
LARGEST = 3_000_000
"""Bytes of a report's data; the trails are thinned to every second row until it is not larger."""


def report(race: RaceResult | str | os.PathLike[str]) -> dict[str, Any]:
    """Gather what the report of a race shows, or of a watched script.

    Parameters
    ----------
    race
        A result, or the folder of a race, finished or interrupted; or the folder of `nukarumi watch`.

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
    if isinstance(race, str | os.PathLike):
        if (Path(race) / FINDINGS).is_file():
            return watched(race)
        result, trails = _from_folder(Path(race))
    else:
        result, trails = _from_result(race)
    result["folder"] = None
    data = result["settings"].get("data")
    if isinstance(data, dict) and result["problem"] not in NAMES and "source" in data:
        data["source"] = Path(str(data["source"])).name  # a data file's name, not where it lies
    return _fitting(
        lambda stride: {
            "format": "nukarumi.race.report",
            "version": 1,
            "command": command(result["settings"]),
            "result": result,
            "quantiles": list(QUANTILES),
            "trails": list(_trails(result["standings"], trails, stride)),
        },
        len(NORMS) * sum(len(trail) * len(trail.arrays) for trail in trails.values()),
    )


def watched(
    folder: str | os.PathLike[str] | None,
    trails: Mapping[str, Trail] | None = None,
    findings: Mapping[str, Sequence[Finding]] | None = None,
) -> dict[str, Any]:
    """Gather what the report of a watched script shows.

    Parameters
    ----------
    folder
        The folder of `nukarumi watch`; None where there are only trails.
    trails
        The trail of each optimizer, by name; None for those in the folder.
    findings
        What was found in a trail, by the same names; a trail without an entry is diagnosed.

    Returns
    -------
    dict
        The data of ``web/src/views/report/types.ts``, made of JSON types.

    Raises
    ------
    BadInput
        If there is no trail, or the folder is not one that `nukarumi watch` has written.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import Adagrad
    >>> from nukarumi.sensor import watch
    >>> opt, params = Adagrad(lr=0.001, initial_accumulator=10.0), {"W": np.ones((2, 3))}
    >>> with watch(opt, every=1) as sensor:
    ...     for _ in range(30):
    ...         opt.update(params, {"W": 1e-3 * np.ones((2, 3))})
    >>> shown = watched(None, {"mine": sensor.trail})
    >>> shown["runs"][0]["findings"][0]["kind"]
    'never_started'
    """
    told = {} if folder is None else _told(Path(folder), needed=trails is None)
    if trails is None:
        trails = {name: Trail.load(Path(folder or "", f"{name}.safetensors")) for name in told if name}
    if not trails:
        raise BadInput("a report needs the trail of an optimizer", "none", "pass {'adagrad': sensor.trail}")
    given = findings or {}
    runs = {
        name: (trail, given[name] if name in given else diagnose(trail), told.get(name, [{}])[0])
        for name, trail in trails.items()
    }
    scripts = [str(trail.meta["script"]) for trail in trails.values() if "script" in trail.meta]
    return _fitting(
        lambda stride: {
            "format": "nukarumi.watch.report",
            "version": 1,
            "script": scripts[0] if scripts else None,
            "quantiles": list(QUANTILES),
            "runs": [_watched(name, *run, stride) for name, run in runs.items()],
            "refused": [{"optimizer": each["optimizer"], "why": each["refused"]} for each in told.get("", [])],
        },
        sum(
            len(trail) * len(trail.arrays) * (len(NORMS) + len(QUANTILES) * (1 + len(trail.states)))
            for trail in trails.values()
        ),
    )


def watch_report(
    folder: str | os.PathLike[str],
    trails: Mapping[str, Trail] | None = None,
    findings: Mapping[str, Sequence[Finding]] | None = None,
    lang: str = "both",
) -> Path:
    """Write the report of a watched script into its folder, as one file that opens from anywhere.

    Parameters
    ----------
    folder
        Where to; what `nukarumi watch` has left there is shown too.
    trails, findings
        As in `watched`.
    lang
        ``"ja"``, ``"en"`` or ``"both"``.

    Returns
    -------
    Path
        The file, ``report.html``.

    Raises
    ------
    BadInput
        As `watched`, or if there is no such folder.
    """
    return write_page(Path(folder) / NAME, page("report", lang=lang, report=watched(folder, trails, findings)))


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
    rows = _rows(trail, stride)
    return {
        "optimizer": label,
        "seed": seed,
        "bold": bold,
        **_over_time(trail, rows),
        "layers": [_layer(trail, name, rows, fans=bold) for name in trail.arrays],
    }


def _told(folder: Path, *, needed: bool) -> dict[str, list[dict[str, Any]]]:
    """What `nukarumi watch` has told: entries by the name of their trail, those of refused optimizers under ""."""
    file = folder / FINDINGS
    told: dict[str, list[dict[str, Any]]] = {}
    try:
        for entry in json.loads(file.read_bytes()):
            trail = str(entry.get("trail", ""))
            if trail or "refused" in entry:
                told.setdefault(Path(trail).stem, []).append({"optimizer": str(entry["optimizer"])} | entry)
    except OSError as error:
        if needed:
            raise BadInput("a report needs the folder that nukarumi watch has written",
                           f"{folder} ({error.strerror})", "pass the folder that it named") from None  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise BadInput(f"{file} must be a file that nukarumi watch wrote", error, "watch the script again") from None
    return told


def _watched(
    name: str, trail: Trail, findings: Sequence[Finding], told: Mapping[str, Any], stride: int
) -> dict[str, Any]:
    rows = _rows(trail, stride)
    settings = dict(trail.meta.get("settings", {}))
    return {
        "name": name,
        "optimizer": str(trail.meta.get("optimizer", name)),
        "library": trail.meta.get("library"),
        "settings": {key: each if _sayable(each) else str(each) for key, each in settings.items()},
        "updates": int(told.get("updates", trail.steps[-1] if len(trail) else 0)),
        "recorded": len(trail),
        "failed": told.get("failed"),
        "findings": [finding.to_dict() for finding in findings],
        **_over_time(trail, rows),
        "layers": [
            _layer(trail, array, rows, fans=True) | {"measures": _measures(trail, array, rows)}
            for array in trail.arrays
        ],
    }  # fmt: skip


def _sayable(value: Any) -> bool:
    """Whether JSON has a word for it."""
    return not isinstance(value, float) or math.isfinite(value)


def _measures(trail: Trail, name: str, rows: list[int]) -> dict[str, list[float | None]]:
    """The sensor's measures that say something: not those that are unknown in every row, and no count that stays 0."""
    columns = {measure: trail.column(name, measure)[rows] for measure in ("gradient_cosine", *trail.measures)}
    return {
        measure: _rounded(column)
        for measure, column in columns.items()
        if np.isfinite(column).any() and (measure != "nonfinite_states" or np.nansum(column) > 0)
    }


def _fitting(gather: Callable[[int], dict[str, Any]], numbers: int) -> dict[str, Any]:
    """Gather with every row; with every second, fourth, ... while it is too large.

    What is certainly too large is not even tried: the data has at least so many ``numbers``, and each takes at least
    the 5 bytes of ``0.0, ``.
    """
    stride = 1
    while 5 * numbers / stride > LARGEST and stride < 64:
        stride *= 2
    while True:
        gathered = gather(stride)
        if len(json.dumps(gathered)) <= LARGEST or stride >= 64:
            return gathered
        stride *= 2


def _rows(trail: Trail, stride: int) -> list[int]:
    """Every so many rows, and the last."""
    rows = list(range(0, len(trail), stride))
    if rows and rows[-1] != len(trail) - 1:
        rows.append(len(trail) - 1)
    return rows


def _over_time(trail: Trail, rows: list[int]) -> dict[str, Any]:
    return {"step": trail.steps[rows].tolist(), "loss": _rounded(trail.loss[rows])}


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
