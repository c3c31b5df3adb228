"""Every reading of a PyTorch optimizer against what its raw tensors say, worked out here by hand."""

import copy
import pickle
import threading
import warnings

import numpy as np
import pytest

from nukarumi import rules
from nukarumi._errors import BadInput
from nukarumi.sensor import Kind, diagnose, watch
from nukarumi.trail import QUANTILES, Trail

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.filterwarnings("ignore:Sparse invariant checks")


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Arrays this small are slower on several threads, and much slower on a busy machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def corrected(state, group, root):
    """Adam's rate, as PyTorch's documentation has it."""
    beta1, beta2 = group["betas"]
    t = float(state["step"])
    return group["lr"] / (1 - beta1**t) / (root / (1 - beta2**t) ** 0.5 + group["eps"])


def nadam(state, group):
    beta1, beta2 = group["betas"]
    t, psi = float(state["step"]), group["momentum_decay"]
    mu, ahead = (beta1 * (1 - 0.5 * 0.96 ** (step * psi)) for step in (t, t + 1))
    product = np.prod([beta1 * (1 - 0.5 * 0.96 ** (step * psi)) for step in range(1, int(t) + 1)])
    drive = (1 - mu) / (1 - product) + ahead / (1 - product * ahead)
    root = state["exp_avg_sq"].double().sqrt() / (1 - beta2**t) ** 0.5
    return group["lr"] * drive / (root + group["eps"])


def radam(state, group):
    beta1, beta2 = group["betas"]
    t = float(state["step"])
    longest = 2 / (1 - beta2) - 1
    length = longest - 2 * t * beta2**t / (1 - beta2**t)
    step = group["lr"] / (1 - beta1**t)
    if length <= 5:
        return torch.full_like(state["exp_avg_sq"], step).double()
    rect = ((length - 4) * (length - 2) * longest / ((longest - 4) * (longest - 2) * length)) ** 0.5
    return step * rect * (1 - beta2**t) ** 0.5 / (state["exp_avg_sq"].double().sqrt() + group["eps"])


def root(name):
    return lambda state: state[name].double().sqrt()


CASES = {
    "SGD": ({}, lambda state, group: group["lr"]),
    "SGD momentum": ({"momentum": 0.9}, lambda state, group: group["lr"]),
    "SGD dampening": ({"momentum": 0.9, "dampening": 0.25}, lambda state, group: group["lr"] * 0.75),
    "SGD nesterov": ({"momentum": 0.9, "nesterov": True}, lambda state, group: 1.9 * group["lr"]),
    "Adagrad": (
        {"lr_decay": 0.1, "initial_accumulator_value": 0.2},
        lambda s, g: g["lr"] / (1 + 0.1 * (float(s["step"]) - 1)) / (root("sum")(s) + g["eps"]),
    ),
    "RMSprop": ({}, lambda s, g: g["lr"] / (root("square_avg")(s) + g["eps"])),
    "RMSprop centred": (
        {"centered": True, "momentum": 0.5},
        lambda s, g: g["lr"] / ((s["square_avg"].double() - s["grad_avg"].double() ** 2).sqrt() + g["eps"]),
    ),
    "Adadelta": (
        {},
        lambda s, g: g["lr"] * ((s["acc_delta"].double() + g["eps"]) / (s["square_avg"].double() + g["eps"])).sqrt(),
    ),
    "Adam": ({}, lambda s, g: corrected(s, g, root("exp_avg_sq")(s))),
    "Adam amsgrad": ({"amsgrad": True}, lambda s, g: corrected(s, g, root("max_exp_avg_sq")(s))),
    "AdamW": ({"weight_decay": 0.1}, lambda s, g: corrected(s, g, root("exp_avg_sq")(s))),
    "NAdam": ({}, nadam),
    "RAdam": ({"betas": (0.9, 0.9)}, radam),
    "Adamax": ({}, lambda s, g: g["lr"] / (1 - 0.9 ** float(s["step"])) / s["exp_inf"].double()),
}


