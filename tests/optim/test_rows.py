"""Rows: only touched rows move, as if the dense gradient had come, or as the lazy form says; the same bits everywhere.

The reference is a loop over rows that calls the rule of ``rules.py`` itself, one row at a time, with sums made one
value at a time. Optimizers are discovered, so a new one is tested by being there.
"""

from __future__ import annotations

import copy
import doctest
import math
import os
import pickle
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukarumi import Adagrad, Adam, Momentum, Rows, RowwiseAdagrad, optim, rules
from nukarumi._errors import BadInput, BadType
from nukarumi.optim.base import Optimizer

Array = np.ndarray[Any, Any]

FAMILY = [
    found
    for name in optim.__all__
    if isinstance(found := getattr(optim, name), type) and issubclass(found, Optimizer) and found is not Optimizer
]
ENGINES = ["numpy", "numba"]
EXACT = ["SGD", "Adagrad", "RowwiseAdagrad"]  # an untouched row stays as it is in the dense form too
ROOT = Path(__file__).parents[2]


def make(cls: type[Optimizer], **options: Any) -> Optimizer:
    """An optimizer without weight decay, which does not go with Rows."""
    build: Callable[..., Optimizer] = cls
    return build(**{"weight_decay": 0.0, **options})


def states_of(opt: Optimizer, name: str) -> list[Array]:
    """The states of a parameter in the order of the letters."""
    return [getattr(opt, letter)[name] for letter in type(opt).state_names]


def draw(
    seed: int, length: int, trailing: tuple[int, ...], lookups: int, dtype: Any = np.float64
) -> tuple[Array, Rows]:
    """A table, and a gradient with duplicates."""
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((length, *trailing)).astype(dtype)
    return table, Rows(rng.integers(0, length, lookups), rng.standard_normal((lookups, *trailing)).astype(dtype))


def summed(rows: Rows, dtype: Any) -> dict[int, Array]:
    """The sums by row, one lookup after the other."""
    found: dict[int, Array] = {}
    for index, value in zip(rows.indices.tolist(), rows.values.astype(dtype), strict=True):
        found[index] = found[index] + value if index in found else value.copy()
    return found


def mean_of_squares(g: Array) -> Any:
    """The mean of a row's squares, one entry after the other into sixteen lanes."""
    flat, nothing = g.reshape(-1), g.dtype.type(0)
    lanes = [nothing] * 16
    for k, x in enumerate(flat):
        lanes[k % 16] = lanes[k % 16] + x * x
    while len(lanes) > 1:
        half = len(lanes) // 2
        lanes = [lanes[j] + lanes[j + half] for j in range(half)]
    return lanes[0] / g.dtype.type(flat.size)


class ByHand:
    """A table moved row by row with the rule itself."""

    def __init__(self, opt: Optimizer, table: Array, dtype: Any) -> None:
        self.opt, self.table, self.dtype, self.t = opt, table.copy(), dtype, 0
        start = opt.settings.get("initial_accumulator", 0.0)
        self.rowwise = isinstance(opt, RowwiseAdagrad)
        shape = table.shape[:1] if self.rowwise else table.shape
        self.states = [np.full(shape, start, dtype) for _ in type(opt).state_names]

    def update(self, rows: Rows) -> None:
        """One update."""
        self.t += 1
        rule = self.opt._rule(self.opt.settings)
        given = {**self.opt.settings, "t": self.t}
        chosen = [given[name] for name, kind in rule.__annotations__.items() if kind == "float" and name != "return"]
        for row, g in summed(rows, self.dtype).items():
            old = [self.table[row].astype(self.dtype), np.asarray(g)]
            old += [mean_of_squares(np.asarray(g))] if self.rowwise else []
            new = rule(*old, *(state[row] for state in self.states), *chosen)
            self.table[row], *states = new if isinstance(new, tuple) else (new,)
            for state, value in zip(self.states, states, strict=True):
                state[row] = value


def same(one: Array, two: Array, says: str = "") -> None:
    """Equal to the bit, NaN and signed zeros included."""
    assert one.shape == two.shape
    assert one.dtype == two.dtype
    assert one.tobytes() == two.tobytes(), says


# ---- against the rule, row by row ------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("trailing", [(), (1,), (3,), (2, 3), (16,), (37,)])
@pytest.mark.parametrize("cls", FAMILY)
def test_rows_are_the_rule_on_each_touched_row(
    cls: type[Optimizer], trailing: tuple[int, ...], dtype: Any, engine: str
) -> None:
    """Touched rows and their states are what the rule gives; the others are what they were."""
    opt = make(cls, engine=engine)
    table, _ = draw(0, 30, trailing, 0, dtype)
    hand, params = ByHand(opt, table, dtype), {"E": table.copy()}
    for step in range(5):
        _, rows = draw(step + 1, 30, trailing, 25, dtype)
        opt.update(params, {"E": rows})
        hand.update(rows)
        same(params["E"], hand.table, f"step {step + 1}")
        for ours, theirs in zip(states_of(opt, "E"), hand.states, strict=True):
            same(ours, theirs, f"state at step {step + 1}")


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", FAMILY)
def test_half_precision_is_computed_in_float32(cls: type[Optimizer], engine: str) -> None:
    """A float16 table keeps float32 states, and values of another type are converted before they are summed."""
    table, _ = draw(0, 12, (5,), 0, np.float16)
    _, rows = draw(1, 12, (5,), 30, np.float64)
    opt, params = make(cls, engine=engine), {"E": table.copy()}
    hand = ByHand(opt, table, np.float32)
    for _ in range(2):
        opt.update(params, {"E": rows})
        hand.update(rows)
    same(params["E"], hand.table)
    for ours, theirs in zip(states_of(opt, "E"), hand.states, strict=True):
        same(ours, theirs)


