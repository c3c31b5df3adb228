"""``nukarumi watch train.py``: an unchanged script runs in this process, and all its PyTorch optimizers are watched.

PyTorch is not imported here. When the script imports it, the module that defines its optimizers is given one hook for
all of them; an optimizer gets its sensor at its first step. The loss is what the script called ``backward()`` on last.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import json
import os
import runpy
import sys
import time
import traceback
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from nukarumi._errors import BadInput
from nukarumi._files import write_atomically
from nukarumi.sensor.base import Sensor
from nukarumi.sensor.diagnosis import diagnose
from nukarumi.sensor.findings import LANGUAGES
from nukarumi.trail import Trail

__all__ = ["Report", "add_arguments", "main", "run"]

Report = Callable[[Path, dict[str, Trail]], Path | None]
"""What makes a page of the trails in a folder, and says where; the command line passes one in."""

MODULE = "torch.optim.optimizer"


class _Watcher:
    """Puts a sensor on every optimizer that takes a step."""

    def __init__(self, every: int) -> None:
        self.every = every
        self.sensors: list[Sensor] = []
        self.unknown: dict[str, str] = {}
        self._seen: weakref.WeakSet[Any] = weakref.WeakSet()
        self._loss: Any = None

    def install(self, module: ModuleType) -> None:
        """Hook the module of PyTorch's optimizers, which has just been imported."""
        module.register_optimizer_step_pre_hook(self._stepping)
        tensor: Any = sys.modules["torch._tensor"].Tensor
        backward = tensor.backward

        def noting(loss: Any, *args: Any, **options: Any) -> Any:
            if loss.numel() == 1:
                self._loss = loss.detach()
            return backward(loss, *args, **options)

        tensor.backward = noting

    def _stepping(self, optimizer: Any, args: Any, options: Any) -> None:
        """Before each step of each optimizer."""
        if optimizer not in self._seen:
            self._seen.add(optimizer)
            self._attach(optimizer)
        for sensor in self.sensors:
            if sensor.optimizer is optimizer:
                sensor.loss = self._loss

    def _attach(self, optimizer: Any) -> None:
        from nukarumi.sensor.torch import TorchSensor, module_names  # noqa: PLC0415  (the script has brought PyTorch)

        name = type(optimizer).__name__
        try:
            parameters = [p for group in optimizer.param_groups for p in group["params"]]
            named = module_names(parameters)
            options = {"trail": None, "keep": 0, "writer": None, "log": None}
            sensor = TorchSensor(optimizer, named or None, every=self.every, **options)
        except BadInput as error:
            self.unknown[name] = str(error)
        except Exception as error:
            self.unknown[name] = f"{type(error).__name__}: {error}"
        else:
            self.sensors.append(sensor)


class _Finder(importlib.abc.MetaPathFinder):
    """Waits for one module to be imported."""

    def __init__(self, install: Callable[[ModuleType], None]) -> None:
        self._install = install

    def find_spec(self, name: str, path: Any, target: Any = None) -> Any:
        """Let the usual finder find it, and have the rest done once it is loaded."""
        if name != MODULE:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path)
        if spec is not None and spec.loader is not None:
            load = spec.loader.exec_module

            def loading(module: ModuleType) -> None:
                load(module)
                self._install(module)

            spec.loader.exec_module = loading  # type: ignore[method-assign]
        return spec


@contextmanager
def _as_script(script: Path, words: Sequence[str]) -> Iterator[None]:
    """``sys.argv`` and ``sys.path`` as the script would have them."""
    argv, path = sys.argv, list(sys.path)
    sys.argv = [str(script), *words]
    sys.path.insert(0, str(script.resolve().parent))
    try:
        yield
    finally:
        sys.argv, sys.path[:] = argv, path


def _exit_code(ended: SystemExit) -> int:
    if ended.code is None or isinstance(ended.code, int):
        return ended.code or 0
    sys.stderr.write(f"{ended.code}\n")
    return 1


def run(script: str, words: Sequence[str], every: int) -> tuple[int, _Watcher]:
    """Run a script as ``python script words...`` would, and watch it.

    Returns
    -------
    The script's exit code, and the watcher with its sensors.

    Raises
    ------
    BadInput
        If there is no such script.
    """
    path = Path(script)
    if not path.is_file():
        raise BadInput("nukarumi watch runs a Python script", script, "check the path")
    watcher = _Watcher(every)
    finder = _Finder(watcher.install)
    loaded = sys.modules.get(MODULE)
    if loaded is not None:
        watcher.install(loaded)
    sys.meta_path.insert(0, finder)
    code = 0
    try:
        with _as_script(path, words):
            runpy.run_path(str(path), run_name="__main__")
    except SystemExit as ended:
        code = _exit_code(ended)
    except KeyboardInterrupt:
        code = 130
    except Exception:  # the script's own error, shown as Python would; what was seen until then is still worth telling
        traceback.print_exc()
        code = 1
    finally:
        sys.meta_path.remove(finder)
        for sensor in watcher.sensors:
            sensor.detach()
    return code, watcher


