"""Learners' classes, written by hand as learners write them: each gets its verdict, and the line that it is about."""

from __future__ import annotations

import functools
from pathlib import Path

import pytest

from nukarumi.lessons.marker import Level, Mark, check

HERE = Path(__file__).parent

WRONG = {
    "sgd_uphill": (["uphill"], "+= self.lr"),
    "sgd_lr_minus_grads": (["lr_minus_gradient"], "self.lr - grads"),
    "sgd_new_arrays": (["rebound"], "params[key] - self.lr"),
    "sgd_returns_new_dict": (["returned"], "new_params[name] ="),
    "sgd_only_first": (["only_first"], "return params"),
    "sgd_ignores_lr": (["lr_ignored"], "self.lr = 0.01"),
    "sgd_local_variable": (["step_not_written"], "p = p - self.lr * g"),
    "sgd_scales_grads": (["grads_changed"], "grads[key] *= self.lr"),
    "sgd_arguments_swapped": (["arguments_swapped"], "def update(self, grads, params)"),
    "sgd_no_lr_in_step": (["lr_forgotten"], "np.subtract"),
    "sgd_without_lr": (["lr_ignored"], "def __init__"),
    "sgd_draws_lots": (["random"], "np.random"),
    "momentum_overwritten": (["velocity_overwritten"], "self.v[key] ="),
    "momentum_no_friction": (["no_friction"], "self.v[key] -="),
    "momentum_averaged": (["velocity_averaged"], "(1 - self.beta) * g"),
    "momentum_minus_velocity": (["uphill"], "params[k] -= self.v[k]"),
    "momentum_class_level": (["objects_share"], "v = {}"),
    "nesterov_new_velocity": (["new_velocity"], "(1 + self.momentum)"),
    "nesterov_is_momentum": (["another_kind"], None),
    "nesterov_no_look_ahead": (["no_look_ahead"], "params[key] +="),
    "adagrad_h_overwritten": (["h_overwritten"], "self.h[key] = grads"),
    "adagrad_new_arrays_unsquared": (["gradient_not_squared", "rebound"], "self.h[k] += grads[k]"),
    "adagrad_forgot_grads": (["gradient_forgotten"], "self.lr / (np.sqrt"),
    "adagrad_no_root": (["no_root"], "/ (h + self.eps)"),
    "adagrad_squared_after_adding": (["squared_after_adding"], "(self.h[key] + grads[key]) ** 2"),
    "adagrad_h_from_one": (["start_at_one"], "np.ones_like"),
    "adagrad_one_h_for_all": (["state_shared"], "self.h = self.h +"),
    "adagrad_no_parentheses": (["eps_outside_fraction"], "+ 1e-7"),
    "adagrad_eps_only_at_start": (["eps_once"], "+ eps)"),
    "adagrad_norm_of_parameter": (["memory_summed"], "np.sum"),
    "adagrad_step_first": (["step_before_memory"], "params[k] -="),
    "adagrad_no_root_and_overwritten": (["no_root", "h_overwritten"], "self.h[k] = grads[k] ** 2"),
    "adagrad_math_sqrt": (["floats_only"], "math.sqrt"),
    "rmsprop_shares_swapped": (["shares_swapped"], "self.decay_rate * grads"),
    "rmsprop_share_forgotten": (["share_forgotten"], "cache"),
    "rmsprop_is_adagrad": (["like_adagrad"], "self.h[key] +="),
    "adam_correction_multiplied": (["correction_multiplied"], "* (1.0 - self.beta1**self.iter)"),
    "adam_forgets_t": (["clock_stands"], "self.t = 1"),
    "adam_t_in_the_loop": (["clock_each_parameter"], "self.t += 1"),
    "adam_t_from_zero": (["clock_from_zero"], "self.t += 1"),
    "adam_no_correction": (["no_correction"], "params[key] -="),
    "adam_keeps_the_corrected": (["corrected_and_kept"], "self.m[k] ="),
    "adam_clock_ahead": (["clock_ahead"], "self.t += 1"),
    "adam_betas_swapped": (["betas_swapped"], "lr_t ="),
}
"""What each class does wrong, and a piece of the line that the marker points at."""