STATE_KEYS = {
    "h": ("sum", "square_avg"),
    "d": ("acc_delta",),
    "m": ("exp_avg", "grad_avg"),
    "v": ("exp_avg_sq", "momentum_buffer"),
    "u": ("max_exp_avg_sq", "exp_inf"),
}


def model(dtype=None, seed=0):
    torch.manual_seed(seed)
    layers = torch.nn.Linear(30, 40), torch.nn.Tanh(), torch.nn.Linear(40, 1)  # 1,200 entries: more than a sample
    return torch.nn.Sequential(*layers).to(dtype or torch.float32)


def make(case, parameters, **more):
    options, _ = CASES[case]
    return getattr(torch.optim, case.partition(" ")[0])(parameters, lr=0.01, **options, **more)


def train(net, optimizer, steps, look=lambda: None):
    random = torch.Generator().manual_seed(1)
    for _ in range(steps):
        x = torch.randn(16, 30, generator=random, dtype=net[0].weight.dtype)
        loss = torch.nn.functional.mse_loss(net(x), x[:, :1])
        optimizer.zero_grad()
        loss.backward()
        before = [p.detach().clone() for p in net.parameters()]
        optimizer.step()
        look()
        yield before, loss


def quantiles(values):
    flat = np.asarray(values, np.float64).reshape(-1)
    if flat.size > 1024:
        where = np.unique((((np.arange(1024) * 0.6180339887498949) % 1.0) * flat.size).astype(int))
        inner = np.quantile(flat[where], QUANTILES)
        inner[0], inner[-1] = flat.min(), flat.max()
        return inner
    return np.quantile(flat, QUANTILES)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_readings_against_the_raw_tensors(case, dtype):
    net = model(getattr(torch, dtype))
    optimizer = make(case, net.parameters())
    sensor = watch(optimizer, every=3, names=net)
    group, names = optimizer.param_groups[0], dict(net.named_parameters())
    for step, (before, _) in enumerate(train(net, optimizer, 8), start=1):
        if step % 3 != 1:
            continue
        assert sensor.row["step"] == step
        for (name, p), old in zip(names.items(), before, strict=True):
            row = len(sensor.trail) - 1
            state = {k: v.double() if torch.is_tensor(v) else v for k, v in optimizer.state[p].items()}
            exact = {
                "gradient_norm": p.grad.double().norm(),
                "step_norm": (p.detach().double() - old.double()).norm(),
                "weight_norm": p.detach().double().norm(),
            }
            for column, value in exact.items():
                assert sensor.trail.column(name, column)[row] == pytest.approx(float(value), rel=1e-6), (name, column)
            ratio = float(exact["step_norm"] / exact["weight_norm"])
            assert sensor.row[f"{name}/step_ratio"] == pytest.approx(ratio, rel=1e-6)
            rate = CASES[case][1](state, group)
            if case == "SGD dampening" and step == 1:
                rate = group["lr"]  # PyTorch does not dampen the first
            expected = quantiles(rate.numpy() if torch.is_tensor(rate) else np.full(p.numel(), rate))
            np.testing.assert_allclose(sensor.trail.column(name, "effective_lr")[row], expected, rtol=1e-6)
            for letter in sensor.trail.states:
                raw = next(state[key] for key in STATE_KEYS[letter] if key in state)
                np.testing.assert_allclose(
                    sensor.trail.column(name, f"state/{letter}")[row], quantiles(raw.numpy()), rtol=1e-6, atol=1e-30
                )
    assert sensor.failed is None


# The rules of the relatives, which this library does not run itself, against the steps of PyTorch ---------------------


def step_by_rule(name, w, g, states, group, t, product):
    beta1, beta2 = group["betas"]
    settings = (group["lr"], beta1, beta2)
    if name == "NAdam":
        mu, ahead = (rules.nadam_momentum(beta1, group["momentum_decay"], step) for step in (t, t + 1))
        eps = rules.eps_hat(group["eps"], beta2, t)
        return rules.nadam(w, g, *states, *settings, eps, t, mu, ahead, product * mu), product * mu
    if name == "RAdam":
        rectified = rules.rectification(beta2, t)
        if rectified:
            return rules.radam(w, g, *states, *settings, group["eps"], t, rectified), product
        return rules.radam_start(w, g, *states, *settings, t), product
    if name == "Adamax":
        return rules.adamax_eps_in_norm(w, g, *states, *settings, group["eps"], t), product
    eps = rules.eps_hat(group["eps"], beta2, t)
    return rules.amsgrad(w, g, *states, *settings, eps, t), product


