"""Sparse training on Ray: one linear model, learnt by many workers at once from examples that Ray Data holds.

Two ways. *Downpour* (Dean et al. 2012): the weights and Adagrad's ``h`` stand in a `SharedTable`; a worker takes a
mini-batch, pulls the rows of the features in it, works out the gradient and pushes it; the shards do the optimizer's
step. *Averaging*: in each of many rounds every worker has the whole model, learns from its share of the round as one
machine would, and what the workers have learnt is put together.

A pass is cut into pieces that depend on the number of examples alone. A piece is the client of the table, not the
worker that happens to do it; so when a worker dies, another one does the piece again, and what had been pushed is not
pushed twice.
"""

from __future__ import annotations

import copy
import os
import shutil
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np

from nukarumi._errors import BadInput
from nukarumi.cluster.connect import ClusterError, Session, import_ray, worker_environment
from nukarumi.cluster.fleet import Fleet, Room, outcome, settle
from nukarumi.cluster.races import Ray
from nukarumi.cluster.shared import Client, SharedTable
from nukarumi.linear.base import UPDATES, LinearModel
from nukarumi.linear.classifier import AdagradClassifier, plain
from nukarumi.linear.learner import SCHEMES, Learner
from nukarumi.linear.reading import BLOCK, Format
from nukarumi.linear.slopes import slopes
from nukarumi.linear.streaming import Standing, need_estimator
from nukarumi.optim import Adagrad
from nukarumi.optim.rows import Rows

if TYPE_CHECKING:
    from scipy.sparse import csr_matrix

__all__ = ["METHODS", "fit_on_ray", "gradient", "merged"]

Array = np.ndarray[Any, Any]
METHODS = ("downpour", "average")
OWN = dict.fromkeys(("batch", "staleness", "shards", "journal", "sync"), "downpour") | {"share": "average"}
"""The options that belong to one method."""
PIECES = 4
"""Pieces of a pass for each worker: what is lost with a worker, and how evenly they end."""
LEAST = 8
"""Examples of a worker in the first round of averaging."""
GROWTH = 4
"""A round of averaging has at most this part of the examples seen before it: while a model changes fast, workers that
learn from the same start must not go far from each other."""
KEPT = "the model is as it was; begin again"
PULLED = 1 << 20
"""Rows that are pulled at a time when the training has ended."""


class Piece(NamedTuple):
    """Some examples of one pass, as stretches of blocks: number of the block, first row, row behind the last. Pass 0 is
    the look at every block before the first."""

    epoch: int
    number: int
    begin: int
    end: int
    parts: list[tuple[int, int, int]]

    def __str__(self) -> str:
        if not self.epoch:
            return f"the look at block {self.number}"
        return f"pass {self.epoch}, examples {self.begin + 1:,} to {self.end:,}"


