"""Wherever the entries lie in memory and whatever float they are, the numbers are those of a plain array.

The walk of a plain, contiguous array is the oracle (`test_engines.py` holds that one to the rules); every other
arrangement of parameter and gradient must end in the same values, and touch no byte that is not its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided, sliding_window_view
from optim_family import CLASSES, DTYPES, ENGINES, Reference, assert_same, label, same

from nukarumi import SGD, Adagrad, Adam
from nukarumi.optim.base import Optimizer
from nukarumi.optim.engine import group

Array = np.ndarray[Any, Any]

SMALL, LARGE = (6, 5, 4), (37, 23, 11)
"""One that is packed and one that is not; both have three axes of different lengths."""


def _inside(a: Array) -> Array:
    frame = np.full([n + 2 for n in a.shape], 99.0).astype(a.dtype)
    frame[1:-1, 1:-1, 1:-1] = a
    return frame[1:-1, 1:-1, 1:-1]


def _every_other(a: Array) -> Array:
    frame = np.full([*a.shape[:-1], 2 * a.shape[-1]], 99.0).astype(a.dtype)
    frame[..., ::2] = a
    return frame[..., ::2]


def _unaligned(a: Array) -> Array:
    whole = np.zeros(a.nbytes + 1, np.uint8)
    out = whole[1:].view(a.dtype).reshape(a.shape)
    out[...] = a
    return out


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "C": lambda a: np.array(a, order="C"),
    "F": lambda a: np.array(a, order="F"),
    "axes turned": lambda a: np.ascontiguousarray(a.transpose(1, 2, 0)).transpose(2, 0, 1),
    "axes swapped": lambda a: np.ascontiguousarray(a.swapaxes(0, 1)).swapaxes(0, 1),
    "backwards": lambda a: np.ascontiguousarray(a[::-1, :, ::-1])[::-1, :, ::-1],
    "every other": _every_other,
    "inside": _inside,
    "unaligned": _unaligned,
    "foreign": lambda a: a.astype(a.dtype.newbyteorder()),
}


def walk(
    cls: type[Optimizer], shape: tuple[int, ...], dtype: str, put: Any, lay: Any, engine: str
) -> tuple[Array, dict[str, Array]]:
    """Three steps with a parameter laid out by ``put`` and gradients by ``lay``."""
    rng = np.random.default_rng(3)
    optimizer = cls(engine=engine, threads=2)
    w = put(rng.standard_normal(shape).astype(dtype))
    for _ in range(3):
        optimizer.update({"W": w}, {"W": lay(rng.standard_normal(shape).astype(dtype))})
    return w, {letter: getattr(optimizer, letter)["W"] for letter in cls.state_names}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("shape", [SMALL, LARGE])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_every_layout_of_parameter_and_gradient(
    cls: type[Optimizer], dtype: str, shape: tuple[int, ...], engine: str
) -> None:
    """Every pair of layouts, also where the gradient's strides are not the parameter's."""
    plain, expected = walk(cls, shape, dtype, LAYOUTS["C"], LAYOUTS["C"], "numpy")
    for put_name, put in LAYOUTS.items():
        for lay_name, lay in LAYOUTS.items():
            if put_name != lay_name and "C" not in (put_name, lay_name) and cls is not Adagrad:
                continue  # one class takes all 81 pairs
            w, state = walk(cls, shape, dtype, put, lay, engine)
            assert same(w.astype(dtype), plain), (put_name, lay_name)
            for letter, value in expected.items():
                assert same(state[letter], value), (put_name, lay_name, letter)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("put", [_inside, _every_other])
def test_nothing_beside_a_view_is_touched(put: Callable[[Array], Array], engine: str) -> None:
    """The frame around a view keeps its bytes."""
    for shape in (SMALL, LARGE):
        w = put(np.ones(shape))
        Adagrad(engine=engine).update({"W": w}, {"W": np.ones(shape)})
        assert w.base is not None
        frame = w.base
        assert np.count_nonzero(frame == 99.0) == frame.size - w.size
        assert (w < 1).all()


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_two_halves_of_one_array(cls: type[Optimizer], engine: str) -> None:
    """Interleaved views share no entry, so they are two parameters like any others."""
    whole, reference = np.arange(1.0, 9.0), Reference(cls)
    params = {"even": whole[::2], "odd": whole[1::2]}
    expected = {name: w.copy() for name, w in params.items()}
    optimizer = cls(engine=engine)
    for k in range(3):
        grads = {"even": np.full(4, 1.0 + k), "odd": np.full(4, -2.0)}
        optimizer.update(params, grads)
        expected = reference.update(expected, grads)
    assert_same(params, expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
@pytest.mark.parametrize("shape", [(), (0,), (3, 0, 2), (1,), (1, 1, 1)])
def test_no_axis_and_no_entry(cls: type[Optimizer], shape: tuple[int, ...], engine: str) -> None:
    """0-d and empty arrays alone and beside others."""
    for others in ({}, {"W": np.ones(3)}):
        params = {"x": np.ones(shape), **{name: w.copy() for name, w in others.items()}}
        expected, reference = {name: w.copy() for name, w in params.items()}, Reference(cls)
        optimizer = cls(engine=engine)
        for _ in range(2):
            grads = {name: np.full(w.shape, 0.5) for name, w in params.items()}
            optimizer.update(params, grads)
            expected = reference.update(expected, grads)
        assert_same(params, expected)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_no_parameter_at_all(cls: type[Optimizer], engine: str) -> None:
    """An update of nothing is an update."""
    optimizer = cls(engine=engine, clip_norm=1.0)
    optimizer.update({}, {})
    assert optimizer.t == 1


# Numbers instead of arrays --------------------------------------------------------------------------------------------

NUMBERS: dict[str, Callable[[float], Any]] = {
    "float": float,
    "float64": np.float64,
    "float32": np.float32,
    "float16": np.float16,
    "0-d": np.array,
}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", NUMBERS)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_number_for_a_gradient(cls: type[Optimizer], kind: str, engine: str) -> None:
    """What ``np.sum`` gives, a Python float, a 0-d array, a whole number: for a number or a 0-d array all are one."""
    walks = {}
    for place, x in {"number": 2.0, "0-d": np.array(2.0)}.items():
        params, optimizer = {"x": x, "W": np.ones(2)}, cls(engine=engine)
        for g in (0.5, -2.0, 3.0):
            held = [np.float64(7.0) for _ in range(64)]  # would lie where a forgotten scalar lay
            optimizer.update(params, {"x": NUMBERS[kind](g), "W": np.ones(2)})
            assert len(held) == 64
        optimizer.update(params, {"x": 2, "W": np.ones(2)})
        walks[place] = float(params["x"])
    params, reference = {"x": np.array(2.0)}, Reference(cls)
    for g in (0.5, -2.0, 3.0, 2.0):
        params = reference.update(params, {"x": np.array(g)})
    assert set(walks.values()) == {float(params["x"])}


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("kind", ["float", "float64", "float32", "float16"])
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_number_for_a_parameter_is_bound_anew(cls: type[Optimizer], kind: str, engine: str) -> None:
    """In the dict that was passed, as the same kind of number, computed as an array of that kind would be."""
    make = NUMBERS[kind]
    first, params, optimizer = make(2.0), {"x": make(2.0)}, cls(lr=0.1, engine=engine)
    array = {"x": np.array([first])}
    other = cls(lr=0.1, engine=engine)
    for g in (0.5, -2.0, 3.0):
        optimizer.update(params, {"x": g})
        other.update(array, {"x": np.array([g])})
        assert type(params["x"]) is type(first)
        assert params["x"] == array["x"][0]
    assert params["x"] != first


# Types ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [7, group.PACKED + 7])
@pytest.mark.parametrize("half", [np.float16, ml_dtypes.bfloat16], ids=["float16", "bfloat16"])
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_half_precision_is_computed_in_single(cls: type[Optimizer], half: Any, size: int, engine: str) -> None:
    """The parameter is rounded after every step; the state is float32 and forgets nothing."""
    rng = np.random.default_rng(8)
    params = {"W": rng.standard_normal(size).astype(half)}
    expected, reference, optimizer = params["W"].copy(), Reference(cls), cls(engine=engine)
    for _ in range(4):
        g = rng.standard_normal(size).astype(half)
        single = reference.update({"W": expected.astype(np.float32)}, {"W": g.astype(np.float32)})
        expected = single["W"].astype(half)
        optimizer.update(params, {"W": g})
    assert params["W"].dtype == half
    assert same(params["W"], expected)
    for letter, state in zip(cls.state_names, reference.state["W"], strict=True):
        assert same(getattr(optimizer, letter)["W"], state)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_half_precision_sum_goes_on_growing(engine: str) -> None:
    """PyTorch's float16 h stops at 2048 unit gradients, its bfloat16 h at 256; ours does not."""
    for half in (np.float16, ml_dtypes.bfloat16):
        optimizer, params, ones = Adagrad(engine=engine), {"W": np.ones(2, half)}, np.ones(2, half)
        for _ in range(2100):
            optimizer.update(params, {"W": ones})
        assert optimizer.h["W"].tolist() == [2100.0, 2100.0]


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_gradient_of_another_float_is_converted_first(cls: type[Optimizer], engine: str) -> None:
    """To the type computed in, which is the parameter's."""
    for w_type, g_type in [("float32", "float64"), ("float64", "float32"), ("float32", "float16")]:
        for size in (7, group.PACKED + 7):
            g = np.random.default_rng(9).standard_normal(size).astype(g_type)
            params, plain = {"W": np.ones(size, w_type)}, {"W": np.ones(size, w_type)}
            cls(engine=engine).update(params, {"W": g})
            cls(engine=engine).update(plain, {"W": g.astype(w_type)})
            assert_same(params, plain)