def lookups_of(length: int) -> st.SearchStrategy[list[int]]:
    """Row numbers with many duplicates."""
    return st.lists(st.integers(0, length - 1), max_size=40)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", [cls for cls in FAMILY if cls.__name__ in EXACT])
@settings(max_examples=25, deadline=None)
@given(indices=lookups_of(9), seed=st.integers(0, 99), width=st.integers(0, 20))
def test_exact_ones_equal_the_dense_update(
    cls: type[Optimizer], engine: str, indices: list[int], seed: int, width: int
) -> None:
    """SGD, Adagrad and its row-wise form: the dense gradient with the same sums gives the same bits."""
    rng = np.random.default_rng(seed)
    table = rng.standard_normal((9, width))
    rows = Rows(indices, rng.standard_normal((len(indices), width)))
    dense = np.zeros_like(table)
    for row, g in summed(rows, table.dtype).items():
        dense[row] = g
    same(rows.dense(9), dense)
    one, two = make(cls, engine=engine), make(cls, engine="numpy")
    left, right = {"E": table.copy()}, {"E": table.copy()}
    for _ in range(3):
        one.update(left, {"E": rows})
        two.update(right, {"E": dense})
    same(left["E"], right["E"])
    for ours, theirs in zip(states_of(one, "E"), states_of(two, "E"), strict=True):
        same(ours, theirs)


@pytest.mark.parametrize("cls", FAMILY)
@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_engines_agree_to_the_bit(cls: type[Optimizer], data: st.DataObject) -> None:
    """Whatever the options, layouts and types, and however rows and dense gradients come by turns and side by side."""
    options: dict[str, Any] = {
        **data.draw(st.sampled_from([{}, {"clip_norm": 0.5}, {"clip_value": 0.3, "maximize": True}])),
        "lr": data.draw(st.sampled_from([0.1, lambda t: 0.1 / t])),
        "lr_decay": data.draw(st.sampled_from([0.0, 0.5])),
        "overrides": data.draw(st.sampled_from([None, {"E": {"lr": 0.25}}])),
    }
    dtype = data.draw(st.sampled_from([np.float32, np.float64, np.float16, ">f8"]))
    layout = data.draw(st.sampled_from(["C", "F", "strided"]))
    trailing = data.draw(st.sampled_from([(), (3,), (2, 9)]))
    steps = data.draw(st.lists(st.sampled_from(["rows", "dense", "both"]), min_size=1, max_size=4))
    seed = data.draw(st.integers(0, 1000))
    results = []
    for engine in ENGINES:
        opt = make(cls, engine=engine, **options)
        rng = np.random.default_rng(seed)
        table = np.zeros((14, *trailing), dtype, order="F" if layout == "F" else "C")
        table = np.zeros((14, *trailing, 2), dtype)[..., 0] if layout == "strided" else table
        table[...] = rng.standard_normal(table.shape)
        params = {"E": table, "b": rng.standard_normal(3), "F": rng.standard_normal((14, *trailing))}
        for kind in steps:
            rows = Rows(rng.integers(0, 14, 20), rng.standard_normal((20, *trailing)).astype(np.float32))
            more = Rows(rng.integers(0, 14, 20), rng.standard_normal((20, *trailing)))
            slope = rng.standard_normal((14, *trailing))
            first: Any = slope if kind == "dense" else rows
            opt.update(params, {"E": first, "b": np.ones(3), "F": more if kind == "both" else slope})
        results.append(
            [np.ascontiguousarray(a) for a in (*params.values(), *states_of(opt, "E"), *states_of(opt, "F"))]
        )
    for left, right in zip(*results, strict=True):
        same(left, right)


@pytest.mark.parametrize("cls", FAMILY)
def test_threads_change_no_bit(cls: type[Optimizer]) -> None:
    """An update that is large enough for several threads, with hot rows, on one, two and five of them."""
    results = []
    for engine, threads in [("numpy", 1), ("numba", 1), ("numba", 2), ("numba", 5)]:
        rng = np.random.default_rng(0)
        opt, params = make(cls, engine=engine, threads=threads), {"E": np.ones((5000, 64), np.float32)}
        for _ in range(2):
            indices = np.minimum(rng.zipf(1.3, 6000) - 1, rng.integers(0, 5000, 6000))
            opt.update(params, {"E": Rows(indices, rng.standard_normal((6000, 64), dtype=np.float32))})
        results.append([params["E"], *states_of(opt, "E")])
    for other in results[1:]:
        for left, right in zip(results[0], other, strict=True):
            same(left, right)


