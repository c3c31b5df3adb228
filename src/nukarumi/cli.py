"""The command ``nukarumi``: reads the words on the command line, calls the library, and turns errors into sentences.

Exit codes: 0 done, 1 something failed on the way, 2 the input was refused, 130 interrupted by Ctrl-C, 141 the reader of
a pipe went away. Nothing heavy is imported before it is known what is wanted.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shlex
import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import TYPE_CHECKING, Any

from nukarumi._errors import BadInput
from nukarumi.lessons.shell import add_quiz
from nukarumi.linear.shell import add_commands as add_linear

if TYPE_CHECKING:
    from pathlib import Path

    from nukarumi.cluster import Ray
    from nukarumi.race import Engine, RaceResult
    from nukarumi.trail import Trail

__all__ = ["main", "parser"]

EXAMPLES = """\
examples:
  nukarumi race                                      eight optimizers on real handwritten digits
  nukarumi race --problem reviews --optimizers sgd,adagrad
  nukarumi race --problem data.csv --epochs 5 --seeds 3 --grid 0.001:1:7
  nukarumi race --json result.json --out races/mine  for a program to read
  nukarumi race --engine ray --address auto          on the Ray cluster to which this machine belongs
  nukarumi race --resume races/mine                  go on after Ctrl-C, with the same options
"""

LAB_EXAMPLES = """\
examples:
  nukarumi lab                                       open the lab in the browser
  nukarumi lab --race races/mine                     open the report of a race
  nukarumi lab --host 0.0.0.0 --no-browser           show it to the whole classroom
  nukarumi lab --class                               lead a class: learners answer on their phones
"""

OWN_WORDS = {
    "check": ("nukarumi.lessons.marker.shell", "mark a learner's own optimizer class, and name its mistake"),
    "watch": ("nukarumi.sensor.shell", "run a PyTorch script and say what its optimizer's steps are doing"),
    "bench": ("nukarumi.bench", "measure this machine, side by side with what else is installed"),
}
"""Commands that read their words themselves: the module whose ``main`` does it, and what they are for."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command.

    Parameters
    ----------
    arguments
        The words after ``nukarumi``; None for those of this process.

    Returns
    -------
    int
        The exit code.

    Examples
    --------
    >>> main(["race", "--seeds", "none"])
    2
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        code = _run(words)
        sys.stdout.flush()
    except BadInput as error:
        return _fail(str(error), 2)
    except BrokenPipeError:
        with contextlib.suppress(
            OSError, ValueError
        ):  # so that the flush at the end of the process has somewhere to go
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except KeyboardInterrupt:
        return _fail("interrupted", 130)
    except OSError as error:
        return _fail(str(error), 1)
    return code


def parser() -> argparse.ArgumentParser:
    """Build the parser of the command line."""
    top = argparse.ArgumentParser(
        prog="nukarumi",
        description="Adagrad and its family: race them, look inside, hand out what you saw, and measure this machine.",
        epilog="nukarumi COMMAND --help tells more.",
    )
    top.add_argument("--version", action="store_true", help="print the version and end")
    commands = top.add_subparsers(dest="command", metavar="COMMAND")
    _add_race(commands)
    _add_lab(commands)
    _add_handout(commands)
    add_linear(commands, _fit_on_ray)
    add_quiz(commands)
    for name, (_, purpose) in OWN_WORDS.items():
        commands.add_parser(name, add_help=False, help=purpose)
    return top


def _fit_on_ray(model: Any, data: Any, address: str | None, *, quiet: bool, **settings: Any) -> None:
    from nukarumi.cluster import fit_on_ray  # noqa: PLC0415

    engine = _ray(address, settings.get("workers"), quiet=quiet)
    try:
        fit_on_ray(model, data, engine=engine, **settings)
    finally:
        engine.close()


def _ray(address: str | None, cpus: int | None, *, quiet: bool) -> Ray:
    """The engine of that name. Starting it or reaching it takes its time, which nobody should spend wondering."""
    from nukarumi.cluster import Ray  # noqa: PLC0415
    from nukarumi.cluster.connect import SECONDS, import_ray  # noqa: PLC0415

    import_ray()
    if not quiet:
        doing = "starting Ray on this machine" if address is None else f"reaching Ray at {address}"
        sys.stderr.write(f"nukarumi: {doing}, which may take up to {SECONDS:.0f} s\n")
    return Ray(address, cpus=cpus)