@pytest.mark.parametrize(("name", "states"), [("NAdam", 2), ("RAdam", 2), ("Adamax", 2), ("AMSGrad", 3)])
def test_new_rules_walk_as_pytorch_does(name, states):
    rng = np.random.default_rng(0)
    w = rng.normal(size=6)
    parameter = torch.nn.Parameter(torch.tensor(w))
    cls = getattr(torch.optim, "Adam" if name == "AMSGrad" else name)
    optimizer = cls([parameter], lr=0.05, betas=(0.8, 0.9), **({"amsgrad": True} if name == "AMSGrad" else {}))
    held, product = [np.zeros(6) for _ in range(states)], 1.0
    for t in range(1, 26):
        g = rng.normal(size=6) * [1, 1, 1e-7, 100, 0.1, 0]
        parameter.grad = torch.tensor(g)
        optimizer.step()
        (w, *held), product = step_by_rule(name, w, g, held, optimizer.param_groups[0], float(t), product)
        far = 1e-7 if name == "NAdam" else 1e-11  # PyTorch multiplies NAdam's momenta in float32
        np.testing.assert_allclose(w, parameter.detach().numpy(), rtol=far, atol=1e-14)


def test_the_centred_rule_walks_as_pytorch_does():
    rng = np.random.default_rng(1)
    w, h, m = rng.normal(size=5), np.zeros(5), np.zeros(5)
    parameter = torch.nn.Parameter(torch.tensor(w))
    optimizer = torch.optim.RMSprop([parameter], lr=0.01, alpha=0.9, centered=True)
    for _ in range(20):
        g = rng.normal(size=5)
        parameter.grad = torch.tensor(g)
        optimizer.step()
        w, h, m = rules.rmsprop_centred(w, g, h, m, 0.01, 0.9, 1e-8)
        np.testing.assert_allclose(w, parameter.detach().numpy(), rtol=1e-9)


# Nothing is disturbed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("variant", ["foreach", "single", "fused"])
def test_weights_are_bit_identical(case, variant):
    more = {"foreach": {"foreach": True}, "single": {"foreach": False}, "fused": {"fused": True}}[variant]
    if variant == "fused" and case.partition(" ")[0] not in ("SGD", "Adagrad", "Adam", "AdamW"):
        more = {}
    ends = []
    for watched in (False, True):
        net = model(seed=3)
        optimizer = make(case, net.parameters(), **more)
        if watched:
            sensor = watch(optimizer, every=2, keep=5)
        list(train(net, optimizer, 9))
        ends.append([p.detach().numpy().tobytes() for p in net.parameters()])
    assert ends[0] == ends[1]
    assert len(sensor.trail) == len(sensor.recording) == 5
    assert sensor.failed is None


def test_a_failing_sensor_says_so_once_and_the_training_goes_on():
    class Broken:
        def add_scalar(self, tag, value, step):
            raise OSError("disk full")

    ends = []
    for watched in (False, True):
        net = model()
        optimizer = make("Adam", net.parameters())
        if watched:
            sensor = watch(optimizer, every=2, writer=Broken())
            with pytest.warns(RuntimeWarning, match=r"stopped at step 1: OSError: disk full") as caught:
                list(train(net, optimizer, 7))
            assert len(caught) == 1
            assert not sensor.attached
        else:
            list(train(net, optimizer, 7))
        ends.append([p.detach().numpy().tobytes() for p in net.parameters()])
    assert ends[0] == ends[1]


def test_a_failing_sensor_is_no_error_even_where_warnings_are():
    def broken(row):
        raise KeyError("no")

    net = model()
    optimizer = make("Adam", net.parameters())
    sensor = watch(optimizer, log=broken)
    with warnings.catch_warnings(record=True):
        warnings.simplefilter("error")
        list(train(net, optimizer, 3))
    assert isinstance(sensor.failed, KeyError)