@pytest.mark.parametrize("kind", [np.int8, np.int32, np.uint16, np.int64, np.uint64, ">i4"])
@pytest.mark.parametrize("engine", ENGINES)
def test_indices_of_every_whole_type(kind: Any, engine: str) -> None:
    """Any integer type, any byte order, strided: the rows are what counts."""
    line = np.array([3, 99, 0, 99, 3, 99, 7, 99], kind)[::2]
    params = {"E": np.zeros(100)}
    make(Momentum, lr=1.0, engine=engine).update(params, {"E": Rows(line, np.array([1.0, 2.0, 4.0, 8.0]))})
    assert {k: v for k, v in enumerate(params["E"]) if v} == {0: -2.0, 3: -5.0, 7: -8.0}


@pytest.mark.parametrize("length", [1, 2, 2048, 2049, 5_000_000])
def test_the_compiled_sort_sees_every_digit(length: int) -> None:
    """Tables that need no pass, one, two and three passes; ascending, descending and random order."""
    rng = np.random.default_rng(length)
    some = rng.integers(0, length, 500)
    for indices in (some, np.sort(some), np.sort(some)[::-1], np.array([length - 1, 0] * 3)):
        values = rng.standard_normal(len(indices)).astype(np.float32)
        found = []
        for engine in ENGINES:
            params = {"E": np.zeros(length, np.float32)}
            make(Momentum, lr=1.0, engine=engine).update(params, {"E": Rows(indices, values)})
            found.append(params["E"])
        same(*found)
        for row, g in summed(Rows(indices, values), np.float32).items():
            assert found[0][row] == -g


# ---- what the words promise ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_lazy_adam_counts_the_updates_of_the_parameter(engine: str) -> None:
    """A row that is touched for the first time at the fourth update gets t = 4, as in PyTorch's SparseAdam."""
    opt, params = Adam(lr=0.1, engine=engine), {"E": np.ones((6, 2))}
    for row in (0, 0, 0, 5):
        opt.update(params, {"E": Rows([row], np.full((1, 2), 0.5))})
    values = opt.settings
    w, m, v = rules.adam(
        np.ones(2), np.full(2, 0.5), np.zeros(2), np.zeros(2),
        0.1, values["beta1"], values["beta2"], values["eps"], 4,
    )  # fmt: skip
    same(params["E"][5], w)
    same(states_of(opt, "E")[0][5], m)
    same(states_of(opt, "E")[1][5], v)


def test_lazy_adam_is_sparse_adam() -> None:
    """PyTorch's SparseAdam walks alike; unlike its Adam, it adds eps to the plain root, as we do."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    table = rng.standard_normal((8, 3))
    weight = torch.tensor(table, requires_grad=True)
    theirs = torch.optim.SparseAdam([weight], lr=0.1, eps=1e-8)
    opt, params = Adam(lr=0.1, eps=1e-8), {"E": table.copy()}
    for _ in range(6):
        indices, values = rng.integers(0, 8, 5), rng.standard_normal((5, 3))
        opt.update(params, {"E": Rows(indices, values)})
        weight.grad = torch.sparse_coo_tensor(indices[None], values, (8, 3), check_invariants=True)
        theirs.step()
    np.testing.assert_allclose(params["E"], weight.detach().numpy(), rtol=1e-12)


def test_adagrad_is_torchs_sparse_adagrad() -> None:
    """PyTorch's Adagrad on sparse gradients, duplicates summed first."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    table = rng.standard_normal((8, 3))
    weight = torch.tensor(table, requires_grad=True)
    theirs = torch.optim.Adagrad([weight], lr=0.1)
    opt, params = Adagrad.like("torch", lr=0.1), {"E": table.copy()}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # torch announces that it does not check its own indices
        for _ in range(6):
            indices, values = rng.integers(0, 8, 5), rng.standard_normal((5, 3))
            opt.update(params, {"E": Rows(indices, values)})
            weight.grad = torch.sparse_coo_tensor(indices[None], values, (8, 3), check_invariants=True)
            theirs.step()
    np.testing.assert_allclose(params["E"], weight.detach().numpy(), rtol=1e-12)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", FAMILY)
def test_no_lookups_move_nothing(cls: type[Optimizer], engine: str) -> None:
    """An empty batch is an update in which no row is touched."""
    opt, params = make(cls, engine=engine), {"E": np.ones((3, 2))}
    opt.update(params, {"E": Rows([], np.empty((0, 2)))})
    assert opt.t == 1
    same(params["E"], np.ones((3, 2)))