def add_arguments(command: argparse.ArgumentParser) -> None:
    """Declare the words of the command."""
    command.add_argument("--every", type=int, default=10, metavar="N", help="record every N-th update (default: 10)")
    command.add_argument("--out", metavar="DIR", help="folder for trails, findings and report (default: watch/<time>)")
    command.add_argument("--lang", choices=LANGUAGES, help="language of the findings (default: as the system's)")
    command.add_argument("--json", action="store_true", help="print the findings as JSON, for a program to read")
    command.add_argument("script", help="the Python script to run, unchanged")
    command.add_argument("words", nargs=argparse.REMAINDER, metavar="...", help="the script's own arguments")


def main(words: Sequence[str], report: Report | None = None) -> int:
    """``nukarumi watch``: run, diagnose, write.

    Parameters
    ----------
    words
        The words after ``watch``.
    report
        Makes a page of the trails, where there is somebody to do it.

    Returns
    -------
    int
        The script's own exit code, whatever was found.
    """
    command = argparse.ArgumentParser(
        prog="nukarumi watch",
        description="Run a training script as it is, watch every PyTorch optimizer in it, and say at the end what its "
        "steps were doing.",
        epilog="example: nukarumi watch --every 20 train.py --epochs 3",
    )
    add_arguments(command)
    try:
        chosen = command.parse_args(list(words))
    except SystemExit as ended:
        return int(ended.code or 0)
    if chosen.every < 1:
        raise BadInput("--every must be a whole number >= 1", chosen.every, "pass --every 10")
    code, watcher = run(chosen.script, chosen.words, chosen.every)
    language = chosen.lang or ("ja" if os.environ.get("LANG", "").startswith("ja") else "en")
    folder = Path(chosen.out or Path("watch") / time.strftime("%Y%m%d-%H%M%S"))
    for sensor in watcher.sensors:
        sensor.trail.meta["script"] = Path(chosen.script).name
    _tell(watcher, folder, language, chosen.json, report)
    return code


def _tell(watcher: _Watcher, folder: Path, language: str, as_json: bool, report: Report | None) -> None:
    """Write trails and findings, and print the findings."""
    told: list[dict[str, Any]] = []
    trails: dict[str, Trail] = {}
    out: list[str] = []
    for number, sensor in enumerate(watcher.sensors, start=1):
        name = f"{number}-{type(sensor.optimizer).__name__.lower()}"
        seen = len(sensor.trail) > 0 and bool(sensor.trail.arrays)
        found = diagnose(sensor.trail) if seen else []
        entry: dict[str, Any] = {"optimizer": sensor.trail.meta["optimizer"], "updates": sensor.step}
        entry["findings"] = [finding.to_dict() for finding in found]
        if seen:
            trails[name] = sensor.trail
            entry["trail"] = f"{name}.safetensors"
        if sensor.failed is not None:
            entry["failed"] = f"{type(sensor.failed).__name__}: {sensor.failed}"
        told.append(entry)
        out.append(f"{name}: {sensor.step} updates, {len(sensor.trail)} recorded")
        out += [finding.text(language) for finding in found] or [(_NOTHING if seen else _NO_GRADIENT)[language]]
    for name, why in watcher.unknown.items():
        told.append({"optimizer": name, "refused": why})
        out.append(f"{name}: {why}")
    if not told:
        out.append(_NONE[language])
    page: Path | None = None
    if trails:
        folder.mkdir(parents=True, exist_ok=True)
        for name, trail in trails.items():
            trail.save(folder / f"{name}.safetensors")
        text = json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False)
        write_atomically(folder / "findings.json", (text + "\n").encode())
        page = report(folder, trails) if report is not None else None
        out.append(_WRITTEN[language].format(folder=folder))
        if page is not None:
            out.append(f"→ {page}")
    if as_json:
        sys.stdout.write(json.dumps(told, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
    else:
        sys.stdout.write("\n".join(out) + "\n")


_NOTHING = {
    "en": "Nothing to report: the steps still matter.",
    "ja": "異常は見つかりませんでした。歩みはまだ続いています。",
}
_NO_GRADIENT = {
    "en": "Nothing was read: no parameter of this optimizer had a gradient.",
    "ja": "何も記録されませんでした。このオプティマイザのパラメータには、勾配が一つも届いていません。",
}
_NONE = {
    "en": "No PyTorch optimizer took a step in this script.",
    "ja": "このスクリプトでは、PyTorch の最適化手法が一歩も動きませんでした。",
}
_WRITTEN = {
    "en": "Trails and findings.json are in {folder}",
    "ja": "記録と findings.json は {folder} にあります",
}
