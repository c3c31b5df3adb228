"""A sensor on our own optimizers: what it reads, what it keeps, and that nobody notices it."""

import json
import subprocess
import sys
import tracemalloc
import warnings

import numpy as np
import pytest

from nukarumi import SGD, Adadelta, Adagrad, Adam, AdamW, Momentum, Nesterov, RMSprop, Rows, RowwiseAdagrad
from nukarumi._errors import BadInput, BadType
from nukarumi.sensor import MEASURES, watch, whatif
from nukarumi.trail import Trail

OPTIMIZERS = (SGD, Momentum, Nesterov, Adagrad, RMSprop, Adadelta, Adam, AdamW)


def train(optimizer, steps, sensor=None, dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    params = {"W": rng.normal(size=(50, 30)).astype(dtype), "b": np.ones(3, dtype)}
    for _ in range(steps):
        grads = {"W": rng.normal(size=(50, 30)).astype(dtype), "b": params["b"] * dtype(0.1)}
        if sensor is not None:
            sensor.loss = 1.5
        optimizer.update(params, grads)
    return params


@pytest.mark.parametrize("cls", OPTIMIZERS)
@pytest.mark.parametrize("library", ["book", "torch", "keras", "optax"])
def test_readings_and_bits(cls, library):
    watched, alone = cls.like(library), cls.like(library)
    sensor = watch(watched, every=4, keep=8)
    ours, theirs = train(watched, 9, sensor, np.float32), train(alone, 9, dtype=np.float32)
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)
    assert sensor.trail.steps.tolist() == [1, 5, 9]
    assert sensor.trail.loss.tolist() == [1.5] * 3
    assert sensor.trail.states == cls.state_names
    for name in ("W", "b"):
        rate = watched.effective_lr(name)
        ends = sensor.trail.column(name, "effective_lr")[-1, [0, -1]]
        np.testing.assert_allclose(ends, [rate.min(), rate.max()], rtol=1e-6)
    assert sensor.failed is None
    sensor.detach()
    assert "update" not in vars(watched)


def test_measures_mean_what_the_page_says():
    optimizer = Adagrad(lr=0.1, initial_accumulator=0.25, eps=0.0)
    sensor = watch(optimizer, every=1)
    params = {"w": np.array([1.0, 1.0, 1.0, 1.0])}
    optimizer.update(params, {"w": np.array([0.5, 1.0, 1e-12, 0.0])})
    row = sensor.row
    assert row["w/unmoved"] == 0.25
    assert row["w/saturated"] == pytest.approx(1 / 3)  # 1e-24 cannot be added to a quarter
    shares = [1 - np.sqrt(0.25 / 0.5), 1 - np.sqrt(1 / 1.25), 1.0]
    assert row["w/swallowed"] == pytest.approx(np.median(shares))
    assert row["w/nonfinite_states"] == 0
    assert row["w/step_ratio"] == pytest.approx(row["w/step_norm"] / row["w/weight_norm"])
    assert set(MEASURES) < set(sensor.trail.columns("w"))
    loaded = Trail.from_bytes(sensor.trail.to_bytes())
    assert loaded.measures == MEASURES
    assert loaded.column("w", "saturated")[0] == pytest.approx(1 / 3)


def test_overrides_schedules_and_patterns():
    optimizer = Adam(lr=lambda t: 0.1 / t, overrides={"b": {"lr": 0.5}})
    sensor = watch(optimizer, every=1, names="b")
    train(optimizer, 2)
    assert list(sensor.trail.arrays) == ["b"]
    assert sensor.trail.meta["lr"] is None
    expected = optimizer.effective_lr("b").max()
    assert sensor.row["b/effective_lr/1"] == pytest.approx(expected)


def test_loggers_get_plain_numbers():
    class Board:
        def __init__(self):
            self.seen = []

        def add_scalar(self, tag, value, step):
            self.seen.append((tag, value, step))

    board, rows = Board(), []
    optimizer = Adagrad()
    sensor = watch(optimizer, every=2, writer=board, log=rows.append)
    train(optimizer, 3, sensor)
    assert [row["step"] for row in rows] == [1, 3]
    assert all(isinstance(value, int | float) for row in rows for value in row.values())
    json.dumps(rows)
    tags = {tag for tag, _, step in board.seen if step == 3}
    assert {"nukarumi/loss", "nukarumi/W/step_norm", "nukarumi/W/effective_lr/0.5", "nukarumi/W/step_ratio"} <= tags
    assert all(value == value for _, value, _ in board.seen)