@pytest.mark.parametrize("engine", ENGINES)
def test_clip_norm_is_that_of_the_sums(engine: str) -> None:
    """Duplicates are one gradient: two halves of a row weigh as much as the whole."""
    halves = Rows([1, 1], np.array([[1.5, 2.0], [1.5, 2.0]]))  # the sum has norm 5, with the 12 beside it 13
    for rows in (halves, Rows([1], np.array([[3.0, 4.0]]))):
        opt = optim.SGD(lr=1.0, clip_norm=1.0, engine=engine)
        params = {"E": np.zeros((2, 2)), "b": np.zeros(1)}
        opt.update(params, {"E": rows, "b": np.array([12.0])})
        np.testing.assert_allclose(params["E"][1], [-3 / 13, -4 / 13], rtol=1e-15)
        np.testing.assert_allclose(params["b"], [-12 / 13], rtol=1e-15)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("decoupled", [False, True])
@pytest.mark.parametrize("cls", FAMILY)
def test_weight_decay_is_refused(cls: type[Optimizer], decoupled: bool, engine: str) -> None:
    """Rows that are not touched would not decay: said, not done by half. The cure that is named works."""
    opt = make(cls, weight_decay=0.1, decoupled_decay=decoupled, engine=engine)
    params, rows = {"E": np.ones((4, 2)), "b": np.ones(2)}, Rows([1], np.ones((1, 2)))
    with pytest.raises(
        BadInput, match=r"grads\['E'\] is Rows.*weight_decay.*overrides=\{'E': \{'weight_decay': 0.0\}\}"
    ):
        opt.update(params, {"E": rows, "b": np.ones(2)})
    assert opt.t == 0
    same(params["E"], np.ones((4, 2)))
    cured = make(
        cls, weight_decay=0.1, decoupled_decay=decoupled, overrides={"E": {"weight_decay": 0.0}}, engine=engine
    )
    cured.update(params, {"E": rows, "b": np.ones(2)})
    assert np.flatnonzero((params["E"] != 1).any(axis=1)).tolist() == [1]


BROKEN = Rows([4, 2, 4], np.array([[1.0, 2.0], [np.nan, 1.0], [3.0, 4.0]]))


@pytest.mark.parametrize("engine", ENGINES)
def test_values_that_are_not_finite(engine: str) -> None:
    """Each policy does with rows what it does with dense gradients, and names the row of the parameter."""
    slopes = {"E": BROKEN, "b": np.ones(2)}

    def params() -> dict[str, Array]:
        return {"E": np.ones((6, 2)), "b": np.ones(2)}

    moved = params()
    with pytest.warns(RuntimeWarning, match=r"step 1: grads\['E'\] is nan at index \(2, 0\)"):
        Adagrad(lr=0.1, engine=engine).update(moved, slopes)
    assert np.argwhere(np.isnan(moved["E"])).tolist() == [[2, 0]]
    opt, kept = Adagrad(lr=0.1, on_nonfinite="raise", engine=engine), params()
    with pytest.raises(BadInput, match=r"finite at step 1 .*grads\['E'\] is nan at index \(2, 0\)"):
        opt.update(kept, slopes)
    assert opt.t == 0
    same(kept["E"], params()["E"])
    spared = params()
    Adagrad(lr=0.1, on_nonfinite="skip", engine=engine).update(spared, slopes)
    same(spared["E"], params()["E"])
    assert (spared["b"] < 1).all()
    left = params()
    Adagrad(lr=0.1, on_nonfinite="skip_update", engine=engine).update(left, slopes)
    same(left["b"], params()["b"])
    silent = params()
    Adagrad(lr=0.1, on_nonfinite="ignore", engine=engine).update(silent, slopes)
    same(silent["E"], moved["E"])


@pytest.mark.parametrize("engine", ENGINES)
def test_sums_may_overflow(engine: str) -> None:
    """What is finite one by one may not be so in all: the sum is what is looked at."""
    big = np.full((2, 1), 3e38, np.float32)
    opt, params = Adagrad(on_nonfinite="raise", engine=engine), {"E": np.ones((2, 1), np.float32)}
    with pytest.raises(BadInput, match=r"is inf at index \(1, 0\)"):
        opt.update(params, {"E": Rows([1, 1], big)})


@pytest.mark.parametrize("engine", ENGINES)
def test_without_eps_only_touched_rows_are_looked_at(engine: str) -> None:
    """0 / 0 in a touched row is told with its place in the table; NaN elsewhere is nobody's business."""
    params = {"E": np.ones((5, 2))}
    params["E"][0] = np.nan
    opt = Adagrad(eps=0.0, engine=engine)
    opt.update(params, {"E": Rows([3], np.ones((1, 2)))})
    with pytest.warns(RuntimeWarning, match=r"params\['E'\] is not finite, first at index \(4, 1\)"):
        opt.update(params, {"E": Rows([4], np.array([[1.0, 0.0]]))})