# Gradients that share memory ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("size", [9, group.CHUNK + 9])
@pytest.mark.parametrize("cls", CLASSES, ids=label)
def test_a_gradient_inside_a_parameter(cls: type[Optimizer], size: int, engine: str) -> None:
    """A gradient is read as it was when it came, even if it lies in what is being written."""
    memory = np.random.default_rng(4).standard_normal(2 * size + 2)
    views = {"a": memory[1 : size + 1], "b": memory[size + 2 :]}
    overlapping = {"a": memory[:size], "b": memory[size - 3 : 2 * size - 3]}
    expected = Reference(cls).update(
        {name: w.copy() for name, w in views.items()}, {name: g.copy() for name, g in overlapping.items()}
    )
    cls(engine=engine, overrides={"b": {"lr_decay": 0.5}}).update(views, overlapping)
    assert_same(views, expected)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_gradient_behind_an_interleaved_pair(engine: str) -> None:
    """Where parameters lie across one another, the far end of the longer one still counts."""
    memory = np.arange(1.0, 41.0)
    params = {"long": memory[::2], "short": memory[1:9:2]}
    grads = {"long": memory[10:30].copy(), "short": memory[30:34]}
    expected = Reference(SGD, lr=1.0).update(
        {name: w.copy() for name, w in params.items()}, {name: g.copy() for name, g in grads.items()}
    )
    SGD(lr=1.0, engine=engine, overrides={"short": {"lr_decay": 0.5}}).update(params, grads)
    assert_same(params, expected)


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.broadcast_to(np.ones(1), (3,)).view(),
        lambda: sliding_window_view(np.arange(5.0), 3, writeable=True),
        lambda: as_strided(np.arange(5.0), (4,), (4,)),
    ],
    ids=["broadcast", "window", "half an entry"],
)
def test_a_parameter_that_overlaps_itself_is_refused(make: Callable[[], Array]) -> None:
    """One entry would move twice."""
    w = make()
    if not w.flags.writeable:
        w.flags.writeable = True
    before = w.tobytes()
    with pytest.raises(ValueError, match=r"params\['W'\] must have a place in memory for every entry"):
        SGD().update({"W": w}, {"W": np.ones(w.shape)})
    assert w.tobytes() == before


