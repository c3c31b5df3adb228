"""Sparse training on a real Ray cluster of three nodes, whose workers, shards and nodes die on the way."""

from __future__ import annotations

import copy
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from scipy.sparse import csr_matrix, random
from sklearn.datasets import dump_svmlight_file

from nukarumi import Adagrad, Rows
from nukarumi._errors import BadInput
from nukarumi.cli import main
from nukarumi.cluster import ClusterError, SharedTable, connect, fit, fit_on_ray, source
from nukarumi.cluster.connect import import_ray
from nukarumi.linear import AdagradClassifier, AdagradRegressor, fit_file, load, load_svmlight
from nukarumi.linear.reading import Batch

ray = import_ray()

pytestmark = [
    # Ray's own: files and processes that its test cluster leaves to the garbage collector, advice to its developers.
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning:ray"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:ray"),
]
COLUMNS = 40


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Three nodes with one CPU each, and this process connected to the first."""
    from ray.cluster_utils import Cluster  # noqa: PLC0415

    small: dict[str, Any] = {"num_cpus": 1, "object_store_memory": 1 << 27, "include_dashboard": False}
    small["_system_config"] = {"num_workers_soft_limit": 4}  # so that workers stay from one test to the next
    nodes = Cluster(initialize_head=True, head_node_args=small)
    try:
        for _ in range(2):
            nodes.add_node(num_cpus=1, object_store_memory=1 << 27)
        ray.init(address=nodes.address, log_to_driver=False, logging_level="ERROR")
        yield nodes
    finally:
        ray.shutdown()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            nodes.shutdown()


def examples(rows: int, classes: int = 2, seed: int = 0, noise: float = 0.5) -> tuple[csr_matrix, Any]:
    """Rows of a few words each, with labels that a linear model can tell, most of the time."""
    rng = np.random.default_rng(seed)
    X = csr_matrix(random(rows, COLUMNS, 0.15, random_state=seed, data_rvs=lambda n: rng.integers(1, 4, n)))
    truth = np.random.default_rng(1234).normal(size=(COLUMNS, classes))
    scores = X @ truth + rng.normal(size=(rows, classes)) * noise
    return X, scores.argmax(axis=1).astype(float)


def written(path: Path, X: Any, y: Any) -> str:
    dump_svmlight_file(X, y, str(path))
    return str(path)


@pytest.fixture(scope="module")
def small(tmp_path_factory: Any) -> str:
    """A file of 96 examples of two classes."""
    return written(tmp_path_factory.mktemp("data") / "small.svm", *examples(96))


@pytest.fixture(scope="module")
def large(tmp_path_factory: Any) -> tuple[str, tuple[csr_matrix, Any]]:
    """A file of 6,000 examples, and 4,000 to judge by."""
    X, y = examples(10_000, noise=4.0)
    return written(tmp_path_factory.mktemp("data") / "large.svm", X[:6000], y[:6000]), (X[6000:], y[6000:])


def state(model: Any) -> tuple[bytes, bytes, bytes]:
    """All bits of what has been learnt."""
    return model.coef_.tobytes(), model.intercept_.tobytes(), model.h_.tobytes()


def by_hand(model: Any, path: str, batch: int, staleness: int = 0) -> tuple[bytes, bytes, bytes]:
    """What one worker does, with one local table and Adagrad, in the four pieces of a pass: within a piece it pulls
    so many pushes ahead."""
    made = fit_file(model, path)  # for its classes and settings; its weights are thrown away
    X, y = load_svmlight(path)
    learner, targets = made._learner, made._targets(y)
    w, optimizer = np.zeros((X.shape[1] + 1, learner.outputs)), Adagrad(model.lr, eps=model.eps)
    piece = -(-len(y) // (4 * batch)) * batch
    for begin in range(0, len(y), piece):
        pulled = [w.copy()] * (staleness + 1)
        for start in range(begin, min(begin + piece, len(y)), batch):
            part = slice(start, start + batch)
            rows, near = fit.compressed(X[part])
            _, values = fit.gradient(learner, near, targets[:, part], np.ones(near.shape[0]), pulled[0][rows])
            optimizer.update({"w": w}, {"w": Rows(rows, values)})
            pulled = [*pulled[1:], w.copy()]
    h = optimizer.h["w"]
    return np.ascontiguousarray(w[1:].T).tobytes(), w[0].tobytes(), np.ascontiguousarray(h[1:].T).tobytes()


# Bits -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: AdagradClassifier("hinge", lr=0.3, class_weight={0.0: 2.0, 1.0: 0.5}),
        lambda: AdagradRegressor("huber", lr=0.2, fit_intercept=False, initial_accumulator=0.5),
    ],
)
def test_one_worker_and_batches_of_one_are_one_machine(cluster: Any, small: str, make: Callable[[], Any]) -> None:
    here = fit_file(make(), small)
    there = fit_on_ray(make(), small, workers=1, batch=1, shards=3)
    assert state(there) == state(here)
    assert there.t_ == here.t_ == 96
    assert there.predict(load_svmlight(small)[0]).tolist() == here.predict(load_svmlight(small)[0]).tolist()


@pytest.mark.parametrize(("staleness", "classes", "kind"), [(0, 2, "ovr"), (2, 3, "ovr"), (3, 3, "multinomial")])
def test_one_worker_is_a_loop_over_mini_batches(
    cluster: Any, tmp_path: Path, staleness: int, classes: int, kind: str
) -> None:
    path = written(tmp_path / "train.svm", *examples(150, classes))
    settings: dict[str, Any] = {"lr": 0.3, "multi_class": kind}
    there = fit_on_ray(AdagradClassifier(**settings), path, workers=1, batch=8, staleness=staleness, shards=2)
    assert there.t_ == 150
    assert state(there) == by_hand(AdagradClassifier(**settings), path, 8, staleness)


def test_a_fitted_model_goes_on(cluster: Any, small: str) -> None:
    here = fit_file(AdagradClassifier(lr=0.3), small, passes=3)
    there = fit_file(AdagradClassifier(lr=0.3), small)
    fit_on_ray(there, small, workers=1, batch=1, passes=2)
    assert state(there) == state(here)
    assert there.t_ == 288
    assert there.n_iter_ == 2
    np.testing.assert_allclose(there.loss_curve_, here.loss_curve_, rtol=1e-12)


def test_averaging_depends_on_the_examples_and_the_workers_alone(cluster: Any, tmp_path: Path) -> None:
    X, y = examples(300)
    settings: dict[str, Any] = {"method": "average", "workers": 3, "share": 15}
    whole = written(tmp_path / "a.svm", X, y)
    model = fit_on_ray(AdagradClassifier(lr=0.3), whole, **settings)
    same = fit_on_ray(AdagradClassifier(lr=0.3), whole, block=500, **settings)
    assert state(same) == state(model)
    here = AdagradClassifier(lr=0.3).partial_fit(X[:1], y[:1], classes=[0.0, 1.0])
    here._learner.tables[:], here._learner.t = 0.0, 0
    begin, sizes = 0, []
    while begin < 300:
        sizes.append(min(3 * max(8, min(15, begin // 12)), 300 - begin))
        parts = []
        for start in range(begin, begin + sizes[-1], -(-sizes[-1] // 3)):
            part = slice(start, min(start + -(-sizes[-1] // 3), begin + sizes[-1]))
            one = copy.deepcopy(here).partial_fit(X[part], y[part])
            parts.append((np.arange(COLUMNS + 1), one._learner.tables))
        fit.merged(here._learner, parts)
        begin += sizes[-1]
    assert (sizes[0], sizes[-2]) == (24, 45)
    assert state(here) == state(model)


def test_one_worker_that_averages_alone_is_one_machine(cluster: Any, small: str) -> None:
    for settings in ({}, {"update": "rda", "penalty": "l1", "alpha": 1e-3}):
        here = fit_file(AdagradClassifier(lr=0.3, **settings), small, passes=2)
        there = fit_on_ray(AdagradClassifier(lr=0.3, **settings), small, method="average", workers=1, passes=2)
        np.testing.assert_allclose(there.coef_, here.coef_, rtol=1e-12, atol=1e-15)
        np.testing.assert_allclose(there.h_, here.h_, rtol=1e-12)
        assert there.t_ == here.t_
        assert there.n_iter_ == here.n_iter_
        np.testing.assert_allclose(there.loss_curve_, here.loss_curve_, rtol=1e-12)


def test_held_out_error_is_that_of_one_machine(cluster: Any, large: Any) -> None:
    path, (X, y) = large
    alone = np.mean(fit_file(AdagradClassifier(lr=0.1), path, passes=2).predict(X) != y)
    for method in ("downpour", "average"):
        model = fit_on_ray(AdagradClassifier(lr=0.1), path, method=method, workers=3, passes=2)
        assert np.mean(model.predict(X) != y) <= 1.02 * alone


# What it reads --------------------------------------------------------------------------------------------------------


def test_every_kind_of_input_is_the_same_to_it(cluster: Any, tmp_path: Path) -> None:
    X, y = examples(120)
    settings: dict[str, Any] = {"workers": 1, "method": "average"}
    whole = fit_on_ray(AdagradClassifier(), written(tmp_path / "whole.svm", X, y), **settings)
    folder = tmp_path / "folder"
    folder.mkdir()
    for n in range(3):
        written(folder / f"part-{n}.svm", X[40 * n : 40 * n + 40], y[40 * n : 40 * n + 40])
    (folder / "README").write_text("no examples")
    table = pa.table({**{f"f{c:02d}": X[:, [c]].toarray().ravel() for c in range(COLUMNS)}, "label": y})
    pq.write_table(table, tmp_path / "whole.parquet", row_group_size=30)
    inputs = [
        folder, f"{folder}/part-*.svm", sorted(folder.glob("*.svm")), tmp_path / "whole.parquet",
        ray.data.from_arrow(table),
    ]  # fmt: skip
    for data in inputs:
        assert state(fit_on_ray(AdagradClassifier(), data, block=400, **settings)) == state(whole), data
    (tmp_path / "few.svm").write_text("1 0:1 3:2\n-1 1:1\n")
    here = fit_file(AdagradClassifier(), tmp_path / "few.svm")
    there = fit_on_ray(AdagradClassifier(), tmp_path / "few.svm", workers=1, batch=1, block=5)  # parts without a line
    assert state(there) == state(here)


def test_labels_may_be_words_and_rows_have_weights(cluster: Any, tmp_path: Path) -> None:
    table = pa.table({"x": [0.0, 1.0] * 20, "z": [1.0, 0.0] * 20, "label": ["cat", "dog"] * 20})
    pq.write_table(table, tmp_path / "pets.parquet")
    model = fit_on_ray(AdagradClassifier(lr=0.5), tmp_path / "pets.parquet", workers=2, batch=4)
    assert model.predict([[1.0, 0.0], [0.0, 1.0]]).tolist() == ["dog", "cat"]
    (tmp_path / "w.vw").write_text("1 1 | a\n-1 0 | b\n-1 0.5 | b\n1 0 | a\n" * 10)
    here = fit_file(AdagradClassifier(lr=0.5), tmp_path / "w.vw", bits=4)
    there = fit_on_ray(AdagradClassifier(lr=0.5), tmp_path / "w.vw", bits=4, workers=1, batch=1)
    assert state(there) == state(here)


# Who dies on the way --------------------------------------------------------------------------------------------------


@pytest.fixture
def applied(monkeypatch: Any) -> list[int]:
    """How many pushes the shards have applied, noted when the table closes."""
    found: list[int] = []
    close = SharedTable.close

    def look(table: SharedTable) -> None:
        found.extend(told["applied"] for told in table.told()) if table._actors else None
        close(table)

    monkeypatch.setattr(SharedTable, "close", look)
    return found


def test_a_killed_shard_and_a_killed_worker_change_no_bit(
    cluster: Any, small: str, tmp_path: Path, monkeypatch: Any, applied: list[int]
) -> None:
    flag, downpour, pids = tmp_path / "flag", fit._downpour, []
    made = SharedTable.client

    def dies(piece: Any, shared: Any, blocks: Any) -> Any:
        if piece.number == 1 and not flag.exists():
            from nukarumi.cluster.shared import Client  # noqa: PLC0415

            push = Client.push

            def last(self: Any, rows: Any, number: int, **settings: Any) -> None:
                push(self, rows, number, **settings)
                if number == 3:
                    flag.touch()
                    os._exit(1)

            Client.push = last
        return downpour(piece, shared, blocks)

    monkeypatch.setattr(fit, "_downpour", dies)
    monkeypatch.setattr(SharedTable, "client", lambda table, name: tables.append(table) or made(table, name))
    tables: list[SharedTable] = []

    def kill(standing: Any) -> None:
        if standing.share == 0.75:
            pids.append(tables[0].told()[1]["pid"])
            os.kill(pids[0], signal.SIGKILL)

    journals = tmp_path / "journals"
    journals.mkdir()
    there = fit_on_ray(
        AdagradClassifier(lr=0.3), small, workers=1, batch=4, shards=2, progress=kill, journal=str(journals), sync=True
    )
    assert not list(journals.iterdir())
    assert flag.exists()
    assert pids
    assert state(there) == by_hand(AdagradClassifier(lr=0.3), small, 4)
    assert max(applied) == 24  # the batches of all pieces, each once


class Half:
    """A client whose table has the first push of every pass already; it notes what else it is given."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.pushed: list[int] = []

    def named(self, name: str) -> Half:
        self.names.append(name)
        return self

    def has(self, number: int, rows: Any) -> bool:
        return number in (1, 4)

    def ask(self, rows: Any) -> Any:
        return rows

    def arrived(self, rows: Any) -> Any:
        return np.zeros((len(rows), 1))

    def push(self, rows: Any, number: int, **settings: Any) -> None:
        self.pushed.append(number)

    def flush(self) -> None:
        pass