@pytest.mark.parametrize("engine", ENGINES)
def test_a_gradient_that_lies_in_the_table(engine: str) -> None:
    """Values that share memory with a parameter are read before it is written."""
    for shift in (0, 1):
        table = np.arange(12.0).reshape(6, 2)
        expected = table.copy()
        expected[[0, 2, 4]] -= table[shift : shift + 3]
        optim.SGD(lr=1.0, engine=engine).update({"E": table}, {"E": Rows([4, 0, 2], table[[2, 0, 1]])})
        rows = Rows([0, 2, 4], table[shift : shift + 3])
        again = table.copy()
        again[[0, 2, 4]] -= table[shift : shift + 3]
        optim.SGD(lr=1.0, engine=engine).update({"E": table}, {"E": rows})
        same(table, again)


def test_a_buffer_may_be_filled_anew() -> None:
    """The same Rows with other contents, as a training loop that reuses its arrays passes them."""
    indices, values = np.array([0, 0]), np.ones((2, 1))
    rows, params, opt = Rows(indices, values), {"E": np.zeros((3, 1))}, optim.SGD(lr=1.0)
    opt.update(params, {"E": rows})
    indices[:], values[:] = [1, 2], [[3.0], [4.0]]
    opt.update(params, {"E": rows})
    assert params["E"].ravel().tolist() == [-2.0, -3.0, -4.0]


# ---- bad input -------------------------------------------------------------------------------------------------------

ONES = np.ones((2, 3))
MADE_WRONG: list[tuple[str, Callable[[], Rows], type[Exception], str]] = [
    ("float indices", lambda: Rows(np.array([0.0, 1.0]), ONES), BadType, r"whole numbers.*float64.*astype\(np.int64\)"),
    ("a list of floats", lambda: Rows([0.5, 1.0], ONES), BadType, "whole numbers.*float64"),
    ("boolean indices", lambda: Rows(np.array([True, False]), ONES), BadType, "whole numbers.*bool"),
    ("indices of two dimensions", lambda: Rows(np.zeros((1, 2), int), ONES), BadInput, r"one dimension.*reshape"),
    ("one index", lambda: Rows(3, ONES), BadInput, r"one dimension.*shape \(\)"),
    ("ragged indices", lambda: Rows([[1], [1, 2]], ONES), BadInput, "indices of Rows must be an array"),
    ("too few indices", lambda: Rows([1], ONES), BadInput, r"one value for each index.*1 indices.*\(2, 3\)"),
    ("a number as values", lambda: Rows([1], np.float64(3)), BadInput, r"one value for each index.*shape \(\)"),
    ("whole values", lambda: Rows([0, 1], np.ones((2, 3), int)), BadType, "must be floats.*int64.*astype"),
    ("complex values", lambda: Rows([0, 1], np.ones((2, 3), complex)), BadType, "must be floats.*complex128"),
    ("masked values", lambda: Rows([0, 1], np.ma.masked_array(ONES)), BadType, "plain array.*masked"),
    ("masked indices", lambda: Rows(np.ma.masked_array([0, 1]), ONES), BadType, "plain array.*masked"),
]  # fmt: skip


@pytest.mark.parametrize(("build", "error", "says"), [case[1:] for case in MADE_WRONG], ids=[c[0] for c in MADE_WRONG])
def test_rows_refuse(build: Callable[[], Rows], error: type[Exception], says: str) -> None:
    """Said when they are made: the rule, what came, the cure."""
    with pytest.raises(error, match=says):
        build()


GIVEN_WRONG: list[tuple[str, Any, Rows, str]] = [
    ("negative", np.ones((4, 3)), Rows([1, -1], ONES), r"grads\['E'\].indices must be 0 to 3.*-1 at position 1"),
    (
        "too large",
        np.ones((4, 3)),
        Rows([0, 4], ONES),
        r"grads\['E'\].indices must be 0 to 3.*4 at position 1.*padding",
    ),
    ("far too large", np.ones((4, 3)), Rows(np.array([2**64 - 1, 0], np.uint64), ONES), r"0 to 3.*at position 0"),
    ("no rows at all", np.ones((0, 3)), Rows([0, 0], ONES), r"must be empty.*0 at position 0"),
    ("wide", np.ones((4, 5)), Rows([0, 1], ONES), r"grads\['E'\].values.*trailing shape.*\(5,\).*\(2, 3\).*\(2, 5\)"),
    ("flat", np.ones(4), Rows([0, 1], ONES), r"trailing shape of its parameter, \(\)"),
    ("a number", 1.0, Rows([0, 1], np.ones(2)), r"grads\['E'\] is Rows.*one dimension or more"),
    ("a 0-d array", np.array(1.0), Rows([0, 1], np.ones(2)), r"grads\['E'\] is Rows.*one dimension or more"),
]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", FAMILY)
@pytest.mark.parametrize(("table", "rows", "says"), [c[1:] for c in GIVEN_WRONG], ids=[c[0] for c in GIVEN_WRONG])
def test_update_refuses_rows(table: Any, rows: Rows, says: str, cls: type[Optimizer], engine: str) -> None:
    """Nothing has changed after a refusal: not the other parameters, not the states, not the step."""
    opt = make(cls, engine=engine)
    params = {"b": np.ones(2), "E": table.copy() if isinstance(table, np.ndarray) else table}
    if np.shape(table) != ():
        width = np.shape(table)[1:]
        opt.update(params, {"b": np.ones(2), "E": Rows([], np.ones((0, *width)))})
    before = copy.deepcopy((params, opt.state_dict()))
    with pytest.raises(BadInput, match=says):
        opt.update(params, {"b": np.ones(2), "E": rows})
    np.testing.assert_equal((params, opt.state_dict()), before)


