"""The commands ``nukarumi fit`` and ``nukarumi predict``: linear models from files of any size."""

from __future__ import annotations

import argparse
import contextlib
import glob
import json
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nukarumi.linear.base import LinearModel
    from nukarumi.linear.reading import Batch, Format
    from nukarumi.linear.streaming import Standing

__all__ = ["add_commands"]

CLASSIFY = ("logistic", "log_loss", "hinge", "squared_hinge", "modified_huber")
REGRESS = ("squared_error", "huber", "epsilon_insensitive", "quantile")
OF_LOSS = {"multinomial": CLASSIFY, "epsilon": ("huber", "epsilon_insensitive"), "quantile": ("quantile",)}
"""The options that some losses alone have."""
SETTINGS = (
    "loss",
    "lr",
    "penalty",
    "alpha",
    "l1_ratio",
    "update",
    "average",
    "no_intercept",
    "multinomial",
    "epsilon",
    "quantile",
)
"""The options that a saved model brings with it."""
EXAMPLES = """\
examples:
  nukarumi fit train.svm --test test.svm --loss logistic --model out.safetensors
  nukarumi fit clicks.vw.gz --loss logistic --bits 22 --passes 2 --model out.safetensors
  nukarumi fit train.svm --penalty l1 --alpha 1e-5 --update rda --model sparse.safetensors
  nukarumi fit more.svm --start out.safetensors --model out.safetensors     go on with a model
  zcat *.vw.gz | nukarumi fit - --format vw --model out.safetensors          read standard input
  nukarumi fit 'days/*.svm' --engine ray --address auto --workers 8 --model out.safetensors     on a Ray cluster
  nukarumi predict out.safetensors test.svm > predictions.txt

from Vowpal Wabbit: vw -d FILE -f MODEL --loss_function X -l X -b N --noconstant --adaptive
is nukarumi fit FILE --model MODEL --loss X --lr X --bits N --no-intercept
and vw -t -i MODEL -d FILE -p OUT is nukarumi predict MODEL FILE > OUT
"""