def test_what_if_is_exact_for_every_update():
    """The replay of another rule takes the very steps that this rule takes along the same gradients."""
    one, other = Adagrad(lr=0.1), RMSprop(lr=0.01)
    sensor, control = watch(one, every=1, keep=1024), watch(other, every=1)
    train(one, 12)
    train(other, 12)  # its gradients of W are the same; those of b hang on where it went
    answer = whatif(sensor.recording, RMSprop, lr=0.01)
    np.testing.assert_allclose(answer.recorded["b"], sensor.trail.column("b", "step_norm"))
    scale = np.sqrt(1500 / len(sensor.recording.start["W"]))
    assert scale > 1
    np.testing.assert_allclose(answer.replayed["W"], control.trail.column("W", "step_norm"), rtol=0.1)
    np.testing.assert_allclose(whatif(sensor.recording).ratio(), 1.0)
    assert whatif(sensor.recording, "adagrad", lr=0.3).ratio("b") == pytest.approx(3.0, rel=1e-6)
    assert whatif(sensor.recording, Adagrad(lr=0.3)).ratio("b") == pytest.approx(3.0, rel=1e-6)
    assert str(answer).startswith("what if it had been RMSprop(lr=0.01): step norms that were")
    assert "step 12" in str(answer)
    for recording, optimizer in ((None, None), (sensor.recording, "lion")):
        with pytest.raises(BadInput, match="whatif"):
            whatif(recording, optimizer)


def test_what_if_holds_a_gradient_until_the_next():
    sensors = []
    for every in (1, 5):
        optimizer, params = Adagrad(lr=0.1), {"w": np.zeros(4)}
        sensors.append(watch(optimizer, every=every, keep=4))
        for _ in range(51):
            optimizer.update(params, {"w": np.ones(4)})
    fine, coarse = (whatif(sensor.recording, SGD, lr=0.1) for sensor in sensors)
    assert coarse.ratio() == pytest.approx(fine.ratio(), rel=0.1)
    held = whatif(sensors[1].recording)
    np.testing.assert_allclose(held.replayed["w"], held.recorded["w"])


def test_a_long_training_stays_small():
    """The trail and the recording are full long before the end, and grow no more."""
    optimizer, params = Adagrad(lr=0.1), {f"w{k}": np.ones((10, 4)) for k in range(6)}
    grads = {name: np.full((10, 4), 1e-3) for name in params}
    tracemalloc.start()
    sensor = watch(optimizer, every=1, keep=16, trail=Trail(capacity=64))
    peaks = []
    for _ in range(2):
        for _ in range(600):
            optimizer.update(params, grads)
        peaks.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert len(sensor.trail) == len(sensor.recording) <= 64
    assert sensor.recording.steps.tolist() == sensor.trail.steps.tolist()
    assert sensor.trail.every == 32
    assert peaks[1] < peaks[0] + 50_000


def test_a_sensor_that_fails_lets_the_training_go_on():
    def broken(row):
        raise ValueError("no logger today")

    optimizer = Adam()
    watch(optimizer, every=2, log=broken)
    with pytest.warns(RuntimeWarning, match="no logger today; the training goes on") as caught:
        ours = train(optimizer, 5)
    assert len(caught) == 1
    theirs = train(Adam(), 5)
    assert all(ours[name].tobytes() == theirs[name].tobytes() for name in ours)


def test_an_update_that_is_refused_is_not_counted():
    optimizer = Adagrad()
    sensor = watch(optimizer, every=1)
    with pytest.raises(BadInput):
        optimizer.update({"w": np.ones(2)}, {"w": np.ones(3)})
    optimizer.update({"w": np.ones(2)}, {"w": np.ones(2)})
    assert sensor.trail.steps.tolist() == [1]


def test_strangers_and_second_sensors_are_refused():
    with pytest.raises(BadType, match=r"nukarumi: SGD.*torch\.optim: .*RAdam.*keras.*optax.*Received: builtins\.dict"):
        watch({})
    optimizer = Adagrad()
    watch(optimizer)
    with pytest.raises(BadInput, match="one sensor at a time"):
        watch(optimizer)
    full = Trail({"w": (1,)})
    with pytest.raises(BadInput, match="empty trail"):
        watch(Adam(), trail=full)