def test_rows_say_what_they_are() -> None:
    """Length and representation, lists in place of arrays."""
    rows = Rows([1, 1, 0], [[0.5], [0.5], [2.0]])
    assert len(rows) == 3
    assert repr(rows) == "Rows(3 rows of shape (1,), float64)"
    assert repr(Rows([0], [1.0])) == "Rows(1 row of shape (), float64)"
    assert rows.dense(3).tolist() == [[2.0], [1.0], [0.0]]
    with pytest.raises(BadInput, match="1 at position 0"):
        rows.dense(1)
    assert Rows([0], np.ones(1, np.float16)).dense(2).dtype == np.float16


# ---- row-wise Adagrad ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("options", [{}, {"eps_inside_root": True, "eps": 1e-3, "initial_accumulator": 0.1}])
def test_row_wise_formula(options: dict[str, Any], engine: str) -> None:
    """One brake a row: the mean of squares goes in, the whole row brakes alike; dense and with rows."""
    table, rows = draw(0, 6, (4,), 6)
    params, opt = {"E": table.copy()}, RowwiseAdagrad(lr=0.1, engine=engine, **options)
    opt.update(params, {"E": rows})
    g = rows.dense(6)
    h = options.get("initial_accumulator", 0.0) + np.mean(g * g, axis=1)
    eps = options.get("eps", 1e-7)
    brake = np.sqrt(h + eps) if options else np.sqrt(h) + eps
    np.testing.assert_allclose(opt.h["E"], h, rtol=1e-14)
    np.testing.assert_allclose(params["E"], table - 0.1 * g / brake[:, None], rtol=1e-13)
    rate = opt.effective_lr("E")
    assert rate.shape == (6, 4)
    np.testing.assert_allclose(rate, np.repeat(0.1 / brake[:, None], 4, axis=1), rtol=1e-13)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("options", [{}, {"weight_decay": 0.1}, {"weight_decay": 0.1, "decoupled_decay": True}])
def test_rows_of_one_entry_are_adagrad(options: dict[str, Any], engine: str) -> None:
    """Vectors, 0-d arrays and numbers have rows of one entry, whose mean square is the square; decay comes before."""
    walks = []
    for cls in (Adagrad, RowwiseAdagrad):
        params: dict[str, Any] = {"v": np.linspace(-1, 1, 7), "z": np.array(2.0), "x": 3.0, "y": np.float32(1.5)}
        params["s"] = np.array(0.25)
        opt = cls(lr=0.1, engine=engine, **options)
        for step in range(1, 4):
            slopes = {name: np.sin(step + np.asarray(w)) for name, w in params.items()}  # NumPy scalars among them
            opt.update(params, {**slopes, "s": 0.5})
        walks.append([np.asarray(w) for w in params.values()] + [opt.effective_lr(name) for name in params])
        assert type(params["x"]) is float
        assert type(params["y"]) is np.float32
    for one, two in zip(*walks, strict=True):
        same(one, two)


def test_row_wise_state_is_kept(tmp_path: Path) -> None:
    """Saved and loaded, pickled, copied, as a dict: it goes on with the same bits."""
    table, rows = draw(0, 6, (4,), 6)
    opt, params = RowwiseAdagrad(lr=0.1), {"E": table.copy()}
    opt.update(params, {"E": rows})
    opt.save(tmp_path / "opt.safetensors")
    fresh = RowwiseAdagrad()
    fresh.load_state_dict(opt.state_dict())
    others = [
        RowwiseAdagrad.load(tmp_path / "opt.safetensors"),
        pickle.loads(pickle.dumps(opt)),
        copy.deepcopy(opt),
        fresh,
    ]
    copies = [{"E": params["E"].copy()} for _ in others]
    opt.update(params, {"E": rows})
    for other, walked in zip(others, copies, strict=True):
        assert states_of(other, "E")[0].shape == (6,)
        other.update(walked, {"E": rows})
        same(walked["E"], params["E"])
        same(states_of(other, "E")[0], opt.h["E"])


@pytest.mark.parametrize("library", ["torch", "keras", "optax"])
def test_row_wise_is_in_no_other_library(library: str) -> None:
    """``like`` says so, instead of a KeyError; the book's convention is the house's."""
    with pytest.raises(BadInput, match=f"{library}.*RowwiseAdagrad.*eps"):
        RowwiseAdagrad.like(library)
    assert RowwiseAdagrad.like("book", lr=0.5).lr == 0.5