def test_a_piece_that_is_done_again_counts_the_losses_that_it_meets(small: str) -> None:
    model, client = fit_file(AdagradClassifier(), small), Half()
    X, y = load_svmlight(small)
    block = source._table(Batch(X, y, None, 1, 1.0))
    for epoch in (1, 2):
        learnt = fit._downpour(fit.Piece(epoch, 7, 0, 20, [(0, 0, 20)]), (model, client, 8, 0), [block])
        assert (learnt.examples, learnt.weight) == (20, 12.0)
        assert learnt.loss == pytest.approx(12 * np.log(2))
    assert client.names == ["piece 7"] * 2  # so that shards do not remember every pass
    assert client.pushed == [2, 3, 5, 6]


def test_an_averaging_worker_that_dies_changes_no_bit(
    cluster: Any, small: str, tmp_path: Path, monkeypatch: Any
) -> None:
    settings: dict[str, Any] = {"method": "average", "workers": 2}
    undisturbed = fit_on_ray(AdagradClassifier(lr=0.3), small, **settings)
    flag, average = tmp_path / "flag", fit._average

    def dies(piece: Any, shared: Any, blocks: Any) -> Any:
        if piece.number == 1 and not flag.exists():
            flag.touch()
            os._exit(1)
        return average(piece, shared, blocks)

    monkeypatch.setattr(fit, "_average", dies)
    assert state(fit_on_ray(AdagradClassifier(lr=0.3), small, **settings)) == state(undisturbed)
    assert flag.exists()