def watched_walk(name, steps=150, **options):
    """A training with a schedule; the gradient of some entries is 0."""
    net = model()
    optimizer = make(name, net.parameters())
    schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.99)
    sensor = watch(optimizer, every=1, names=net, trail=Trail(capacity=64, small=0), **options)
    for _ in train(net, optimizer, steps):
        schedule.step()
    return sensor


@pytest.mark.parametrize(
    "name", ["SGD", "SGD momentum", "Adagrad", "RMSprop", "Adam", "Adam amsgrad", "NAdam", "RAdam"]
)
def test_rows_made_together_are_those_made_one_by_one(name):
    """With a log each row is made at once; without, many are made together, here across thinnings."""
    together, single = watched_walk(name).trail, watched_walk(name, log=lambda row: None).trail
    assert together.steps.tolist() == single.steps.tolist()
    assert together.every == single.every > 1
    for array in single.arrays:
        for column in single.columns(array):
            np.testing.assert_allclose(
                together.column(array, column), single.column(array, column), rtol=1e-12, atol=1e-15, err_msg=column
            )


def test_a_trail_can_be_read_at_any_moment():
    net = model()
    optimizer = make("Adam", net.parameters())
    sensor = watch(optimizer, every=2, names=net)
    dice = np.random.default_rng(0)
    looks = {
        "length": len,
        "steps": lambda trail: len(trail.steps),
        "loss": lambda trail: len(trail.loss),
        "column": lambda trail: len(trail.column("0.weight", "step_norm")),
        "total": lambda trail: len(trail.total("step_norm")),
        "rows": lambda trail: len(trail.to_dicts()),
        "file": lambda trail: len(Trail.from_bytes(trail.to_bytes())),
        "pickle": lambda trail: len(pickle.loads(pickle.dumps(trail))),
        "copy": lambda trail: len(copy.deepcopy(trail)),
        "text": lambda trail: int(repr(trail).split()[1]),
    }
    for step, _ in enumerate(train(net, optimizer, 90), start=1):
        if dice.random() < 0.3:
            name = dice.choice(list(looks))
            assert looks[name](sensor.trail) == (step + 1) // 2, name
    sensor.detach()
    assert sensor.trail.steps.tolist() == list(range(1, 90, 2))


def test_others_may_read_while_the_training_goes_on():
    net = model()
    optimizer = make("Adagrad", net.parameters())
    sensor = watch(optimizer, every=1, names=net)
    over, lengths = threading.Event(), []

    def reads():
        while not over.is_set():
            lengths.append(len(sensor.trail))

    reader = threading.Thread(target=reads)
    reader.start()
    for _ in train(net, optimizer, 300):
        pass
    over.set()
    reader.join()
    assert sensor.failed is None
    assert lengths == sorted(lengths)
    assert sensor.trail.steps.tolist() == list(range(1, 301))


def test_what_is_under_way_when_a_sensor_is_detached_still_arrives(monkeypatch):
    """As on JAX, whose readings travel while the next step runs, and are not taken from a sensor that is detached."""
    net = model()
    sensor = watch(make("Adagrad", net.parameters()), every=1, names=net)
    asked = []
    monkeypatch.setattr(sensor, "flush", lambda: asked.append(sensor.attached))
    sensor.detach()
    sensor.detach()
    assert asked == [True]


def test_what_fails_while_rows_are_made_leaves_the_rows_before(monkeypatch):
    net = model()
    optimizer = make("Adagrad", net.parameters())
    sensor = watch(optimizer, every=1, names=net)
    append = sensor.trail.append

    def refuses(step, loss, readings):
        if step == 5:
            raise OSError("no room")
        append(step, loss, readings)

    monkeypatch.setattr(sensor.trail, "append", refuses)
    for _ in train(net, optimizer, 9):
        pass
    with pytest.warns(RuntimeWarning, match="no room; the training goes on without it"):
        assert len(sensor.trail) == 4
    assert not sensor.attached
    assert len(sensor.trail) == 4
    for _ in train(net, optimizer, 3):
        pass