# ---- tables that are larger than memory ------------------------------------------------------------------------------


def blocks(path: Path) -> int:
    """Bytes that a file really takes on the disk."""
    return os.stat(path).st_blocks * 512


def resident(table: np.memmap[Any, Any]) -> int:
    """Bytes of a memory map that this process has touched, with the few pages around that Linux maps along."""
    found, inside = 0, False
    for line in Path("/proc/self/smaps").read_text().splitlines():
        if "-" in line.split(maxsplit=1)[0]:
            low, high = (int(part, 16) for part in line.split(maxsplit=1)[0].split("-"))
            inside = low <= table.ctypes.data < high
        elif inside and line.startswith("Rss:"):
            found += int(line.split()[1]) * 1024
    return found


@pytest.fixture
def mapped(tmp_path: Path) -> Callable[[str, tuple[int, ...]], np.memmap[Any, Any]]:
    """Make a float32 file of nothing but a hole, mapped into memory."""
    return lambda name, shape: np.memmap(tmp_path / name, np.float32, "w+", shape=shape)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="asks Linux which pages have been touched")
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", FAMILY)
def test_only_touched_pages_are_read(
    cls: type[Optimizer], engine: str, mapped: Callable[..., np.memmap[Any, Any]], tmp_path: Path
) -> None:
    """A table of 256 MB and its states stay holes but for the rows touched, through update, copies and warnings."""
    shape = (1 << 20, 64)
    table, opt = mapped("w", shape), make(cls, engine=engine)
    row_wise = cls is RowwiseAdagrad
    states = {letter: mapped(letter, shape[:1] if row_wise else shape) for letter in cls.state_names}
    opt.use_state("E", **states)
    rng = np.random.default_rng(0)
    rows = Rows(rng.integers(0, shape[0], 20), rng.standard_normal((20, 64), dtype=np.float32))
    for _ in range(2):
        opt.update({"E": table}, {"E": rows})
    told = opt.state_dict(copy=False)
    opt.load_state_dict(told, copy=False)
    with pytest.warns(RuntimeWarning, match="nan"):
        opt.update({"E": table}, {"E": Rows([7], np.full((1, 64), np.nan, np.float32))})
    for name, array in {"w": table, **states}.items():
        if array.ndim == 2:
            assert 0 < resident(array) < array.nbytes // 16
            assert blocks(tmp_path / name) < array.nbytes // 16
        touched = np.unique([*rows.indices, 7])
        assert (array[touched] != 0).any()
    for letter, array in states.items():
        assert getattr(opt, letter)["E"] is array


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", FAMILY)
def test_states_of_ones_own_are_changed_in_place(cls: type[Optimizer], engine: str) -> None:
    """Small arrays too, in any layout, with rows and with dense gradients; the walk is the usual one."""
    table, rows = draw(0, 6, (4,), 6)
    shape = (6,) if cls is RowwiseAdagrad else (6, 4)
    own = {letter: np.zeros(shape, order="F") for letter in cls.state_names}
    opt, usual = make(cls, engine=engine), make(cls, engine="numpy")
    opt.use_state("E", **own)
    params, others = {"E": table.copy(), "b": np.ones(2)}, {"E": table.copy(), "b": np.ones(2)}
    gradients: list[Any] = [rows, rows.dense(6), rows]
    for g in gradients:
        opt.update(params, {"E": g, "b": np.ones(2)})
        usual.update(others, {"E": g, "b": np.ones(2)})
    same(params["E"], others["E"])
    for letter, array in own.items():
        assert getattr(opt, letter)["E"] is array
        same(np.ascontiguousarray(array), getattr(usual, letter)["E"])


def test_a_dict_without_copies_goes_on_in_its_arrays() -> None:
    """``copy=False`` takes the arrays that are given, clocks and step included; with copies they are left alone."""
    table, rows = draw(0, 6, (4,), 6)
    opt, params = Adam(), {"E": table}
    opt.update(params, {"E": rows})
    told = opt.state_dict()
    one, two = Adam(), Adam()
    one.load_state_dict(told)
    two.load_state_dict(told, copy=False)
    walked = [{"E": table.copy()}, {"E": table.copy()}]
    before = told["state"]["v"]["E"].copy()
    one.update(walked[0], {"E": rows})
    same(told["state"]["v"]["E"], before)
    two.update(walked[1], {"E": rows})
    assert (told["state"]["v"]["E"] != before).any()
    same(walked[0]["E"], walked[1]["E"])


USE_WRONG: list[tuple[str, dict[str, Any], type[Exception], str]] = [
    ("no letter", {}, BadType, r"whole state of Adagrad: h.*use_state\('E', h=...\)"),
    ("another letter", {"h": np.zeros(3), "v": np.zeros(3)}, BadType, "whole state of Adagrad: h.*h, v"),
    ("whole numbers", {"h": np.zeros(3, int)}, BadType, r"h\['E'\] must be a float32 or float64 array.*int64"),
    ("a list", {"h": [0.0]}, BadType, r"h\['E'\] must be.*list"),
    ("read-only", {"h": np.broadcast_to(0.0, 3)}, BadInput, r"h\['E'\] is changed in place.*writeable"),
]