def test_a_piece_that_kills_every_worker_is_named_and_the_model_stays(
    cluster: Any, small: str, monkeypatch: Any
) -> None:
    monkeypatch.setattr(fit, "_downpour", lambda *_: os._exit(1))
    model = fit_file(AdagradClassifier(lr=0.3), small)
    before = state(model)
    says = r"pass 1, examples 1 to 32 lost its worker process 4 times.*lack of memory.*the model is as it was"
    with pytest.raises(ClusterError, match=says):
        fit_on_ray(model, small, workers=1)
    assert state(model) == before


# What is refused ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "given", "says"),
    [
        ({"penalty": "l1"}, {}, 'method="downpour" pushes gradients.*method="average" with update="rda"'),
        ({"penalty": "l2", "alpha": 0.1}, {}, "which has no penalty"),
        ({"update": "rda"}, {}, "no dual averaging"),
        ({"penalty": "l2"}, {"method": "average"}, 'set update="rda"'),
        ({"average": True}, {}, "average=True needs the weights after every single step"),
        ({"record": True}, {}, "keeps no trail"),
        ({}, {"method": "gossip"}, "method must be one of downpour, average"),
        ({}, {"workers": 0}, "workers must be"),
        ({}, {"batch": 1.5}, "batch must be"),
        ({}, {"staleness": -1}, "staleness must be"),
        ({}, {"passes": True}, "passes must be"),
        ({}, {"engine": "ray"}, "engine must be nukarumi.cluster.Ray"),
        ({}, {"method": "average", "staleness": 2}, "staleness is an option of method='downpour' alone"),
        ({}, {"method": "average", "shards": 2}, "leave shards out, or take method='downpour'"),
        ({}, {"share": 64}, "share=64 for method='downpour'"),
        ({}, {}, "data must name files that exist"),
    ],
)
def test_settings_without_a_meaning_are_refused_before_ray(
    settings: dict[str, Any], given: dict[str, Any], says: str
) -> None:
    with pytest.raises(BadInput, match=says):
        fit_on_ray(AdagradClassifier(**settings), "no/such/file.svm", **given)