def test_frameworks_are_not_imported_to_look():
    program = (
        "import sys, numpy as np; from nukarumi import Adagrad; from nukarumi.sensor import watch, diagnose\n"
        "opt = Adagrad(); s = watch(opt)\n"
        "for _ in range(12): opt.update({'w': np.ones(2)}, {'w': np.ones(2)})\n"
        "diagnose(s.trail)\n"
        "try: watch(3)\n"
        "except ValueError: pass\n"
        "print(sorted({'torch', 'keras', 'jax', 'optax', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# Wide arrays, and tables whose gradient comes by rows -----------------------------------------------------------------


@pytest.mark.parametrize("cls", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_wide_arrays_are_read_in_one_sweep_and_no_bit_changes(cls, dtype):
    """Arrays large enough for the compiled sweep: against NumPy on the raw arrays."""
    shapes = {"W": (300, 500), "b": (500,), "V": (500, 7)}
    ends = []
    for watched in (False, True):
        rng = np.random.default_rng(1)
        params = {name: rng.normal(size=shape).astype(dtype) for name, shape in shapes.items()}
        optimizer = cls()
        sensor = watch(optimizer, every=2) if watched else None
        for step in range(1, 6):
            grads = {name: (rng.normal(size=shape) * 10.0**-step).astype(dtype) for name, shape in shapes.items()}
            before = {name: value.astype(np.float64) for name, value in params.items()}
            optimizer.update(params, grads)
            if sensor is None or step % 2 == 0:
                continue
            for name, value in params.items():
                exact = {
                    "gradient_norm": np.linalg.norm(grads[name].astype(np.float64)),
                    "step_norm": np.linalg.norm(value.astype(np.float64) - before[name]),
                    "weight_norm": np.linalg.norm(value.astype(np.float64)),
                }
                for column, expected in exact.items():
                    assert sensor.row[f"{name}/{column}"] == pytest.approx(expected, rel=1e-6), (step, name, column)
                for letter in cls.state_names:
                    state = getattr(optimizer, letter)[name]
                    found = sensor.trail.column(name, f"state/{letter}")[-1]
                    assert found[[0, -1]].tolist() == [state.min(), state.max()]
                rate = optimizer.effective_lr(name)
                found = sensor.trail.column(name, "effective_lr")[-1]
                np.testing.assert_allclose(found[[0, -1]], [rate.min(), rate.max()], rtol=1e-6)
        ends.append([value.tobytes() for value in params.values()])
    assert ends[0] == ends[1]
    assert sensor.failed is None


def test_a_sweep_gives_way_where_numbers_are_not_finite():
    params, optimizer = {"W": np.ones(70_000, np.float32)}, Adagrad(on_nonfinite="ignore")
    sensor = watch(optimizer, every=1)
    gradient = np.ones(70_000, np.float32)
    optimizer.update(params, {"W": gradient})
    assert sensor.row["W/nonfinite_gradients"] == 0
    gradient[[5, 69_000]] = np.inf, np.nan
    optimizer.update(params, {"W": gradient})
    assert sensor.row["W/nonfinite_gradients"] == sensor.row["W/nonfinite_weights"] == 2
    assert sensor.row["W/nonfinite_states"] == 2
    gradient[:] = 1e-30
    optimizer.update(params, {"W": gradient})  # squares that float32 does not hold
    assert sensor.row["W/gradient_norm"] == pytest.approx(1e-30 * np.sqrt(70_000), rel=1e-6)


ROWS = (*OPTIMIZERS[:-1], RowwiseAdagrad)  # decoupled decay would have to touch every row


@pytest.mark.parametrize("cls", ROWS)
def test_rows_are_read_by_what_they_touch(cls):
    table = {}
    for watched in (False, True):
        rng = np.random.default_rng(2)
        params = {"words": rng.normal(size=(400, 6)), "head": np.ones(6)}
        optimizer = cls()
        sensor = watch(optimizer, every=2, keep=4) if watched else None
        moved, past = np.zeros(2400, bool), None
        for step in range(1, 8):
            indices, values = rng.integers(0, 60, 25), rng.normal(size=(25, 6))
            before = params["words"].copy()
            optimizer.update(params, {"words": Rows(indices, values), "head": params["head"] * 0.1})
            dense = np.zeros((400, 6))
            np.add.at(dense, indices, values)
            change = params["words"] - before
            moved |= change.ravel() != 0
            if sensor is not None and step % 2:
                rows, row = np.unique(indices), sensor.row
                assert row["words/gradient_norm"] == pytest.approx(np.linalg.norm(dense), rel=1e-6)
                assert row["words/step_norm"] == pytest.approx(np.linalg.norm(change), rel=1e-6)
                assert row["words/weight_norm"] == pytest.approx(np.linalg.norm(params["words"][rows]), rel=1e-6)
                where = np.unique((((np.arange(1024) * 0.6180339887498949) % 1.0) * 2400).astype(int))
                assert row["words/unmoved"] == pytest.approx(1 - moved[where].mean())
                rate = optimizer.effective_lr("words")[rows]
                assert row["words/effective_lr/0"] == pytest.approx(rate.min(), rel=1e-6)
                assert row["words/effective_lr/1"] == pytest.approx(rate.max(), rel=1e-6)
                assert row["words/effective_lr/0.5"] == pytest.approx(np.median(rate), rel=1e-6)
                for letter in cls.state_names:
                    state = getattr(optimizer, letter)["words"][rows]
                    assert row[f"words/state/{letter}/0.5"] == pytest.approx(np.median(state), rel=1e-6, abs=1e-300)
                if past is not None:
                    cosine = np.vdot(dense, past) / np.linalg.norm(dense) / np.linalg.norm(past)
                    assert row["words/gradient_cosine"] == pytest.approx(cosine, rel=1e-6, abs=1e-12)
            past = dense
        table[watched] = params["words"].tobytes(), params["head"].tobytes()
    assert table[False] == table[True]
    assert sensor.failed is None
    assert len(sensor.recording) == 4


def test_the_cost_of_rows_follows_the_rows():
    """A table that would take gigabytes, of which a reading must not touch what the update does not."""
    table = np.zeros((50_000_000, 8), np.float32)  # zeros that nobody has touched cost no memory
    optimizer = Adagrad(engine="numpy")
    sensor = watch(optimizer, every=1)
    rng = np.random.default_rng(0)
    optimizer.update({"words": table}, {"words": Rows(rng.integers(0, len(table), 100), np.ones((100, 8), np.float32))})
    tracemalloc.start()
    for _ in range(3):
        indices = rng.integers(0, len(table), 100)
        optimizer.update({"words": table}, {"words": Rows(indices, np.ones((100, 8), np.float32))})
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(sensor.trail) == 4
    assert sensor.failed is None
    assert peak < 2_000_000


def test_rows_that_are_refused_are_not_the_sensors_fault():
    optimizer, params = Adagrad(), {"words": np.ones((5, 2))}
    sensor = watch(optimizer, every=1)
    for indices, values in (([7], np.ones((1, 2))), ([-1], np.ones((1, 2))), ([1], np.ones((1, 3)))):
        with pytest.raises(BadInput):
            optimizer.update(params, {"words": Rows(indices, values)})
    optimizer.update(params, {"words": Rows(np.empty(0, np.int64), np.empty((0, 2)))})
    optimizer.update(params, {"words": Rows([1], np.ones((1, 2)))})
    assert sensor.failed is None
    assert sensor.trail.column("words", "step_norm").tolist() == pytest.approx([0.0, 0.01 * 2**0.5], rel=1e-6)


def test_two_sets_of_arrays_of_the_same_sizes_are_kept_apart():
    """One optimizer, two networks in turn: each remembers its own weights."""
    optimizer = Adagrad()
    sensor = watch(optimizer, every=1)
    params = {name: np.ones((200, 300), np.float32) for name in ("one", "other")}
    half = np.zeros((200, 300), np.float32)
    half[:100] = 1.0
    for name in ("one", "other", "other", "other", "one"):
        if name == "other":
            params[name] += 1.0  # moved by somebody else: the next look tells
        optimizer.update({name: params[name]}, {name: half})
    assert sensor.failed is None
    assert sensor.trail.column("one", "unmoved")[[0, -1]] == pytest.approx([0.5, 0.5], abs=0.05)
    assert sensor.trail.column("other", "unmoved")[3] == 0.0


def test_patterns_that_match_nothing_are_told_once():
    def trained(names, params=5):
        opt = SGD(0.1)
        now = {f"layer{k}/W": np.ones(3) for k in range(params)}
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            sensor = watch(opt, every=2, names=names)
            for _ in range(10):
                opt.update(now, {name: value.copy() for name, value in now.items()})
        assert sensor.failed is None
        return sensor, [str(one.message) for one in told]

    assert trained(["layer*"])[1] == trained(None)[1] == []
    sensor, (message,) = trained(["layer1*", "embed*", "head*"])
    assert list(sensor.trail.arrays) == ["layer1/W"]
    assert "SGD updates; these match none: 'embed*', 'head*'. The arrays are 'layer0/W', " in message
    sensor, (message,) = trained("embed*", params=11)
    assert "'embed*', so that nothing is watched" in message
    assert "'layer7/W' and 3 more; correct the patterns, or leave names out" in message
    assert not sensor.trail.arrays
    assert "there are none, so that nothing is watched" in trained([])[1][0]


def test_patterns_that_match_nothing_stop_no_training():
    opt, now = Adagrad(0.1), {"W": np.ones(3)}
    sensor = watch(opt, every=1, names=["nothing"])
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("error")
        opt.update(now, {"W": np.ones(3)})
    assert ["these match none: 'nothing'" in str(one.message) for one in told] == [True]
    assert sensor.failed is None
    assert now["W"][0] < 1