@pytest.mark.parametrize(("arrays", "error", "says"), [c[1:] for c in USE_WRONG], ids=[c[0] for c in USE_WRONG])
def test_use_state_refuses(arrays: dict[str, Any], error: type[Exception], says: str) -> None:
    """At once, and nothing has changed."""
    opt = Adagrad()
    with pytest.raises(error, match=says):
        opt.use_state("E", **arrays)
    assert opt.h is None


def test_a_state_must_fit_when_it_is_used() -> None:
    """Shape, type and memory are checked at the update, which then changes nothing."""
    cases: Iterator[tuple[Any, Any, str]] = iter([
        (np.ones((3, 2)), np.zeros(3), r"h\['E'\] must fit its parameter: shape \(3, 2\)"),
        (np.ones((3, 2)), np.zeros((3, 2), np.float32), r"h\['E'\] must fit.*float64.*float32"),
        (1.0, np.zeros(()), r"params\['E'\] must be an array.*use_state"),
        (shared := np.ones((3, 2)), shared, r"overlap in memory.*params\['E'\] and h\['E'\]"),
    ])  # fmt: skip
    for w, h, says in cases:
        opt = Adagrad()
        opt.use_state("E", h=h)
        with pytest.raises(BadInput, match=says):
            opt.update({"E": w}, {"E": np.ones(np.shape(w))})
        assert opt.t == 0
    assert (shared == 1).all()


# ---- without a compiler ----------------------------------------------------------------------------------------------

BARE = """
import sys
sys.modules["numba"] = sys.modules["llvmlite"] = None
import numpy as np
from nukarumi import RowwiseAdagrad, Rows
rng = np.random.default_rng(0)
opt, params = RowwiseAdagrad(lr=0.1), {"E": np.ones((3000, 80), np.float32)}
opt.update(params, {"E": Rows(rng.integers(0, 3000, 20000), rng.standard_normal((20000, 80), dtype=np.float32))})
sys.stdout.buffer.write(params["E"].tobytes())
"""


def test_numpy_alone_gives_the_same_bits() -> None:
    """Where there is no Numba, an update that would have been compiled goes its way in NumPy."""
    found = subprocess.run([sys.executable, "-c", BARE], capture_output=True, check=True).stdout
    rng = np.random.default_rng(0)
    opt, params = RowwiseAdagrad(lr=0.1, engine="numba"), {"E": np.ones((3000, 80), np.float32)}
    opt.update(params, {"E": Rows(rng.integers(0, 3000, 20000), rng.standard_normal((20000, 80), dtype=np.float32))})
    assert params["E"].tobytes() == found


def test_mean_square_is_a_mean() -> None:
    """The rule's own function: any width, a number, an empty row."""
    for width in (1, 5, 16, 33, 100):
        g = np.random.default_rng(width).standard_normal((7, width))
        np.testing.assert_allclose(rules.mean_square(g), np.mean(g * g, axis=1, keepdims=True), rtol=1e-14)
    assert rules.mean_square(3.0) == 9.0
    assert rules.mean_square(np.empty((2, 0))).tolist() == [[0.0], [0.0]]
    assert math.isnan(rules.mean_square(np.array([1.0, np.nan]))[0])


def test_the_page_runs() -> None:
    """The examples of docs/rows.md."""
    failed, tried = doctest.testfile(str(ROOT / "docs" / "rows.md"), module_relative=False)
    assert tried > 5
    assert failed == 0


@pytest.mark.parametrize("cls", FAMILY, ids=lambda cls: cls.__name__)
def test_the_effective_rate_of_some_rows_is_that_of_all(cls: type[Optimizer]) -> None:
    opt, params = cls(), {"words": np.ones((9, 4))}
    opt.update(params, {"words": np.random.default_rng(0).normal(size=(9, 4))})
    rows = np.array([7, 2, 2])
    assert np.array_equal(opt.effective_lr("words", rows), opt.effective_lr("words")[rows])
    assert opt.effective_lr("words", []).shape == (0, 4)


@pytest.mark.parametrize(
    ("rows", "kind", "said"),
    [
        ([9], BadInput, "among the parameter's 9. Received: 9"),
        ([0, -1], BadInput, "Received: -1"),
        ([[0]], BadInput, "one dimension"),
        ([0.0], BadType, "whole numbers"),
        ([True], BadType, "whole numbers"),
    ],
)
def test_rows_without_a_rate_are_refused(rows: Any, kind: type[Exception], said: str) -> None:
    opt = Adagrad()
    opt.update({"words": np.ones((9, 4))}, {"words": np.ones((9, 4))})
    with pytest.raises(kind, match=re.escape(said)):
        opt.effective_lr("words", rows)