def add_commands(commands: Any, on_ray: Callable[..., Any]) -> None:
    """Add ``fit`` and ``predict`` to the commands of the command line.

    Parameters
    ----------
    commands
        Where they are added.
    on_ray
        Fits a model on a Ray cluster: is given the model, what the examples are called, the cluster's address, and
        by name ``quiet``, what `nukarumi.linear.fit_file` takes and what the options of the cluster say.
    """
    fit = commands.add_parser(
        "fit",
        help="train a linear model by Adagrad from a file of any size",
        description="Train a linear model by Adagrad, reading a file (svmlight, Vowpal Wabbit's text or Parquet; text "
        "may be gzipped) a block at a time, in its order.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = fit.add_argument
    add(
        "train",
        type=Path,
        nargs="+",
        metavar="FILE",
        help="examples to learn from; - is standard input; with --engine ray also several, a folder or a pattern",
    )
    add("--test", type=Path, metavar="FILE", help="examples to judge by")
    add("--model", type=Path, metavar="FILE", help="where to save the model, as safetensors (default: nowhere)")
    add("--start", type=Path, metavar="FILE", help="a saved model to go on with, with its settings")
    add("--loss", choices=[*CLASSIFY, *REGRESS], default="logistic", help="what is made small (default: logistic)")
    add("--lr", type=float, default=0.1, metavar="X", help="learning rate (default: 0.1)")
    add("--passes", type=int, default=1, metavar="N", help="how often to read the file (default: 1)")
    add(
        "--penalty",
        choices=["none", "l1", "l2", "elasticnet"],
        default="none",
        help="keeps weights small (default: none)",
    )
    add("--alpha", type=float, default=1e-5, metavar="X", help="strength of the penalty (default: 1e-5)")
    add("--l1-ratio", type=float, default=0.15, metavar="X", help="share of l1 in elasticnet (default: 0.15)")
    add("--update", choices=["mirror", "rda"], default="mirror", help="how a penalty is met (default: mirror)")
    add("--average", action="store_true", help="keep the mean of the weights (default: the last ones)")
    add("--no-intercept", action="store_true", help="leave out the intercept (default: have one)")
    add("--multinomial", action="store_true", help="softmax for three classes or more (default: one against the rest)")
    add("--epsilon", type=float, default=0.1, metavar="X", help="of huber and epsilon_insensitive (default: 0.1)")
    add("--quantile", type=float, default=0.5, metavar="X", help="of the loss quantile (default: 0.5)")
    add("--classes", metavar="A,B,...", help="all labels (default: those in the first 8 MiB)")
    add("--trail", type=Path, metavar="FILE", help="where to save the learning curve, a row a block (default: nowhere)")
    add("--json", action="store_true", help="print the result as JSON (default: as sentences)")
    add("--quiet", action="store_true", help="show no progress and no notes (default: on standard error)")
    _add_format(fit)
    _add_cluster(fit)
    fit.set_defaults(run=_fit, on_ray=on_ray, usual=fit.get_default)

    predict = commands.add_parser(
        "predict",
        help="predict for a file of any size, with a model that fit has saved",
        description="Print one line for each example: its label, or what --show asks for.",
    )
    predict.add_argument("model", type=Path, metavar="MODEL", help="a file that nukarumi fit has saved")
    predict.add_argument(
        "file", type=Path, metavar="FILE", help="examples, - is standard input; their labels are not looked at"
    )
    predict.add_argument(
        "--show",
        choices=["label", "score", "probability"],
        default="label",
        help="what to print: labels, scores, or the probability of every class in the order of their labels, with "
        "spaces between (default: label)",
    )
    _add_format(predict)
    predict.set_defaults(run=_predict)


def _add_format(command: Any) -> None:
    add = command.add_argument
    add("--format", choices=["svmlight", "vw", "parquet"], help="format of the files (default: by their names)")
    add("--bits", type=int, metavar="N", help="names in Vowpal Wabbit's text become 2**N columns (default: 18)")
    add(
        "--label",
        metavar="COLUMN",
        help="column of labels in Parquet (default: label, y, target or class, or the last)",
    )


CLUSTER = ("address", "method", "workers", "batch", "staleness", "shards", "share", "journal", "sync")


def _add_cluster(command: Any) -> None:
    group = command.add_argument_group("on many machines")
    add = group.add_argument
    add("--engine", choices=["local", "ray"], default="local", help="this process, or a Ray cluster (default: local)")
    add("--address", metavar="HOST:PORT", help="the cluster's head, or auto (default: a Ray of its own, here)")
    add("--method", choices=["downpour", "average"], help="weights in a shared table, or averaged (default: downpour)")
    add("--workers", type=int, metavar="N", help="how many learn at once (default: one a CPU)")
    add("--batch", type=int, metavar="N", help="downpour: examples of a push (default: 32)")
    add("--staleness", type=int, metavar="N", help="downpour: pushes a worker runs ahead (default: 0)")
    add("--shards", type=int, metavar="N", help="downpour: parts of the table (default: one a node)")
    add("--share", type=int, metavar="N", help="average: examples a worker learns from in a round (default: 512)")
    add(
        "--journal",
        metavar="FOLDER",
        help="downpour: shared folder for what shards have seen (default: a temporary one)",
    )
    add("--sync", action="store_true", default=None, help="downpour: pushes on the disk at once (default: when it may)")


def _reading(chosen: argparse.Namespace, bits: int = 18) -> dict[str, Any]:
    return {"format": chosen.format, "bits": chosen.bits or bits, "label": chosen.label}


def _fit(chosen: argparse.Namespace) -> int:
    from nukarumi._errors import BadInput  # noqa: PLC0415
    from nukarumi.linear.reading import batches, name_of  # noqa: PLC0415
    from nukarumi.linear.storage import load_with_about, save  # noqa: PLC0415
    from nukarumi.linear.streaming import fit_file  # noqa: PLC0415

    cluster, kinds = _asked(chosen)
    model, about = (_new(chosen), {"bits": 18}) if chosen.start is None else load_with_about(chosen.start)
    reading = _reading(chosen, about["bits"])
    if chosen.test is not None and next(batches(chosen.test, **reading), None) is None:
        raise BadInput(f"{chosen.test} must hold examples", "none", "add some")
    model.set_params(record=chosen.trail is not None)
    model._check_settings()
    if not chosen.quiet:
        if chosen.model is None:
            _note("the model will not be kept; add --model FILE to keep it")
        for note in _idle(chosen, kinds):
            _note(note)
    begun, before = time.perf_counter(), model.t_ if chosen.start else 0
    with _watch(chosen) as tell:
        last: list[Standing] = []

        def progress(standing: Standing) -> None:
            last[:] = [standing]
            tell(standing)

        given = {"passes": chosen.passes, "classes": _classes(chosen), "progress": progress, **reading}
        if chosen.engine == "ray":
            chosen.on_ray(model, chosen.train, cluster.pop("address", None), quiet=chosen.quiet, **given, **cluster)
        else:
            fit_file(model, chosen.train[0], **given)
    found: dict[str, Any] = {
        "train": name_of(chosen.train[0]) + (f" and {len(chosen.train) - 1} more" if len(chosen.train) > 1 else ""),
        "examples": model.t_ - before,
        "seconds": round(time.perf_counter() - begun, 3),
        "loss": last[0].loss,
        "features": model.n_features_in_,
        "weights_not_zero": int((model.coef_ != 0).sum()),
    }
    if chosen.test is not None:
        found["test"] = {"file": str(chosen.test), **_judged(model, chosen.test, reading)}
    if chosen.trail is not None:
        model.trail_.save(chosen.trail)
        model.set_params(record=False)
        found["trail"] = str(chosen.trail)
    if chosen.model is not None:
        save(model, chosen.model, {"bits": reading["bits"]})
        found["model"] = str(chosen.model)
    _say(json.dumps(found, indent=1) if chosen.json else _sentences(found))
    return 0


def _asked(chosen: argparse.Namespace) -> tuple[dict[str, Any], list[Format]]:
    """The options of the cluster that were given, and the formats; everything is looked at before an hour of training.

    Raises
    ------
    BadInput
        If an option does not go with the engine, or a file cannot be read or written.
    """
    from nukarumi._errors import BadInput  # noqa: PLC0415
    from nukarumi._files import checked_input, checked_output  # noqa: PLC0415
    from nukarumi.linear.reading import format_of, is_standard_input  # noqa: PLC0415

    local = chosen.engine == "local"
    cluster = {name: getattr(chosen, name) for name in CLUSTER if getattr(chosen, name) is not None}
    if cluster and local:
        option = f"--{next(iter(cluster))}"
        raise BadInput(
            f"{option} must come with --engine ray", "--engine local", f"add --engine ray, or leave {option} out"
        )
    if local and len(chosen.train) > 1:
        given = " ".join(map(str, chosen.train))
        raise BadInput(
            "--engine local reads one FILE",
            f"{len(chosen.train)}: {given:.80}",
            "cat them into nukarumi fit - --format ..., or add --engine ray",
        )
    if not local and any(map(is_standard_input, chosen.train)):
        raise BadInput(
            "--engine ray reads files that every machine sees", "- for standard input", "write it to a file first"
        )
    if chosen.workers is not None and chosen.workers < 1:
        raise BadInput("--workers must be a whole number >= 1", chosen.workers, "leave it out for one a CPU")
    if not local and chosen.trail is not None:
        raise BadInput("--trail is of one machine's steps", "--engine ray", "leave --trail out, or --engine ray")
    read = [(chosen.train[0], "FILE")] if local else []
    read += [(chosen.test, "--test"), (chosen.start, "--start")]
    for path, what in read:
        if path is not None and not (what == "FILE" and is_standard_input(path)):
            with checked_input(path, what).open("rb"):
                pass
    kinds = [chosen.format or format_of(path) for path, what in read if path is not None and what != "--start"]
    for path, what, name in ((chosen.model, "--model", "model.safetensors"), (chosen.trail, "--trail", "trail.st")):
        if path is not None:
            checked_output(path, what, name)
    _need_apart(chosen)
    return cluster, kinds


def _need_apart(chosen: argparse.Namespace) -> None:
    """Refuse to write over what is read, a model that goes on apart, and two results into one file."""
    from nukarumi._errors import BadInput  # noqa: PLC0415

    def same(one: Path, other: Path) -> bool:
        return one.samefile(other) if one.exists() and other.exists() else one.absolute() == other.absolute()

    def held(path: Path) -> Iterable[Path]:
        """What a folder or a pattern holds."""
        if path.is_dir():
            return path.iterdir()
        return () if path.exists() else map(Path, glob.glob(str(path), recursive=True))

    written = [(path, what) for path, what in ((chosen.model, "--model"), (chosen.trail, "--trail")) if path]
    read = [
        *((one, "FILE") for path in chosen.train for one in (path, *held(path))),
        (chosen.test, "--test"),
        (chosen.start, "--start"),
    ]
    for at, (path, what) in enumerate(written):
        for other, name in [*read, *written[:at]]:
            if other is not None and same(path, other) and (what, name) != ("--model", "--start"):
                raise BadInput(f"{what} needs a file of its own", f"{path}, which is {name}", "choose another name")


def _idle(chosen: argparse.Namespace, kinds: list[Format]) -> Iterator[str]:
    """A sentence for what was asked for and has no effect."""
    asked = [name for name in (*SETTINGS, "bits", "label") if getattr(chosen, name) != chosen.usual(name)]

    def idle(*names: str) -> str:
        return " ".join(f"--{name.replace('_', '-')}" for name in names if name in asked)

    if chosen.start is not None and idle(*SETTINGS):
        yield f"a model that goes on keeps its settings, so this has no effect: {idle(*SETTINGS)}"
    if chosen.start is None and chosen.penalty == "none" and idle("alpha", "l1_ratio"):
        yield f"without --penalty this has no effect: {idle('alpha', 'l1_ratio')}"
    of_loss = [name for name, losses in OF_LOSS.items() if chosen.loss not in losses]
    if chosen.start is None and idle(*of_loss):
        yield f"with --loss {chosen.loss} this has no effect: {idle(*of_loss)}"
    if chosen.engine == "ray":
        return  # which formats a folder or a pattern holds is found out on the cluster
    if "vw" not in kinds and idle("bits"):
        yield "without Vowpal Wabbit's text this has no effect: --bits"
    if "parquet" not in kinds and idle("label"):
        yield "without Parquet this has no effect: --label"


def _new(chosen: argparse.Namespace) -> LinearModel:
    from nukarumi.linear import AdagradClassifier, AdagradRegressor  # noqa: PLC0415

    common: dict[str, Any] = {
        "penalty": None if chosen.penalty == "none" else chosen.penalty,
        "alpha": chosen.alpha,
        "l1_ratio": chosen.l1_ratio,
        "update": chosen.update,
        "lr": chosen.lr,
        "average": chosen.average,
        "fit_intercept": not chosen.no_intercept,
    }
    if chosen.loss in REGRESS:
        return AdagradRegressor(chosen.loss, epsilon=chosen.epsilon, quantile=chosen.quantile, **common)
    return AdagradClassifier(chosen.loss, multi_class="multinomial" if chosen.multinomial else "ovr", **common)


def _classes(chosen: argparse.Namespace) -> list[Any] | None:
    if chosen.classes is None:
        return None
    names: list[str] = chosen.classes.split(",")
    try:
        return [float(name) for name in names]
    except ValueError:
        return names


def _judged(model: LinearModel, path: Path, reading: dict[str, Any]) -> dict[str, Any]:
    """Error of labels, or root of the mean squared error, on a file."""
    from nukarumi.linear.streaming import need_known_labels, predict_file  # noqa: PLC0415

    rows, wrong = 0, 0.0
    for predictions, labels in predict_file(
        model, path, look=lambda batch: need_known_labels(model, path, batch), **reading
    ):
        rows += len(labels)
        if hasattr(model, "classes_"):
            wrong += float((predictions != labels).sum())
        else:
            wrong += float(((predictions - labels) ** 2).sum())
    if hasattr(model, "classes_"):
        return {"examples": rows, "error": wrong / max(rows, 1)}
    return {"examples": rows, "rmse": (wrong / max(rows, 1)) ** 0.5}


def _sentences(found: dict[str, Any]) -> str:
    lines = [
        f"{found['train']}: {found['examples']:,} examples in {found['seconds']:.2f} s",
        f"mean loss {found['loss']:.5g}, each example met before it was learnt from",
        f"{found['weights_not_zero']:,} weights of {found['features']:,} columns are not zero",
    ]
    if "test" in found:
        test = found["test"]
        told = (
            f"{100 * test['error']:.2f} % wrong" if "error" in test else f"root mean squared error {test['rmse']:.5g}"
        )
        lines.append(f"{test['file']}: {test['examples']:,} examples, {told}")
    if "model" in found:
        lines.append(f"saved in {found['model']}")
    if "trail" in found:
        lines.append(f"the learning curve is in {found['trail']}")
    return "\n".join(lines)


@contextlib.contextmanager
def _watch(chosen: argparse.Namespace) -> Iterator[Any]:
    """A bar on a terminal, a line a pass elsewhere, nothing if quiet."""
    if chosen.quiet:
        yield lambda standing: None
    elif not sys.stderr.isatty():

        def line(standing: Standing) -> None:
            if standing.share >= 1.0:
                sys.stderr.write(f"pass {standing.epoch}: {standing.examples:,} examples, loss {standing.loss:.5g}\n")

        yield line
    else:
        from rich.console import Console  # noqa: PLC0415
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        columns = (
            TextColumn("pass {task.fields[epoch]}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.description}"),
        )
        with Progress(*columns, TimeElapsedColumn(), console=Console(file=sys.stderr)) as bars:
            task = bars.add_task("", total=chosen.passes, epoch=1)
            yield lambda standing: bars.update(
                task,
                completed=standing.epoch - 1 + standing.share,
                epoch=standing.epoch,
                description=f"{standing.examples:,} examples, loss {standing.loss:.5g}",
            )


def _predict(chosen: argparse.Namespace) -> int:
    from nukarumi._errors import BadInput  # noqa: PLC0415
    from nukarumi._files import checked_input  # noqa: PLC0415
    from nukarumi.linear.classifier import plain  # noqa: PLC0415
    from nukarumi.linear.reading import is_standard_input, name_of  # noqa: PLC0415
    from nukarumi.linear.storage import load_with_about  # noqa: PLC0415
    from nukarumi.linear.streaming import predict_file  # noqa: PLC0415

    if not is_standard_input(chosen.file):
        checked_input(chosen.file, "FILE")
    model, about = load_with_about(checked_input(chosen.model, "MODEL"))
    method = {"label": "predict", "score": "decision_function", "probability": "predict_proba"}[chosen.show]
    if method != "predict" and not hasattr(model, "classes_"):
        method = "predict"  # a regressor's score is its prediction
    if not hasattr(model, method):
        raise BadInput(
            f"--show {chosen.show} needs a model with probabilities", f"loss {model.loss}", "use --show score"
        )
    widths = [0]

    def look(batch: Batch) -> None:
        widths.append(max(widths.pop(), batch.X.shape[1]))

    for predictions, _ in predict_file(model, chosen.file, method, look=look, **_reading(chosen, about["bits"])):
        if predictions.ndim == 1:
            sys.stdout.writelines(f"{plain(value)}\n" for value in predictions.tolist())
        else:
            sys.stdout.writelines(" ".join(map(str, row)) + "\n" for row in predictions.tolist())
    if widths[0] > model.n_features_in_:
        told = f"{name_of(chosen.file)} has {widths[0]:,} columns, the model {model.n_features_in_:,}"
        _note(f"{told}: those beyond the model's weigh nothing")
    return 0


def _note(sentence: str) -> None:
    sys.stderr.write(f"nukarumi: {sentence}\n")


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
