"""The other process: it alone runs a learner's code, and tells what it saw line by line.

``python -I child.py JOB FD`` reads a job (JSON), puts limits on itself, runs the class on the job's probes and writes
one JSON object a line to the file descriptor. It knows nothing of optimizers and imports nothing of this library: what
it saw is judged by the process that started it, which reads those lines as data and never runs them.
"""

from __future__ import annotations

import contextlib
import faulthandler
import inspect
import json
import os
import sys
import traceback
import types
import warnings
from typing import Any

__all__ = ["main"]

NUMBERS = "fiu"
LR_NAMES = ("lr", "learning_rate", "learningrate", "eta", "rate", "step_size", "alpha")


def main(job_file: str, descriptor: int) -> None:
    """Run the job and tell about it; ends the process, whatever the learner's code has left running."""
    tell = _teller(descriptor)
    runs = os.fork()
    if runs:  # stands between the learner's code and whoever asked: killing one's parent ends only this
        tell({"event": "ended", "code": os.waitstatus_to_exitcode(os.waitpid(runs, 0)[1])})
        os._exit(0)
    with open(job_file, encoding="utf-8") as file:
        job = json.load(file)
    sys.path += [folder for folder in job["path"] if folder not in sys.path]
    import numpy as np  # noqa: PLC0415  (only after the path is known)

    tell({"event": "ready"})
    _limit(job["seconds"], job["bytes"])
    # The traceback of a class that hangs goes to the same descriptor, in the interpreter's own words.
    faulthandler.dump_traceback_later(job["seconds"], exit=True, file=descriptor)
    warnings.simplefilter("ignore")
    made = _load(job, tell)
    if made is not None:
        tell({"event": "loaded", **_face(made)})
        for probe in job["probes"]:
            _walk(np, made, probe, job, tell)
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):  # a learner may have closed or replaced it
            stream.flush()
    tell({"event": "done", "files": sorted(os.listdir("."))[:5]})
    os._exit(0)


def _teller(descriptor: int) -> Any:
    write, dumps = os.write, json.dumps

    def tell(event: dict[str, Any]) -> None:
        line = (dumps(event) + "\n").encode()
        while line:
            line = line[write(descriptor, line) :]

    return tell


def _limit(seconds: float, memory: int) -> None:
    import resource  # noqa: PLC0415  (POSIX alone has it)

    try:
        with open("/proc/self/statm", encoding="ascii") as file:
            used = int(file.read().split()[0]) * resource.getpagesize()
    except OSError:
        used = 0
    spent = resource.getrusage(resource.RUSAGE_SELF)
    cpu = int(spent.ru_utime + spent.ru_stime + seconds) + 3
    for what, value, more in (
        (resource.RLIMIT_AS, used + memory, 0),
        (resource.RLIMIT_CPU, cpu, 2),  # first SIGXCPU, by which it is known, then SIGKILL
        (resource.RLIMIT_FSIZE, 1 << 24, 0),
        (resource.RLIMIT_CORE, 0, 0),
    ):
        try:
            hard = resource.getrlimit(what)[1]
            most = value + more if hard == resource.RLIM_INFINITY else min(value + more, hard)
            resource.setrlimit(what, (min(value, most), most))
        except (ValueError, OSError):  # a system that does not know this limit
            continue


def _load(job: dict[str, Any], tell: Any) -> Any:
    """The class, or None after telling why there is none."""
    module = types.ModuleType("learner")
    module.__file__ = job["pieces"][-1]["filename"]
    sys.modules["learner"] = module
    where = "read"
    try:
        for piece in job["pieces"]:
            text = "\n" * (piece["line"] - 1) + piece["text"]
            code = compile(text, piece["filename"], "exec", dont_inherit=True)
            where = "import"
            exec(code, module.__dict__)
            where = "read"
    except BaseException as error:
        tell(_raised(error, where, job))
        return None
    made = module.__dict__.get(job["class"])
    if not isinstance(made, type):
        own = [k for k, v in module.__dict__.items() if isinstance(v, type) and v.__module__ == "learner"]
        kind = "" if made is None else type(made).__name__
        tell({"event": "missing", "is": kind, "classes": [_cut(name, 40) for name in own[:12]]})
        return None
    if not callable(getattr(made, "update", None)):
        own = [name for name in vars(made) if not name.startswith("_")]
        tell({"event": "no_update", "methods": [_cut(name, 40) for name in own[:12]]})
        return None
    return made


def _face(made: Any) -> dict[str, Any]:
    """What the signatures say: the arguments of the start with their numbers, and those of update."""
    start: dict[str, Any] = {}
    update: list[str] = []
    try:
        for name, argument in inspect.signature(made).parameters.items():
            if argument.kind in (argument.VAR_POSITIONAL, argument.VAR_KEYWORD):
                continue
            value = None if argument.default is argument.empty else argument.default
            start[_cut(name, 40)] = _plain(value)
        update = [_cut(name, 40) for name in list(inspect.signature(made.update).parameters)[1:]]
    except (TypeError, ValueError):
        pass
    return {"start": start, "update": update}


def _plain(value: Any) -> Any:
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return float(value)
    if isinstance(value, (tuple, list)) and len(value) <= 4 and all(type(each) in (int, float) for each in value):
        return [float(each) for each in value]
    return None