def _add_race(commands: Any) -> None:
    race = commands.add_parser(
        "race",
        help="train with every optimizer, each at its own best learning rate",
        description="Race optimizers on one problem: each is tuned over its own learning rates on a validation split, "
        "then judged on a test split over several seeds, all from the same starts.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = race.add_argument
    add(
        "--problem",
        default="digits",
        metavar="NAME|PATH",
        help="digits, reviews, or a data file (.npz .csv .parquet .svm) or folder of IDX files (default: digits)",
    )
    add(
        "--optimizers",
        metavar="A,B,...",
        help="names, separated by commas (default: sgd,momentum,nesterov,adagrad,rmsprop,adadelta,adam,adamw)",
    )
    add("--epochs", type=int, metavar="N", help="passes over the training data in each run (default: the problem's)")
    add("--seeds", type=int, metavar="N", help="seeds to judge on (default: the problem's)")
    add("--seed", type=int, default=0, metavar="N", help="where the seeds start (default: 0)")
    add(
        "--grid",
        metavar="LO:HI:N|LIST",
        help="learning rates to try, for all (default: seven around each optimizer's own default)",
    )
    add(
        "--extend",
        type=int,
        default=3,
        metavar="N",
        help="how often a grid may grow while good rates touch its edge (default: 3)",
    )
    add("--batch-size", type=int, metavar="N", help="rows in a batch (default: the problem's)")
    add("--jobs", type=int, metavar="N", help="worker processes; the numbers do not depend on it (default: one a CPU)")
    add(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="where the runs are done: processes of this machine, or a Ray cluster (default: local)",
    )
    add(
        "--address",
        metavar="HOST:PORT",
        help="the head of the Ray cluster, or auto; this machine must belong to it (default: a Ray of its own)",
    )
    add("--out", metavar="DIR", help="folder for runs, trails and result (default: races/<problem>-<time>)")
    add(
        "--resume",
        nargs="?",
        const=True,
        default=False,
        metavar="DIR",
        help="go on with the race in DIR (default: not; without DIR: the one in --out, or the latest in races/)",
    )
    add(
        "--json",
        nargs="?",
        const="-",
        metavar="FILE",
        help="write the result as JSON to FILE, or in place of the table to standard output (default: only the table)",
    )
    add("--quiet", action="store_true", help="show no progress (default: show it on standard error)")
    race.set_defaults(run=_race)  # fmt: skip


def _add_lab(commands: Any) -> None:
    lab = commands.add_parser(
        "lab",
        help="open the lab in the browser: see why the hiker stops",
        description="Show the lab, a page on which the optimizers walk over terrains of your choice, until Ctrl-C. "
        "No request leaves this machine, but those of a class to its learners.",
        epilog=LAB_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = lab.add_argument
    add(
        "--host",
        metavar="ADDRESS",
        help="address to answer on; 0.0.0.0: for every machine that reaches it "
        "(default: 127.0.0.1, this one alone; with --class 0.0.0.0, since learners come from other machines)",
    )
    add(
        "--port",
        type=int,
        default=8475,
        metavar="N",
        help="port, or the next one that is free; 0: any free one (default: 8475)",
    )
    add("--no-browser", action="store_true", help="only print the address (default: open it in the browser)")
    shows = lab.add_mutually_exclusive_group()
    shows.add_argument(
        "--race", metavar="DIR", help="show the report of the race or watched script in DIR (default: the lab)"
    )
    shows.add_argument(
        "--class",
        dest="classroom",
        nargs="?",
        const=True,
        metavar="FILE",
        help="lead a class: an instructor's page with a QR code, by which learners on the same network join; answers "
        "are kept in FILE, and a class that is there goes on (default: no class; without FILE: a new one in classes/)",
    )
    _add_language(add)
    lab.set_defaults(run=_lab)


def _add_handout(commands: Any) -> None:
    handout = commands.add_parser(
        "handout",
        help="write the lab as one HTML file that works from a USB stick",
        description="Write the whole lab as one HTML file. It needs no server, no network and no installation.",
    )
    add = handout.add_argument
    add("-o", "--out", default="nukarumi.html", metavar="FILE", help="the file (default: nukarumi.html)")
    _add_language(add)
    handout.set_defaults(run=_handout)


def _add_language(add: Any) -> None:
    add(
        "--lang",
        choices=("both", "en", "ja"),
        default="both",
        help="language of the page (default: both, as the reader's browser prefers)",
    )


def _run(words: list[str]) -> int:
    if words and words[0] in OWN_WORDS:
        handed = {"report": _watch_report} if words[0] == "watch" else {}
        code: int = import_module(OWN_WORDS[words[0]][0]).main(words[1:], **handed)
        return code
    top = parser()
    try:
        chosen = top.parse_args(words)
    except SystemExit as ended:  # argparse has printed the help, or what is wrong
        return int(ended.code or 0)
    if chosen.version:
        import nukarumi  # noqa: PLC0415

        _say(f"nukarumi {nukarumi.__version__}")
        return 0
    if chosen.command is None:
        top.print_help()
        return 0
    return int(chosen.run(chosen))


def _race(chosen: argparse.Namespace) -> int:
    from nukarumi.race import RaceInterrupted, RunError, parse_grid, race  # noqa: PLC0415

    if chosen.json not in (None, "-"):
        from nukarumi._files import checked_output  # noqa: PLC0415

        checked_output(chosen.json, "--json", "result.json")
    engine = _engine(chosen)
    code = 0
    try:
        result = race(
            chosen.problem,
            chosen.optimizers,
            options={} if chosen.batch_size is None else {"batch_size": chosen.batch_size},
            epochs=chosen.epochs,
            seeds=chosen.seeds,
            seed=chosen.seed,
            grid=None if chosen.grid is None else parse_grid(chosen.grid),
            extend=chosen.extend,
            engine=engine,
            out=chosen.out,
            resume=chosen.resume,
            progress=not chosen.quiet,
        )
    except RaceInterrupted as interrupted:
        result, code = interrupted.result, 130
    except RunError as error:
        return _fail(str(error), 1)
    finally:
        engine.close()
    report = None if result.folder is None else _race_report(result)
    if chosen.json is not None:
        text = json.dumps(result.to_dict(), ensure_ascii=False, indent=1)
        if chosen.json == "-":
            _say(text)
            return code
        from nukarumi._files import write_atomically  # noqa: PLC0415

        write_atomically(chosen.json, (text + "\n").encode())
    from nukarumi.race.report import print_result  # noqa: PLC0415

    print_result(result, sys.stdout)
    _say(f"{result.seconds:.0f} s; runs, trails and result.json are in {result.folder}")
    if report is not None:
        _say(f"To look at it: open {report} in a browser, or nukarumi lab --race {shlex.quote(str(result.folder))}")
    if code == 130:
        _say(f"To go on: repeat the command with --resume {result.folder}")
    return code


def _engine(chosen: argparse.Namespace) -> Engine:
    if chosen.engine == "ray":
        return _ray(chosen.address, chosen.jobs, quiet=chosen.quiet)
    if chosen.address is not None:
        raise BadInput("--address must come with --engine ray", chosen.address, "add --engine ray, or leave it out")
    from nukarumi.race import Local, Serial  # noqa: PLC0415

    return Serial() if chosen.jobs == 1 else Local(chosen.jobs)


def _race_report(result: RaceResult) -> Path | None:
    from nukarumi.lab.reports import write_report  # noqa: PLC0415

    return _written(lambda: write_report(result))


def _watch_report(folder: Path, trails: dict[str, Trail]) -> Path | None:
    from nukarumi.lab.reports import watch_report  # noqa: PLC0415

    return _written(lambda: watch_report(folder, trails))


def _written(write: Callable[[], Path]) -> Path | None:
    """Write report.html; what cannot have one has still been done, so that this only says why."""
    try:
        return write()
    except (BadInput, OSError) as error:
        _fail(f"there is no report.html: {error}", 0)
        return None


def _lab(chosen: argparse.Namespace) -> int:
    if chosen.classroom is not None:
        from nukarumi.lab.classroom import serve_class  # noqa: PLC0415

        path = None if chosen.classroom is True else chosen.classroom
        host = "0.0.0.0" if chosen.host is None else chosen.host
        serve_class(path, host=host, port=chosen.port, lang=chosen.lang, browser=not chosen.no_browser, say=_say)
        return 0
    from nukarumi.lab.page import page  # noqa: PLC0415
    from nukarumi.lab.server import serve  # noqa: PLC0415

    if chosen.race is None:
        text = page("lab", lang=chosen.lang)
    else:
        from nukarumi.lab.reports import report  # noqa: PLC0415

        text = page("report", lang=chosen.lang, report=report(chosen.race))
    serve(text, host=chosen.host or "127.0.0.1", port=chosen.port, browser=not chosen.no_browser, say=_say)
    return 0


def _handout(chosen: argparse.Namespace) -> int:
    from nukarumi.lab.handout import write_handout  # noqa: PLC0415

    path = write_handout(chosen.out, chosen.lang)
    _say(f"{path} holds the whole lab ({path.stat().st_size / 1e6:.1f} MB); open it in any browser.")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _fail(sentence: str, code: int) -> int:
    sys.stderr.write(f"nukarumi: {sentence}\n")
    return code