def test_strange_strides_without_overlap_are_welcome() -> None:
    """Rows that reach past one another and share nothing."""
    w = as_strided(np.arange(1.0, 8.0), (2, 3), (8, 16))
    before = w.copy()
    SGD(lr=1.0).update({"W": w}, {"W": np.ones((2, 3))})
    assert same(w.copy(), before - 1.0)


# The plan -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("engine", ENGINES)
def test_the_same_arrays_with_other_gradients(engine: str) -> None:
    """What is remembered about arrays from the last update never outlives their change."""
    params, optimizer, reference = {"W": np.ones((30, 200)), "b": np.ones(3)}, Adam(engine=engine), Reference(Adam)
    expected = {name: w.copy() for name, w in params.items()}
    rng = np.random.default_rng(0)
    held = {"W": np.empty((30, 200)), "b": np.empty(3)}
    for k in range(8):
        for g in held.values():
            g[...] = rng.standard_normal(g.shape)
        grads = dict(held)
        if k % 3 == 1:
            grads["W"] = np.asfortranarray(held["W"])
        if k % 3 == 2:
            grads["W"] = held["W"].astype(np.float32)
        if k == 4:
            params = {"b": params["b"], "W": params["W"].copy()}  # other arrays, in another order
        optimizer.update(params, grads)
        step = {name: np.asarray(g, np.float64) for name, g in grads.items()}
        expected = reference.update(expected, step)
    assert_same(dict(sorted(params.items())), dict(sorted(expected.items())))