def _walk(np: Any, made: Any, probe: dict[str, Any], job: dict[str, Any], tell: Any) -> None:
    """Make one object, give it one probe, tell every step; the first trouble ends the probe."""
    seen: dict[str, Any] = {"event": "probe", "name": probe["name"], "steps": [], "states": []}
    notes: dict[str, Any] = {"rebound": False, "grads_changed": False, "returned": False, "lr_changed": False}
    where, step = "init", 0
    try:
        optimizer, seen["lr_given"] = _made(made, probe["lr"])
        params: Any = {name: _value(np, given) for name, given in probe["params"].items()}
        for step, given in enumerate(probe["grads"], 1):
            for name, late in probe.get("late", {}).get(str(step), {}).items():
                params[name] = _value(np, late)
            if step == probe["lr_step"] and seen["lr_given"] and _same(optimizer, seen["lr_given"], probe["lr"]):
                with contextlib.suppress(AttributeError):  # a property without a setter
                    setattr(optimizer, seen["lr_given"], probe["lr_then"])
                    notes["lr_changed"] = True
            grads = {name: _value(np, each) for name, each in given.items()}
            held, copies = dict(params), {name: np.array(each) for name, each in grads.items()}
            before = {name: np.array(each) for name, each in params.items()}
            where = "update"
            answer = optimizer.update(params, grads)
            where = "look"
            if probe["follow"] and isinstance(answer, dict):
                stayed = all(np.array_equal(params.get(name), before[name], equal_nan=True) for name in before)
                if stayed and set(answer) == set(before):
                    notes["returned"] = True
                    params = answer
            nonsense = _nonsense(np, params, before)
            if nonsense:
                seen["nonsense"] = {"step": step, **nonsense}
                break
            if not notes["returned"]:
                notes["rebound"] |= any(
                    isinstance(held[name], np.ndarray) and params[name] is not held[name] for name in held
                )
            notes["grads_changed"] |= set(grads) != set(copies) or any(
                not np.array_equal(np.asarray(grads[name]), copies[name], equal_nan=True) for name in copies
            )
            seen["steps"].append({name: _flat(np, params[name]) for name in before})
            if probe["states"]:
                seen["states"].append(_states(np, optimizer, before))
    except BaseException as error:
        seen["raised"] = {"step": step, **_raised(error, where, job)}
    tell({**seen, **notes})


def _made(made: Any, lr: float) -> tuple[Any, str | None]:
    """The optimizer with this learning rate, and the name by which it took it."""
    try:
        arguments = inspect.signature(made).parameters
    except (TypeError, ValueError):
        return made(lr), None
    lower = {name.lower(): name for name in arguments}
    name = next((lower[each] for each in LR_NAMES if each in lower), None)
    if name is not None:
        return made(**{name: lr}), name
    if any(argument.kind is argument.VAR_KEYWORD for argument in arguments.values()):
        return made(lr=lr), "lr"
    first = next((each for each, argument in arguments.items() if argument.kind is argument.POSITIONAL_OR_KEYWORD), "")
    return (made(lr), first) if first else (made(), None)


def _same(optimizer: Any, name: str, value: float) -> bool:
    return bool(getattr(optimizer, name, None) == value)


def _value(np: Any, given: Any) -> Any:
    return float(given) if isinstance(given, float) else np.array(given, dtype=np.float64)


def _flat(np: Any, value: Any) -> list[float]:
    return [float(each) for each in np.asarray(value, dtype=np.float64).ravel()]


def _nonsense(np: Any, params: Any, before: dict[str, Any]) -> dict[str, Any] | None:
    """What is in a parameter's place that is no parameter of that shape."""
    if not isinstance(params, dict):
        return {"name": "params", "what": type(params).__name__}
    for name, old in before.items():
        if name not in params:
            return {"name": name, "what": "missing"}
        value = params[name]
        if not isinstance(value, (np.ndarray, np.generic, float, int)):
            return {"name": name, "what": _cut(type(value).__name__, 40)}
        value = np.asarray(value)
        if value.dtype.kind not in NUMBERS:
            return {"name": name, "what": f"dtype {value.dtype}"}
        if value.shape != old.shape:
            return {"name": name, "what": f"shape {value.shape}", "shape": f"{old.shape}"}
    extra = [name for name in params if name not in before]
    return {"name": _cut(repr(extra[0]), 40), "what": "extra"} if extra else None


def _states(np: Any, optimizer: Any, before: dict[str, Any]) -> dict[str, dict[str, list[float]]]:
    """Every attribute that holds one array of numbers for each parameter."""
    out = {}
    for name, value in list(getattr(optimizer, "__dict__", {}).items())[:12]:
        if not isinstance(value, dict) or set(value) != set(before):
            continue
        fits = all(
            isinstance(each, np.ndarray) and each.shape == before[key].shape and each.dtype.kind in NUMBERS
            for key, each in value.items()
        )
        if fits:
            out[_cut(name, 40)] = {key: _flat(np, each) for key, each in value.items()}
    return out


def _raised(error: BaseException, where: str, job: dict[str, Any]) -> dict[str, Any]:
    """An exception as data: its kind, its words, and the innermost line that is the learner's."""
    files = {piece["filename"] for piece in job["pieces"]}
    line, inside = None, False
    try:
        for frame, number in traceback.walk_tb(error.__traceback__):
            if frame.f_code.co_filename in files:
                line, inside = number, True
            elif frame.f_code.co_filename == __file__:
                inside = False
        if isinstance(error, SyntaxError) and error.filename in files:
            line = error.lineno
    except Exception:  # an exception may be as broken as the code that raised it
        pass
    try:
        words = _cut(str(error), 200)
    except BaseException:
        words = ""
    return {
        "event": "raised",
        "where": where,
        "kind": _cut(type(error).__name__, 60),
        "words": words,
        "line": line,
        "inside": inside,
    }


def _cut(text: str, length: int) -> str:
    text = " ".join(str(text).split())
    return text if len(text) <= length else text[: length - 1] + "…"


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