def test_files_that_are_wrong_are_named_with_their_line(cluster: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.svm").write_text("1 0:1\n-1 1:1\n" * 50 + "1 3:x\n")
    (tmp_path / "cut.svm").write_text("1 0:1\n-1 1:1\n1 2:")
    (tmp_path / "one.svm").write_text("1 0:1\n1 1:1\n")
    (tmp_path / "none.svm").write_text("")
    pq.write_table(pa.table({"x": [1.0, None], "label": [0, 1]}), tmp_path / "hole.parquet")
    for name, says in (
        ("bad.svm", "bad.svm, line 101, column 5: expected a finite number"),
        ("cut.svm", "cut.svm, line 3: every line must end with a newline"),
        ("one.svm", "at least two labels"),
        ("none.svm", "must hold examples"),
        ("hole.parquet", "row 2, column 'x': every field must have a value"),
        ("gone-*.svm", "data must name files that exist"),
        ("x.csv", "data must name files that exist"),
    ):
        with pytest.raises(BadInput, match=says):
            fit_on_ray(AdagradClassifier(), tmp_path / name, block=100)


def test_a_data_set_that_is_wrong_is_named_in_one_sentence(cluster: Any) -> None:
    def lost(rows: Any) -> Any:
        raise KeyError("price")

    table = ray.data.from_arrow(pa.table({"x": [0.5, 1.0], "name": ["a", "b"], "label": [0, 1]}))
    for data, error, says in (
        (table, BadInput, r"^the data set, column 'name': features must be numbers\. Received: .*string\. Cure: enc"),
        (table.map_batches(lost), ClusterError, r"^the data could not be read: KeyError: 'price'\. Cure: look at the"),
    ):
        with pytest.raises(error, match=says):
            fit_on_ray(AdagradClassifier(), data)


def test_labels_that_are_new_are_refused(cluster: Any, small: str, tmp_path: Path) -> None:
    model = fit_file(AdagradClassifier(), small)
    before = state(model)
    (tmp_path / "new.svm").write_text("7 0:1\n0 1:1\n")
    with pytest.raises(BadInput, match=r"the labels must be among the classes.*7"):
        fit_on_ray(model, tmp_path / "new.svm")
    assert state(model) == before


def test_without_ray_and_with_other_versions(cluster: Any, small: str, monkeypatch: Any) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "ray", None)
        with pytest.raises(BadInput, match=r"pip install 'nukarumi\[cluster\]'"):
            fit_on_ray(AdagradClassifier(), small)
    with monkeypatch.context() as patch:
        patch.setattr(connect, "own_versions", lambda: {"NumPy": "1.0.0"})
        with pytest.raises(BadInput, match="every node must have the driver's versions"):
            fit_on_ray(AdagradClassifier(), small)