@pytest.mark.parametrize("name", ["SGD", "Adam"])
def test_who_climbs_on_purpose_is_not_warned(name):
    weight = torch.nn.Parameter(torch.ones(4))
    optimizer = getattr(torch.optim, name)([weight], lr=0.01, maximize=True)
    sensor = watch(optimizer, every=1)
    for _ in range(200):
        optimizer.zero_grad()
        sensor.loss = -((weight - 2) ** 2).sum()
        sensor.loss.backward()
        optimizer.step()
    assert sensor.trail.meta["maximize"] is True
    assert not {Kind.UPHILL, Kind.EXPLODING} & {finding.kind for finding in diagnose(sensor.trail)}


def test_detaching_leaves_no_hook():
    net = model()
    optimizer = make("Adam", net.parameters())
    with watch(optimizer, every=1) as sensor:
        list(train(net, optimizer, 2))
    sensor.detach()
    list(train(net, optimizer, 2))
    assert len(sensor.trail) == 2
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks


# Names, groups, strangers ---------------------------------------------------------------------------------------------


def test_groups_have_their_own_settings_and_names():
    net = model()
    groups = [{"params": net[0].parameters(), "lr": 0.5}, {"params": net[2].parameters(), "momentum": 0.0}]
    optimizer = torch.optim.SGD(groups, lr=0.1, momentum=0.9)
    sensor = watch(optimizer, every=1)
    list(train(net, optimizer, 1))
    assert list(sensor.trail.arrays) == ["param0.0", "param0.1", "param1.0", "param1.1"]
    assert sensor.row["param0.0/effective_lr/0.5"] == 0.5
    assert sensor.row["param1.0/effective_lr/0.5"] == 0.1
    named = torch.optim.SGD(net.named_parameters(), lr=0.1)
    sensor = watch(named, every=1, names=["2.*"])
    list(train(net, named, 1))
    assert list(sensor.trail.arrays) == ["2.weight", "2.bias"]
    unnamed = torch.optim.SGD(net.parameters(), lr=0.1)
    sensor = watch(unnamed, every=1, names=["2.*"])
    with pytest.warns(
        RuntimeWarning, match=r"SGD updates; these match none: '2.\*'.*The arrays are 'param0.0', 'param0.1'"
    ):
        list(train(net, unnamed, 3))
    assert sensor.failed is None
    assert not sensor.trail.arrays


def test_a_late_group_and_an_unused_parameter():
    net, extra = model(), torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.Adam([net[0].weight, net[0].bias, extra])
    sensor = watch(optimizer, every=1)
    list(train(net, optimizer, 1))
    optimizer.add_param_group({"params": net[2].parameters()})
    list(train(net, optimizer, 2))
    assert list(sensor.trail.arrays) == ["param0.0", "param0.1", "param1.0", "param1.1"]
    assert np.isnan(sensor.trail.column("param1.0", "gradient_norm")[0])


def test_a_checkpoint_that_is_loaded_and_a_parameter_that_is_exchanged():
    p, q = torch.nn.Parameter(torch.ones(4)), torch.nn.Parameter(torch.full((4,), 5.0))
    optimizer = torch.optim.Adagrad([p], lr=0.1)
    sensor = watch(optimizer, every=1)
    for change in ("none", "checkpoint", "parameter"):
        if change == "checkpoint":
            optimizer.load_state_dict(optimizer.state_dict())  # new groups take the place of the old ones
            optimizer.param_groups[0]["lr"] = 0.01
        elif change == "parameter":
            optimizer.param_groups[0]["params"][0] = q
        for one in optimizer.param_groups[0]["params"]:
            one.grad = torch.ones(4)
        optimizer.step()
    rates = sensor.trail.column("param0.0", "effective_lr")[:2, 3]
    np.testing.assert_allclose(rates, [0.1, 0.01 / 2**0.5], rtol=1e-6)
    assert sensor.row["param0.0'/weight_norm"] == pytest.approx(float(q.detach().norm()))