@dataclass(frozen=True)
class Blocks:
    """The examples: references of the blocks and their numbers of rows."""

    references: list[Any]
    rows: list[int]

    @property
    def total(self) -> int:
        """How many examples there are."""
        return sum(self.rows)

    def piece(self, epoch: int, number: int, begin: int, end: int) -> Piece:
        """The examples from ``begin`` up to ``end``, counted over all blocks."""
        parts, first = [], 0
        for k, rows in enumerate(self.rows):
            low, high = max(begin, first), min(end, first + rows)
            if low < high:
                parts.append((k, low - first, high - first))
            first += rows
        return Piece(epoch, number, begin, end, parts)

    def pieces(self, epoch: int, wanted: int, unit: int, begin: int = 0, end: int | None = None) -> list[Piece]:
        """About ``wanted`` pieces of the examples from ``begin`` to ``end``, each but the last a multiple of a unit."""
        stop = self.total if end is None else end
        size = max(unit, -(-(stop - begin) // (wanted * unit)) * unit)
        starts = range(begin, stop, size)
        return [self.piece(epoch, n, start, min(start + size, stop)) for n, start in enumerate(starts)]


class Learnt(NamedTuple):
    """What a worker tells of a piece: examples; the losses it has met, and the weights of those, summed; its work."""

    examples: int
    loss: float
    weight: float
    result: Any = None


def fit_on_ray(
    model: LinearModel,
    data: Any,
    *,
    engine: Ray | None = None,
    method: Literal["downpour", "average"] = "downpour",
    passes: int = 1,
    workers: int | None = None,
    batch: int = 32,
    staleness: int = 0,
    shards: int | None = None,
    share: int = 512,
    journal: str | None = None,
    sync: bool = False,
    classes: Any = None,
    format: Format | None = None,
    bits: int = 18,
    label: str | None = None,
    block: int = BLOCK,
    progress: Callable[[Standing], None] | None = None,
) -> LinearModel:
    """Learn from examples with many workers; a fitted model goes on. ``loss_curve_`` gets the mean loss of each pass.

    ::

        downpour:  g = sum of loss'(p, y) * x over a mini-batch, p by weights just pulled; the table does Adagrad's step
        average:   h = h0 + sum_k (h_k - h0),  w = w0 + sum_k (w_k - w0) * sqrt((h_k - h0) / (h - h0))

    Parameters
    ----------
    model
        An `AdagradClassifier` or `AdagradRegressor`, as for `nukarumi.linear.fit_file`.
    data
        A file, a folder, a pattern such as ``"day-*.svm"``, or a list of them, which every machine sees; or a
        ``ray.data.Dataset`` with a column of labels and columns of numbers.
    engine
        Where; None: `Ray` with its defaults, closed at the end.
    method
        ``"downpour"``: the weights in a table over the machines, also where no worker could hold them. ``"average"``:
        a whole model in each worker; its result depends on the examples and ``workers`` alone, whoever dies.
    passes
        How often to go through the examples, in their order.
    workers
        Pieces that are learnt from at once; None: the CPUs of the cluster.
    batch
        Examples of a push (downpour).
    staleness
        How many of its own last pushes a worker's weights may lack (downpour); what other workers push is in them as
        soon as it is in the table. With one worker the result is the same in every run.
    shards
        Actors that the table is divided over (downpour); None: one for each node.
    share
        How many examples a worker learns from, at most, before what all have learnt is put together (average). Early
        rounds are shorter: a quarter of the examples seen so far, by all together.
    journal, sync
        Where the table keeps its journal while it is trained, and how (downpour); see `SharedTable`.
    classes, format, bits, label, block
        As for `nukarumi.linear.fit_file`; labels that are not told are those of all examples.
    progress
        Told after every piece (average: every round) how it stands.

    Returns
    -------
    model

    Raises
    ------
    BadInput
        For a setting that does not go with the method, a malformed file, a new label. The model is then as it was.
    ClusterError
        If the cluster is lost, a shard finds no room, a piece has lost its workers `nukarumi.cluster.fleet.DEATHS`
        times. The model is then as it was.

    Notes
    -----
    Downpour: each mini-batch is pushed exactly once, whichever workers, shards or nodes die. A piece whose worker died
    is gone through again from its first batch that is not in the table; a batch that only some shards had is pushed to
    the others, with its gradient at the weights of then. With one worker and ``batch=1`` the model has the bits that
    `nukarumi.linear.fit_file` gives it (softmax apart, whose exponentials come from another library).

    Averaging lets a weight keep all that it has learnt where one worker alone has met its feature, which a plain mean
    would divide by the number of workers. Where k workers have moved it alike it moves sqrt(k) times as far as each, as
    steps do that shrink with the root of ``h``. With ``update="rda"`` the sums of gradients are added, and penalties
    stay exact.

    Examples
    --------
    >>> from nukarumi.cluster import Ray, fit_on_ray
    >>> from nukarumi.linear import AdagradClassifier
    >>> def train():
    ...     return fit_on_ray(AdagradClassifier(lr=0.1), "clicks/*.svm", engine=Ray("auto"), workers=8, passes=2)

    Source: J. Dean et al., Large scale distributed deep networks, Advances in Neural Information Processing Systems 25
    (2012).
    """
    need_estimator(model)
    _refuse(model, method)
    own = {"batch": batch, "staleness": staleness, "shards": shards, "journal": journal, "sync": sync, "share": share}
    usual = fit_on_ray.__kwdefaults__ or {}
    for name, option in own.items():
        if OWN[name] != method and option != usual[name]:
            raise BadInput(
                f"{name} is an option of method={OWN[name]!r} alone",
                f"{name}={option!r} for method={method!r}",
                f"leave {name} out, or take method={OWN[name]!r}",
            )
    for name, value, least in (
        ("passes", passes, 1), ("batch", batch, 1), ("staleness", staleness, 0), ("share", share, 1),
        ("workers", 1 if workers is None else workers, 1), ("shards", 1 if shards is None else shards, 1),
    ):  # fmt: skip
        given: Any = value
        if isinstance(given, bool) or not isinstance(given, int | np.integer) or given < least:
            raise BadInput(f"{name} must be a whole number >= {least}", repr(value), f"pass {name}={max(least, 1)}")
    if engine is not None and not isinstance(engine, Ray):
        raise BadInput("engine must be nukarumi.cluster.Ray", type(engine).__name__, "engine=Ray()")
    source = _source()
    if not isinstance(data, source.ray.data.Dataset):
        source.files(data)  # before Ray is started, which takes seconds
    used = engine or Ray()
    try:
        session = used.session()
        made = _Training(session, used.seconds, copy.deepcopy(model), passes, workers, progress)
        made.read(data, classes, format=format, bits=bits, label=label, block=block)
        if method == "downpour":
            made.downpour(batch, staleness, shards, journal, sync)
        else:
            made.average(share)
    finally:
        if engine is None:
            used.close()
    model.__dict__.update(made.model.__dict__)
    return model


def _source() -> Any:
    """The module that reads with Ray Data, which needs more than Ray itself."""
    import_ray()
    try:
        from nukarumi.cluster import source  # noqa: PLC0415
    except ImportError as missing:
        raise BadInput(
            "training on Ray reads with Ray Data", f"{missing}", "pip install 'nukarumi[cluster]'"
        ) from missing
    return source


def _refuse(model: LinearModel, method: str) -> None:
    """Say which settings a method has no exact meaning for."""
    if method not in METHODS:
        raise BadInput(f"method must be one of {', '.join(METHODS)}", repr(method), 'method="downpour"')
    if model.record:
        raise BadInput("fit_on_ray keeps no trail, because many workers learn at once", "record=True", "record=False")
    if model.average:
        raise BadInput(
            "average=True needs the weights after every single step, which many workers have not",
            "average=True",
            "set average=False, or train on one machine with fit_file",
        )
    dual = UPDATES.get(model.update) == "rda"
    penalised = model.penalty is not None and model.alpha > 0
    if method == "downpour" and (dual or penalised):
        raise BadInput(
            'method="downpour" pushes gradients to Adagrad\'s own rule, which has no penalty and no dual averaging',
            f"update={model.update!r}, penalty={model.penalty!r}, alpha={model.alpha}",
            'method="average" with update="rda", or one machine: fit_file',
        )
    if method == "average" and penalised and not dual:
        raise BadInput(
            'method="average" meets a penalty exactly only by dual averaging, whose sums can be added',
            f"update={model.update!r}, penalty={model.penalty!r}, alpha={model.alpha}",
            'set update="rda", or train on one machine with fit_file',
        )


class _Training:
    """One fit: the examples on the cluster, the model as it grows, and the fleet."""

    def __init__(
        self, session: Session, seconds: float, model: LinearModel, passes: int, workers: int | None,
        progress: Callable[[Standing], None] | None,
    ) -> None:  # fmt: skip
        self.session, self.seconds, self.model, self.passes = session, seconds, model, passes
        self.workers = workers or session.cpus()
        self._progress = progress
        self._fleet = Fleet(session, seconds, _failed, KEPT)
        self._examples, self._loss, self._weight = 0, 0.0, 0.0
        self._before = 0.0, 0.0  # the sums of loss and weight of the passes that have ended
        self._blocks = Blocks([], [])

    def read(self, data: Any, classes: Any, **reading: Any) -> None:
        """Bring the examples to the cluster, look at all of them, and make the model ready."""
        source = _source()
        references = source.materialized(source.dataset(data, **reading), Room(self.session, self.seconds, KEPT).cpus)
        whole = [Piece(0, k, 0, 0, [(k, 0, sys.maxsize)]) for k in range(len(references))]
        self._blocks = Blocks(references, [0] * len(references))
        labelled = isinstance(self.model, AdagradClassifier)
        seen = dict(self._done(_look, whole, self._put(labelled)))
        found = [seen[piece.number].result for piece in whole if seen[piece.number].examples]
        self._blocks = Blocks(references, [seen[piece.number].examples for piece in whole])
        if not self._blocks.total:
            raise BadInput("the data must hold examples", "none", "add some")
        labels = np.unique(np.concatenate([np.asarray(each) for _, each in found])) if labelled else np.zeros(1)
        width = max(width for width, _ in found)
        try:
            self._begin(width, labels, classes)
        except MemoryError as full:
            raise ClusterError(
                f"this machine has no memory for a model of {width:,} columns: {full}",
                "number the columns from 0 on without gaps, or hash them (--bits, Vowpal Wabbit's text)",
            ) from full

    def _begin(self, width: int, labels: Array, classes: Any) -> None:
        """Let the model see every label once, and learn nothing from it; so all checks are those of `partial_fit`."""
        from scipy.sparse import csr_matrix  # noqa: PLC0415

        model = self.model
        features = width
        if hasattr(model, "_learner"):
            features = max(width, model._learner.features)
            model._learner.grow(features)
            model.n_features_in_ = features
        given = csr_matrix((len(labels), features)), labels
        if isinstance(model, AdagradClassifier):
            if classes is None and not hasattr(model, "_learner"):
                classes = labels
                if len(labels) == 1:
                    raise BadInput(
                        "the data must hold at least two labels, unless all are named",
                        f"only the label {plain(labels[0])}",
                        "pass --classes A,B in the shell, classes=[...] in Python",
                    )
            X, y, weight = model._checked_part(*given, classes, None)
        else:
            X, y, weight = model._checked_part(*given, None)
        model._learn_part(X, y, np.zeros_like(weight), watch=True)

    # Downpour --------------------------------------------------------------------------------------------------------

    def downpour(self, batch: int, staleness: int, shards: int | None, journal: str | None, sync: bool) -> None:
        """Learn with the weights in a shared table."""
        learner = self.model._learner
        settings, rows = learner.settings, learner.features + 1
        optimizer = Adagrad(settings["lr"], eps=settings["eps"], initial_accumulator=learner.h0)
        init = {of: learner.letter(of)[:, :rows].T for of in ("w", "h")} if learner.t else 0.0
        count = min(rows, shards or len(self.session.nodes()))
        if journal is not None and not Path(journal).is_dir():
            raise BadInput("journal must be a folder that exists", repr(journal), f"mkdir -p {journal}")
        own = None if journal is None else tempfile.mkdtemp(prefix="fit-", dir=journal)
        light = _light(self.model)
        try:
            with SharedTable(
                rows, learner.outputs, optimizer=optimizer, shards=count, dtype=np.float64, init=init,
                partition="hash", journal=own, sync=sync, timeout=self.seconds, name="weights",
            ) as table:  # fmt: skip
                shared = self._put((light, table.client("pass"), batch, staleness))
                for epoch in range(1, self.passes + 1):
                    pieces = self._blocks.pieces(epoch, PIECES * self.workers, batch)
                    for done, (_, learnt) in enumerate(self._done(_downpour, pieces, shared), 1):
                        self._tell(epoch, done / len(pieces), learnt)
                    self._passed(epoch)
                for start in range(0, rows, PULLED):
                    span = np.arange(start, min(start + PULLED, rows))
                    for of in ("w", "h"):
                        learner.letter(of)[:, span] = table.pull(span, of).T
        finally:
            if own is not None:
                shutil.rmtree(own, ignore_errors=True)
        learner.t += self.passes * self._counted
        learner._weights = None

    # Averaging -------------------------------------------------------------------------------------------------------

    def average(self, share: int) -> None:
        """Learn in rounds: everybody from the same model, then all that was learnt together."""
        total, learner = self._blocks.total, self.model._learner
        for epoch in range(1, self.passes + 1):
            begin = 0
            while begin < total:
                size = self.workers * max(LEAST, min(share, learner.t // (GROWTH * self.workers)))
                end = min(begin + size, total)
                pieces = self._blocks.pieces(epoch, self.workers, 1, begin, end)
                learnt = dict(self._done(_average, pieces, self._put(self.model)))
                in_order = [learnt[piece.number] for piece in pieces]
                merged(learner, [one.result for one in in_order])
                learner.t += sum(one.examples for one in in_order)
                for one in in_order[:-1]:
                    self._count(one)
                self._tell(epoch, end / total, in_order[-1])
                begin = end
            self._passed(epoch)

    # Work for the fleet ----------------------------------------------------------------------------------------------

    @property
    def _counted(self) -> int:
        """Examples of a pass that count, those with a weight."""
        return self._examples // self.passes

    def _done(
        self, function: Callable[..., Learnt], pieces: Sequence[Piece], shared: Any
    ) -> Iterator[tuple[int, Learnt]]:
        """Do something with every piece, so many at once as there are workers."""
        ray = self.session.ray
        place = os.getcwd(), list(sys.path)
        remote = ray.remote(_work).options(num_cpus=1, max_retries=0, runtime_env=worker_environment())

        def submit(piece: Piece) -> Any:
            blocks = [self._blocks.references[k] for k, _, _ in piece.parts]
            return remote.remote(place, function, piece, shared, *blocks)

        for piece, learnt in self._fleet.run(submit, pieces, most=self.workers):
            yield piece.number, learnt

    def _put(self, value: Any) -> Any:
        return self.session.ray.put(value)

    def _count(self, learnt: Learnt) -> None:
        self._examples += learnt.examples
        self._loss += learnt.loss
        self._weight += learnt.weight

    def _passed(self, epoch: int) -> None:
        """Note in the model that a pass has ended, as `fit_file` does."""
        loss, weight = self._loss - self._before[0], self._weight - self._before[1]
        self._before = self._loss, self._weight
        self.model.n_iter_ = epoch
        self.model.loss_curve_.append(loss / weight if weight else float("nan"))

    def _tell(self, epoch: int, share: float, learnt: Learnt) -> None:
        self._count(learnt)
        if self._progress is not None:
            loss = self._loss / self._weight if self._weight else float("nan")
            self._progress(Standing(epoch, share, self._examples, loss))


def _failed(task: Any, did: str, cure: str) -> Exception:
    return ClusterError(f"{task} {did}", cure)


def _light(model: LinearModel) -> LinearModel:
    """The model without its weights, for workers that pull them."""
    made = copy.copy(model)
    made._learner = copy.copy(model._learner)
    made._learner.tables, made._learner._weights = np.zeros((0, 0, 0)), None
    return made


# In a worker ----------------------------------------------------------------------------------------------------------


def _work(
    place: tuple[str, list[str]], function: Callable[..., Learnt], piece: Piece, shared: Any, *blocks: Any
) -> tuple[bool, bytes]:
    settle(*place)
    return outcome(lambda: function(piece, shared, blocks))


def _look(piece: Piece, labelled: bool, blocks: Sequence[Any]) -> Learnt:
    """How many rows and columns a block has, and which labels."""
    from nukarumi.cluster.source import opened  # noqa: PLC0415

    if not blocks[0].num_rows:
        return Learnt(0, 0.0, 0.0)
    X, y, weight = opened(blocks[0])
    if y.dtype.kind == "f" and np.isnan(y).any():
        raise BadInput(
            "every example to learn from must have a label", f"none for {int(np.isnan(y).sum())} of them",
            "add them or remove those lines",
        )  # fmt: skip
    return Learnt(len(y), 0.0, float(weight.sum()), (X.shape[1], np.unique(y).tolist() if labelled else []))


def _examples(piece: Piece, model: LinearModel, blocks: Sequence[Any]) -> tuple[csr_matrix, Any, Any]:
    """The rows of a piece, that have a weight, with the model's columns, checked as `partial_fit` checks them."""
    from scipy.sparse import csr_matrix, vstack  # noqa: PLC0415

    from nukarumi.cluster.source import opened  # noqa: PLC0415

    features = model._learner.features
    X, y, weight = zip(*(opened(block, *rows) for block, (_, *rows) in zip(blocks, piece.parts, strict=True)),
                       strict=True)  # fmt: skip
    wide = [csr_matrix((x.data, x.indices, x.indptr), shape=(x.shape[0], features)) for x in X]
    weights = np.concatenate(weight)
    keep = np.flatnonzero(weights)
    whole = vstack(wide, format="csr")[keep]
    whole.sum_duplicates()
    given = whole, np.concatenate(y)[keep]
    if not len(keep):
        return (*given, weights[keep])
    if isinstance(model, AdagradClassifier):
        return model._checked_part(*given, None, weights[keep])
    return model._checked_part(*given, weights[keep])  # type: ignore[no-any-return]


def _downpour(piece: Piece, shared: tuple[LinearModel, Client, int, int], blocks: Sequence[Any]) -> Learnt:
    """Go through a piece, a mini-batch at a time, and push what the table has not seen of it."""
    model, common, batch, staleness = shared
    X, y, weight = _examples(piece, model, blocks)
    targets = model._targets(y)
    # A piece has one client and the same mini-batches in every pass: shards remember no more clients than pieces.
    client = common.named(f"piece {piece.number}")
    before = (piece.epoch - 1) * -(-(piece.end - piece.begin) // batch)
    learner = model._learner
    met, met_weight = 0.0, 0.0
    starts = iter(range(0, len(y), batch))
    asked: deque[tuple[int, slice, Array, Any, Any]] = deque()

    def ask() -> None:
        start = next(starts, None)
        if start is None:
            return
        part = slice(start, start + batch)
        rows, near = compressed(X[part])
        number = before + start // batch + 1
        asked.append((number, part, rows, near, None if client.has(number, rows) else client.ask(rows)))

    for _ in range(staleness + 1):
        ask()
    while asked:
        number, part, rows, near, pulled = asked.popleft()
        if pulled is not None:
            w = client.arrived(pulled)
            loss, values = gradient(learner, near, targets[:, part], weight[part], w)
            client.push(Rows(rows, values), number, unacknowledged=staleness)
            met, met_weight = met + loss, met_weight + float(weight[part].sum())
        ask()
    client.flush()
    return Learnt(len(y), met, met_weight)  # of what a worker that died had pushed, nobody knows the loss any more


def compressed(X: csr_matrix) -> tuple[Array, csr_matrix]:
    """The table's rows of the features of a mini-batch, the intercept's first, and the batch with these columns only.

    Examples
    --------
    >>> from scipy.sparse import csr_matrix
    >>> rows, near = compressed(csr_matrix([[0.0, 0.0, 3.0, 0.0], [1.0, 0.0, 2.0, 0.0]]))
    >>> rows.tolist(), near.toarray().tolist()
    ([0, 1, 3], [[0.0, 3.0], [1.0, 2.0]])
    """
    from scipy.sparse import csr_matrix  # noqa: PLC0415

    columns, near = np.unique(X.indices, return_inverse=True)
    rows = np.concatenate([[0], columns.astype(np.int64) + 1])
    return rows, csr_matrix((X.data, near, X.indptr), shape=(X.shape[0], len(columns)))


def gradient(learner: Learner, X: csr_matrix, targets: Array, weight: Array, w: Array) -> tuple[float, Array]:
    """The sum of a mini-batch's losses, and its gradient by the weights given: the intercept's row, then the columns'.

    Parameters
    ----------
    learner
        Says the loss and whether there is an intercept.
    X
        The rows of the batch, with as many columns as ``w`` has rows behind the first.
    targets, weight
        As in `nukarumi.linear.learner.Learner.walk`.
    w
        Weights, (1 + columns, outputs).

    Raises
    ------
    BadInput
        If a score is no longer finite.
    """
    scores = np.asarray(X @ w[1:])
    if learner.intercept:
        scores = scores + w[0]
    values, each = slopes(learner.loss, learner.at, scores, targets)
    if not np.isfinite(each).all():
        raise BadInput("the scores must stay finite", "a score overflowed", "scale X and y down")
    by_score = each * weight[:, None]
    values = values * weight[:, None]
    first = by_score.sum(axis=0)[None] if learner.intercept else np.zeros((1, w.shape[1]))
    return float(values.sum()) / values.shape[1], np.concatenate([first, np.asarray(X.T @ by_score)])


def _average(piece: Piece, shared: LinearModel, blocks: Sequence[Any]) -> Learnt:
    """Learn from a piece as one machine would; the lines of the table that this has touched."""
    model = copy.deepcopy(shared)  # what Ray hands over is read-only
    X, y, weight = _examples(piece, model, blocks)
    met = 0.0
    if len(y):
        model._learn_part(X, y, weight, watch=True)
        met = model._met * float(weight.sum())
    lines = np.concatenate([[0], np.unique(X.indices).astype(np.int64) + 1])
    return Learnt(len(y), met, float(weight.sum()), (lines, model._learner.tables[:, lines]))


def merged(learner: Learner, parts: Sequence[tuple[Array, Array]]) -> None:
    """Put together what workers have learnt, each from the learner's tables as they are.

    Sums (``h``, and the sum of gradients ``u`` of dual averaging) grow by all that was added to them. A weight makes
    every worker's move, by the root of that worker's part in the growth of ``h``.

    Parameters
    ----------
    learner
        The common start; its tables are changed.
    parts
        For each worker the lines of the tables that it has touched, and these lines as it leaves them.
    """
    letters = SCHEMES[learner.scheme].letters
    sums, start = "w" not in letters, learner.tables
    at, h = letters.index("u" if sums else "w"), letters.index("h")
    grown, moved = np.zeros_like(start[:, :, h]), np.zeros_like(start[:, :, at])
    for lines, tables in parts:
        grown[:, lines] += tables[:, :, h] - start[:, lines, h]
    for lines, tables in parts:
        by, of = tables[:, :, h] - start[:, lines, h], grown[:, lines]
        part = np.divide(by, of, out=np.zeros_like(by), where=of > 0)
        step = tables[:, :, at] - start[:, lines, at]
        moved[:, lines] += step if sums else step * np.sqrt(part)
    start[:, :, at] += moved
    start[:, :, h] += grown
    learner._weights = None