UNKNOWN = {
    "adagrad_cube_root": ("STATE_AGREES", "np.cbrt"),
    "adagrad_fourth_power": ("STATE_DIFFERS", "** 4"),
}
"""Mistakes that nobody foresaw: what is said about the state, and the line."""

BROKEN = {
    "adagrad_integer_h": ("INTEGER_STATE", "self.h[key] +="),
    "state_is_none": ("STATE_IS_NONE", "self.h[key] +="),
    "numpy_not_imported": ("CLASSMATE", "np.sqrt"),
    "torch_style_signature": ("NO_UPDATE", "class SGD"),
    "update_wants_more": ("UPDATE_SIGNATURE", "epoch"),
    "params_become_none": ("NONSENSE", "__isub__"),
    "params_deleted": ("NONSENSE", None),
    "exits": ("EXITS", "sys.exit(0)"),
    "kills_itself": ("DIED", None),
    "leaves_quietly": ("DIED", None),
    "calls_itself": ("RECURSION", "self.update"),
    "wants_all_memory": ("MEMORY", "np.ones(10**11)"),
    "raises_at_start": ("INIT_RAISED", "raise NotImplementedError"),
    "waits_for_input": ("INPUT", "input("),
}
"""Classes that cannot be run to the end: what is said about it, and the line."""

HANGING = {"loops_forever": ("HUNG", "self.h"), "trains_on_import": ("HUNG_IMPORT", "time.sleep")}

INSIDE = {"adagrad_h_from_eps": "np.sqrt(self.h[k])"}
"""To start h at eps is to put eps inside the root."""


@functools.cache
def marked(name: str, cls: str | None = None, seconds: float = 10.0) -> Mark:
    target = f"{HERE / name}.py"
    return check(f"{target}:{cls}" if cls else target, seconds=seconds)


def said(mark: Mark) -> list[str]:
    return [each.sentence.name for each in mark.said]


def line_text(name: str, mark: Mark) -> str:
    return (HERE / f"{name}.py").read_text(encoding="utf-8").splitlines()[(mark.line or 0) - 1]


def test_every_file_is_expected_and_there_are_many():
    files = {path.stem for path in (HERE / "wrong").glob("*.py")} - {"conftest"}
    assert files == {*WRONG, *UNKNOWN, *BROKEN, *HANGING, *INSIDE}
    assert len(files) >= 30


@pytest.mark.parametrize("name", WRONG)
def test_the_mistake_is_named_and_its_line_shown(name):
    mistakes, line = WRONG[name]
    mark = marked(f"wrong/{name}")
    assert (mark.level.code, list(mark.mistakes)) == (1, mistakes), mark
    assert not mark.ok
    if line is None:
        assert mark.line is None
    else:
        assert line in line_text(f"wrong/{name}", mark)


@pytest.mark.parametrize("name", [name for name, (mistakes, _) in WRONG.items() if "rebound" in mistakes])
@pytest.mark.parametrize(("lang", "claim"), [("en", "numbers are right"), ("ja", "正しくても")])
def test_new_arrays_alone_do_not_make_the_numbers_right(name, lang, claim):
    told = marked(f"wrong/{name}").text(lang)
    assert claim not in told
    assert "params[key] -= ..." in told


@pytest.mark.parametrize("name", UNKNOWN)
def test_an_unknown_difference_is_told_in_numbers(name):
    about_state, line = UNKNOWN[name]
    mark = marked(f"wrong/{name}")
    assert mark.level is Level.DIFFERENT
    assert mark.level.code == 1
    first = mark.said[0]
    assert first.fields["step"] == 1
    assert first.fields["expected"] != first.fields["got"]
    assert about_state in said(mark)
    assert line in line_text(f"wrong/{name}", mark)


@pytest.mark.parametrize("name", [*BROKEN, *HANGING])
def test_what_cannot_be_run_gets_a_clear_verdict(name):
    sentence, line = (BROKEN | HANGING)[name]
    mark = marked(f"wrong/{name}", seconds=4.0 if name in HANGING else 10.0)
    assert (mark.level, mark.level.code) == (Level.BROKEN, 2), mark
    assert sentence in said(mark), mark
    assert (mark.line is None) if line is None else (line in line_text(f"wrong/{name}", mark))