def test_a_parameter_whose_memory_was_taken_away_is_left_alone():
    used, parked = torch.nn.Parameter(torch.ones(3000)), torch.nn.Parameter(torch.ones(3000))
    optimizer = torch.optim.Adagrad([used, parked], lr=0.1)
    sensor = watch(optimizer, every=1)
    used.grad = torch.ones(3000)
    parked.untyped_storage().resize_(0)
    optimizer.step()
    assert sensor.attached
    assert list(sensor.trail.arrays) == ["param0.0"]


def test_a_parameter_that_is_resized_within_a_step_ends_the_sensor_and_not_the_process():
    parameter = torch.nn.Parameter(torch.ones(100))
    optimizer = torch.optim.SGD([parameter], lr=0.1)
    sensor = watch(optimizer, every=1)

    def larger(*_):
        parameter.data = torch.ones(5_000_000)
        parameter.grad = torch.ones(5_000_000)

    optimizer.register_step_pre_hook(larger)
    parameter.grad = torch.ones(100)
    with pytest.warns(RuntimeWarning, match="the training goes on without it"):
        optimizer.step()
    assert not sensor.attached
    assert parameter.detach()[-1] == 0.9


def test_unknown_optimizers_are_refused_with_the_known_ones():
    weight = [torch.nn.Parameter(torch.ones(2))]

    class Own(torch.optim.Adam):
        def step(self, closure=None):
            return None

    class Renamed(torch.optim.Adam):
        pass

    for stranger in (torch.optim.LBFGS(weight), torch.optim.Rprop(weight), Own(weight)):
        with pytest.raises(BadInput, match=r"knows.*SGD, Adagrad, RMSprop.*Received.*Cure"):
            watch(stranger)
    assert watch(Renamed(weight)).trail.meta["optimizer"] == "Adam"
    for names in (3.0, [("a", 1)]):
        with pytest.raises((BadInput, TypeError)):
            watch(torch.optim.Adam(weight), names=names)
    with pytest.raises(BadInput, match="every must be a whole number"):
        watch(torch.optim.Adam(weight), every=0)
    with pytest.raises(BadInput, match="keep must be"):
        watch(torch.optim.Adam(weight), keep=-1)


# Sparse gradients, small floats, and a real complaint ----------------------------------------------------------------


def words(optimizer_of, steps=200, every=5, seed=0):
    """Bags of rare words: which half of the dictionary they lean to. A sparse table and a small head."""
    torch.manual_seed(seed)
    table, head = torch.nn.EmbeddingBag(500, 8, sparse=True, mode="mean"), torch.nn.Linear(8, 1)
    truth = torch.randn(500)
    net = torch.nn.ModuleDict({"table": table, "head": head})
    optimizer = optimizer_of(net.parameters())
    sensor = watch(optimizer, every=every, names=net, trail=Trail(small=0), keep=16)
    losses = []
    for _ in range(steps):
        x = torch.randint(0, 500, (128, 10))
        y = (truth[x].mean(1) > 0).float()
        loss = torch.nn.functional.binary_cross_entropy_with_logits(head(table(x)).squeeze(1), y)
        optimizer.zero_grad()
        loss.backward()
        sensor.loss = loss
        optimizer.step()
        losses.append(loss.item())
    return sensor, float(np.mean(losses[-20:]))


def test_adagrad_does_not_learn_and_the_sensor_says_why():
    """The complaint of many users: sparse embeddings, initial accumulator 0.1, lr 0.001."""
    sensor, stuck = words(lambda p: torch.optim.Adagrad(p, lr=0.001, initial_accumulator_value=0.1))
    found = diagnose(sensor.trail)
    assert [finding.kind for finding in found] == [Kind.NEVER_STARTED]
    assert "table.weight" in found[0].arrays
    assert found[0].evidence["swallowed_share"] > 0.9
    assert "initial accumulator" in found[0].cure("en")
    assert stuck > 0.67  # log 2 is a coin
    cured, learned = words(lambda p: torch.optim.Adagrad(p, lr=0.1, initial_accumulator_value=0.0))
    assert learned < 0.3
    assert not [finding for finding in diagnose(cured.trail) if finding.alarm]


