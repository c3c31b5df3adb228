"""The network's backward pass is the derivative of its forward pass, and a step is reproducible to the bit."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nukarumi._errors import BadInput
from nukarumi.problems.network import Network


def batch(rng, rows, sizes, dtype=np.float64):
    x = rng.standard_normal((rows, sizes[0])).astype(dtype)
    return x, rng.integers(0, sizes[-1], rows)


@settings(max_examples=15, deadline=None, derandomize=True)
@given(
    sizes=st.sampled_from([(3, 2), (4, 5, 3), (2, 6, 4, 3), (1, 1, 1)]),
    rows=st.integers(1, 7),
    seed=st.integers(0, 1000),
)
def test_gradient_against_finite_differences(sizes, rows, seed):
    rng = np.random.default_rng(seed)
    network = Network(sizes, np.float64)
    params = network.params(seed)
    for name in params:
        params[name] += 0.1 * rng.standard_normal(params[name].shape)
    x, labels = batch(rng, rows, sizes)
    _, grads = network.loss_and_grads(params, x, labels)
    grads = {name: grad.copy() for name, grad in grads.items()}
    step = 1e-6
    for name, array in params.items():
        for index in np.ndindex(array.shape):
            here = array[index]
            array[index] = here + step
            above, _ = network.loss_and_grads(params, x, labels)
            array[index] = here - step
            below, _ = network.loss_and_grads(params, x, labels)
            array[index] = here
            assert grads[name][index] == pytest.approx((above - below) / (2 * step), rel=1e-6, abs=1e-8)


def test_loss_equals_the_score_of_the_same_rows():
    rng = np.random.default_rng(0)
    network = Network((6, 5, 4), np.float64)
    params = network.params(0)
    x, labels = batch(rng, 11, network.sizes)
    loss, _ = network.loss_and_grads(params, x, labels)
    total, wrong = network.loss_and_errors(params, x, labels)
    assert loss == pytest.approx(total / 11, rel=1e-14)
    probabilities = np.maximum(x @ params["W1"] + params["b1"], 0) @ params["W2"] + params["b2"]
    assert wrong == np.count_nonzero(probabilities.argmax(axis=1) != labels)


def test_zero_weights_know_nothing():
    network = Network((3, 4, 5))
    params = {name: np.zeros_like(array) for name, array in network.params(0).items()}
    loss, _ = network.loss_and_grads(params, np.ones((8, 3), np.float32), np.arange(8) % 5)
    assert loss == pytest.approx(np.log(5), rel=1e-6)


def test_equal_seeds_give_equal_bits_and_own_memory():
    network = Network((5, 4, 3))
    first, again, other = network.params(7), network.params(7), network.params(8)
    for name, array in first.items():
        assert array.dtype == np.float32
        assert array.tobytes() == again[name].tobytes()
        assert not np.shares_memory(array, again[name])
    assert not np.array_equal(first["W1"], other["W1"])


def test_he_deviation():
    weights = Network((400, 300, 2)).params(0)["W1"]
    assert weights.std() == pytest.approx(np.sqrt(2 / 400), rel=0.01)
    assert abs(weights.mean()) < 1e-3


def test_step_changes_neither_params_nor_batch():
    rng = np.random.default_rng(1)
    network = Network((6, 5, 4))
    params = network.params(0)
    x, labels = batch(rng, 9, network.sizes, np.float32)
    before = {name: array.copy() for name, array in params.items()}, x.copy(), labels.copy()
    first = network.loss_and_grads(params, x, labels)
    first = first[0], {name: grad.copy() for name, grad in first[1].items()}
    network.loss_and_grads(params, x[:4], labels[:4])
    again = network.loss_and_grads(params, x, labels)
    assert first[0] == again[0]
    for name in params:
        assert first[1][name].tobytes() == again[1][name].tobytes()
        assert params[name].tobytes() == before[0][name].tobytes()
    assert x.tobytes() == before[1].tobytes()
    assert labels.tobytes() == before[2].tobytes()


def test_diverged_weights_give_a_loss_without_a_warning():
    network = Network((3, 4, 2))
    params = {name: np.full_like(array, 1e38) for name, array in network.params(0).items()}
    params["W2"][0] = -1e38
    x, labels = np.ones((4, 3), np.float32), np.array([0, 1, 0, 1])
    loss, _ = network.loss_and_grads(params, x, labels)
    assert not np.isfinite(loss)
    _, wrong = network.loss_and_errors(params, x, labels)
    assert wrong == 4


def test_many_rows_are_scored_in_pieces():
    rng = np.random.default_rng(3)
    network = Network((4, 3), np.float64)
    params = network.params(0)
    x, labels = batch(rng, 5000, network.sizes)
    total, wrong = network.loss_and_errors(params, x, labels)
    pieces = [network.loss_and_errors(params, x[i : i + 1000], labels[i : i + 1000]) for i in range(0, 5000, 1000)]
    assert total == pytest.approx(sum(piece[0] for piece in pieces), rel=1e-12)
    assert wrong == sum(piece[1] for piece in pieces)


def test_pickle_leaves_the_scratch_memory_behind():
    network = Network((64, 50, 10))
    fresh = len(pickle.dumps(network))
    rng = np.random.default_rng(0)
    network.loss_and_grads(network.params(0), *batch(rng, 32, network.sizes, np.float32))
    assert len(pickle.dumps(network)) == fresh
    assert pickle.loads(pickle.dumps(network)).params(3)["W1"].tobytes() == network.params(3)["W1"].tobytes()


@pytest.mark.parametrize(
    ("sizes", "dtype", "word"),
    [((3,), np.float32, "layer sizes"), ((3, 0), np.float32, "layer sizes"), ((3, 2), np.float16, "float64")],
)
def test_refuses(sizes, dtype, word):
    with pytest.raises(BadInput, match=word):
        Network(sizes, dtype)