def test_h_from_eps_is_eps_inside_the_root():
    mark = marked("wrong/adagrad_h_from_eps")
    assert (mark.level, mark.libraries) == (Level.CONVENTION, ("keras", "optax"))
    assert INSIDE["adagrad_h_from_eps"] in line_text("wrong/adagrad_h_from_eps", mark)


SIX = [
    ("SGD", "SGD"), ("Momentum", "Momentum"), ("Nesterov", "Nesterov"), ("AdaGrad", "Adagrad"), ("RMSprop", "RMSprop"),
    ("Adam", "Adam"),
]  # fmt: skip


@pytest.mark.parametrize(("cls", "kind"), SIX)
def test_the_books_style_is_right_to_the_last_bit(cls, kind):
    mark = marked("right/book", cls)
    assert (mark.level, mark.kind, mark.mistakes) == (Level.RIGHT, kind, ())
    assert mark.ok
    assert "book" in mark.libraries
    assert mark.said[0].sentence.name == "RIGHT_BITS"
    assert mark.agreed == 10


@pytest.mark.parametrize(("cls", "kind"), [(kind if cls == "AdaGrad" else cls, kind) for cls, kind in SIX])
def test_another_style_is_as_right(cls, kind):
    mark = marked("right/careful", cls)
    assert (mark.level, mark.kind, mark.mistakes) == (Level.RIGHT, kind, ())
    assert mark.said[0].sentence.name in ("RIGHT_BITS", "RIGHT_ROUNDING")


@pytest.mark.parametrize(
    ("cls", "kind", "libraries"),
    [
        ("MomentumLikeTorch", "Momentum", ("torch", "optax")),
        ("NesterovLikeTorch", "Nesterov", ("torch", "optax")),
        ("AdagradLikeTorch", "Adagrad", ("torch",)),
        ("AdagradLikeKeras", "Adagrad", ("keras", "optax")),
        ("AdagradEpsInside", "Adagrad", ("keras", "optax")),
        ("RMSpropLikeKeras", "RMSprop", ("keras",)),
        ("AdamLikeTorch", "Adam", ("torch", "optax")),
    ],
)
def test_another_librarys_convention_is_right_too(cls, kind, libraries):
    mark = marked("right/libraries", cls)
    assert (mark.level, mark.kind, mark.libraries, mark.mistakes) == (Level.CONVENTION, kind, libraries, ())
    assert mark.level.code == 0


@pytest.mark.parametrize(
    ("cls", "sentence"),
    [
        ("AdagradInSingle", "SINGLE"),
        ("AdagradEntryByEntry", "LOOPS"),
        ("SGDThatCopies", "COPIES"),
        ("MomentumWithFixedRate", "RATE_FIXED"),
        ("SGDWithHugeRate", "LR_DEFAULT"),
    ],
)
def test_a_habit_is_told_and_costs_nothing(cls, sentence):
    mark = marked("right/habits", cls)
    assert (mark.level, mark.level.code) == (Level.HABIT, 0)
    assert sentence in said(mark)


def test_own_numbers_are_told():
    mark = marked("right/habits", "AdagradWithOwnEps")
    assert mark.level is Level.RIGHT
    assert "eps=3e-05" in mark.text()
    assert "eps=1e-07" in mark.text()


def test_what_it_prints_is_cut_and_ignored():
    mark = marked("right/habits", "ChattySGD")
    assert mark.level is Level.RIGHT
    printed = next(each for each in mark.said if each.sentence.name == "PRINTED")
    assert int(printed.fields["size"].split()[0]) > 1_000_000
    assert len(mark.text()) < 600


@pytest.mark.parametrize("cls", ["SGDWithThread", "SGDWithChild"])
def test_what_it_leaves_running_holds_nobody_up(cls):
    assert marked("right/habits", cls).level is Level.RIGHT


def test_it_works_in_a_folder_of_its_own(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "precious.txt").write_text("mine")
    mark = marked("right/habits", "SGDThatTidies")
    assert mark.level is Level.RIGHT
    assert "log.txt" in mark.text()
    assert [path.name for path in tmp_path.iterdir()] == ["precious.txt"]