def test_what_if_shows_the_cure_before_it_is_tried():
    from nukarumi.sensor import whatif  # noqa: PLC0415

    sensor, _ = words(lambda p: torch.optim.Adagrad(p, lr=0.001, initial_accumulator_value=0.1), steps=40, every=1)
    same = whatif(sensor.recording)
    assert same.ratio("head.weight") == pytest.approx(1.0, rel=1e-3)
    assert whatif(sensor.recording, initial_accumulator=0.0).ratio("table.weight") > 20


@pytest.mark.parametrize("name", ["Adagrad", "SGD", "SparseAdam"])
def test_sparse_readings_against_the_dense_difference(name):
    torch.manual_seed(0)
    table = torch.nn.Embedding(300, 6, sparse=True)
    optimizer = getattr(torch.optim, name)(table.parameters(), lr=0.1)
    sensor = watch(optimizer, every=2, trail=Trail(small=0))
    moved = np.zeros(1800, bool)
    for step in range(1, 8):
        rows = torch.randint(0, 50, (20,))
        before = table.weight.detach().clone().double()
        optimizer.zero_grad()
        (table(rows) ** 3).sum().backward()
        gradient = table.weight.grad.to_dense().double()
        optimizer.step()
        after = table.weight.detach().double()
        moved |= (after != before).numpy().ravel()
        if step % 2:
            row = (step - 1) // 2
            columns = sensor.trail
            assert columns.column("param0.0", "gradient_norm")[row] == pytest.approx(float(gradient.norm()), rel=1e-6)
            step_norm = float((after - before).norm())
            assert columns.column("param0.0", "step_norm")[row] == pytest.approx(step_norm, rel=1e-6)
            where = np.unique((((np.arange(1024) * 0.6180339887498949) % 1.0) * 1800).astype(int))
            share = 1 - moved[where].mean()
            assert columns.column("param0.0", "unmoved")[row] == pytest.approx(share)
    cosine = sensor.trail.column("param0.0", "gradient_cosine")
    assert np.isfinite(cosine[1:]).all()
    assert sensor.failed is None


def test_small_floats():
    """bfloat16 holds no sum of more than 256 unit gradients; in float16 PyTorch's Adam divides by zero."""
    weight = torch.nn.Parameter(torch.zeros(4, 5, dtype=torch.bfloat16))
    optimizer = torch.optim.Adagrad([weight], lr=0.1)
    sensor = watch(optimizer, every=5)
    for _ in range(400):
        weight.grad = torch.ones(4, 5, dtype=torch.bfloat16)
        optimizer.step()
    assert optimizer.state[weight]["sum"].max() == 256
    share = sensor.trail.column("param0.0", "saturated")
    assert share[sensor.trail.steps < 256].max() == 0.0
    assert share[-1] == 1.0
    assert Kind.SATURATED in [finding.kind for finding in diagnose(sensor.trail)]
    half = torch.nn.Parameter(torch.ones(10).half())
    optimizer = torch.optim.Adam([half], lr=1e-3)
    sensor = watch(optimizer, every=1)
    half.grad = torch.tensor([1e-5] * 5 + [0.0] * 5).half()
    optimizer.step()
    assert [finding.kind for finding in diagnose(sensor.trail)] == [Kind.UNDERFLOW]


def test_norms_out_of_float32_range_and_counts():
    weight = torch.nn.Parameter(torch.zeros(5000))
    optimizer = torch.optim.SGD([weight], lr=1e-30)
    sensor = watch(optimizer, every=1)
    weight.grad = torch.full((5000,), 1e25)
    optimizer.step()
    assert sensor.row["param0.0/gradient_norm"] == pytest.approx(1e25 * 5000**0.5, rel=1e-6)
    weight.grad[:3] = float("nan")
    optimizer.step()
    assert sensor.row["param0.0/nonfinite_gradients"] == sensor.row["param0.0/nonfinite_weights"] == 3