def test_shards_without_room_are_told_of_in_time(cluster: Any) -> None:
    with pytest.raises(ClusterError, match=r"shard 0 of 2 must come up.*no answer within 2 s"):
        SharedTable(10, 2, optimizer=Adagrad(), timeout=2.0, options={"num_cpus": 64})
    with pytest.raises(ClusterError, match=r"shard \d of 2 must begin.*GB.*Cure: take more shards"):
        SharedTable(10**14, 64, optimizer=Adagrad(), partition="range")
    dies = r"shard \d of 2 must (begin|come up).*no answer within 4 s.*dies again and again"  # on a busy machine, both
    with pytest.raises(ClusterError, match=dies):
        SharedTable(10, 2, optimizer=Adagrad(), timeout=4.0, init=lambda rows: os._exit(1))


def test_a_table_made_on_its_journal_goes_on(cluster: Any, tmp_path: Path) -> None:
    settings: dict[str, Any] = {"optimizer": Adagrad(lr=0.1), "shards": 3, "journal": str(tmp_path), "sync": True}
    with SharedTable(50, 2, **settings) as table:
        client = table.client("one")
        client.push(Rows([1, 2, 1], np.ones((3, 2), np.float32)), 1)
        rows = table.pull(np.arange(50))
        with pytest.raises(BadInput, match="belongs to one table at a time"):
            SharedTable(50, 2, **settings)
    with SharedTable(50, 2, **settings) as table:
        assert table.pull(np.arange(50)).tobytes() == rows.tobytes()
        table.client("one").push(Rows([1], np.ones((1, 2), np.float32)), 1)  # it has been applied already
        assert table.pull(np.arange(50)).tobytes() == rows.tobytes()
    with pytest.raises(BadInput, match="is the journal of a table, which must be the same one"):
        SharedTable(51, 2, **settings)
    with pytest.raises(BadInput, match=r"must be the same one.*init=0.0"):
        SharedTable(50, 2, init=1.0, **settings)
    with pytest.raises(BadInput, match="must be open"):
        table.pull([1])


# From the shell -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["downpour", "average"])
def test_the_command_trains_judges_and_saves(
    cluster: Any, large: Any, tmp_path: Path, capsys: Any, method: str
) -> None:
    path, (X, y) = large
    test, model = written(tmp_path / "test.svm", X, y), str(tmp_path / "model.safetensors")
    words = ["fit", path, "--test", test, "--engine", "ray", "--workers", "2", "--method", method, "--model", model]
    assert main(words) == 0
    said = capsys.readouterr()
    assert "6,000 examples" in said.out
    assert "% wrong" in said.out
    assert "pass 1: 6,000 examples" in said.err
    assert main(["predict", model, test]) == 0
    predicted = np.array(capsys.readouterr().out.split(), float)
    assert (predicted == load(model).predict(X)).all()
    assert np.mean(predicted != y) < 0.25


def test_the_command_says_what_is_wrong(cluster: Any, small: str, capsys: Any) -> None:
    for words, says in (
        (["--workers", "2"], "--workers must come with --engine ray"),
        (["--engine", "ray", "--penalty", "l1"], 'method="average" with update="rda"'),
        (["--engine", "ray", "--address", "127.0.0.1:1"], "can be connected to one cluster only"),
        (["--engine", "ray", "--journal", "/no/such/folder"], "journal must be a folder that exists"),
    ):
        assert main(["fit", small, "--quiet", *words]) == 2
        assert says in capsys.readouterr().err


def test_ctrl_c_leaves_the_model_as_it_was(cluster: Any, large: Any, tmp_path: Path) -> None:
    model = tmp_path / "model.safetensors"
    model.write_bytes(b"the model before")
    words = ["fit", large[0], "--engine", "ray", "--address", cluster.address, "--model", str(model), "--passes", "500"]
    with subprocess.Popen(
        [sys.executable, "-m", "nukarumi", *words], stderr=subprocess.PIPE, text=True
    ) as running:  # fmt: skip
        assert running.stderr is not None
        while "pass 1: 6,000 examples" not in running.stderr.readline():
            assert running.poll() is None
        running.send_signal(signal.SIGINT)
        _, said = running.communicate(timeout=60)
    assert running.returncode == 130
    assert said.endswith("nukarumi: interrupted\n")
    assert model.read_bytes() == b"the model before"
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_node_removed_during_fit(cluster: Any, large: Any, applied: list[int], monkeypatch: Any) -> None:
    """The last test, because it changes the cluster: a worker, a shard and some of the examples go with the node."""
    path, (X, y) = large
    alone = np.mean(fit_file(AdagradClassifier(lr=0.1), path, passes=2).predict(X) != y)
    heard: list[Any] = []
    blocks: list[Any] = []
    read = source.materialized
    monkeypatch.setattr(source, "materialized", lambda *given: blocks.extend(read(*given)) or blocks)

    def remove(standing: Any) -> None:
        heard.append(standing)
        if len(heard) == 1:
            places = [found["node_ids"] for found in ray.experimental.get_object_locations(blocks).values()]
            nodes = [node for node in cluster.list_all_nodes() if node is not cluster.head_node]
            alone_there = [sum(place == [node.node_id] for place in places) for node in nodes]
            # The one that holds most of what is nowhere else, if workers have left anything so.
            cluster.remove_node(nodes[int(np.argmax(alone_there))], allow_graceful=False)

    size = Path(path).stat().st_size
    model = fit_on_ray(
        AdagradClassifier(lr=0.1), path, workers=3, passes=2, shards=3, progress=remove, block=size // 3 + 1
    )  # fmt: skip
    assert sum(node["Alive"] for node in ray.nodes()) == 2
    assert (heard[-1].epoch, heard[-1].share, heard[-1].examples) == (2, 1.0, 12_000)
    assert model.t_ == 12_000
    assert len(heard) == 24
    batches = -(-6000 // 32)
    assert applied == [2 * batches] * 3  # each batch, in each shard, once
    assert np.mean(model.predict(X) != y) <= 1.02 * alone
