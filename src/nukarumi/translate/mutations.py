"""Rules that are wrong on purpose: one mistake at a time, made by changing the rule's own lines.

A mutation is what a learner gets wrong: the root forgotten, the memory overwritten, a sign turned. It says where it
strikes as a pattern in the rules' own language, in which a capital letter stands for anything:

    put("h", "h + A", "A")          in the line that makes h, whatever was added to h now replaces it

so one mutation serves every rule, and every dialect of it, that has such a place. The lab walks a few of them beside
the right rule; the marker of learners' code compares a learner's walk with all of them and names the mistake.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from nukarumi._errors import BadInput
from nukarumi.translate.straight import Line, StraightLine

__all__ = ["MUTATIONS", "Mutation", "mutated", "mutations"]

Edit: TypeAlias = Callable[[StraightLine], StraightLine | None]
"""A change of a rule; None where the rule has no such place."""


@dataclass(frozen=True)
class Mutation:
    """One mistake.

    Attributes
    ----------
    id
        Its name, the same for every rule.
    words
        What is wrong, in one plain sentence.
    ways
        The mistake in rules of different shapes; the first whose edits all find their place is taken.
    shown
        Whether the lab offers it as a "what if".
    """

    id: str
    words: str
    ways: tuple[tuple[Edit, ...], ...]
    shown: bool = False

    def applies(self, rule: StraightLine) -> bool:
        """Whether the rule has the place where this mistake is made."""
        return self._made(rule) is not None

    def rewrite(self, rule: StraightLine) -> StraightLine:
        """The rule with this mistake.

        Raises
        ------
        BadInput
            If the rule has no such place.

        Examples
        --------
        >>> from nukarumi import rules
        >>> from nukarumi.translate.straight import read
        >>> print(mutated(read(rules.adagrad), "no_root").lines[-1])
        w = w - lr * g / (h + eps)
        """
        made = self._made(rule)
        if made is None:
            known = ", ".join(mutations(rule))
            raise BadInput(f"mutation {self.id!r} needs a rule that has its place", rule.name, f"it can have {known}")
        return made

    def _made(self, rule: StraightLine) -> StraightLine | None:
        for edits in self.ways:
            made: StraightLine | None = rule
            for edit in edits:
                made = made and edit(made)
            if made is not None:
                return replace(made, name=f"{rule.name}_{self.id}")
        return None


def mutations(rule: StraightLine) -> dict[str, StraightLine]:
    """Every mistake that a rule can have, by the mutation's name.

    Examples
    --------
    >>> from nukarumi import rules
    >>> from nukarumi.translate.straight import read
    >>> print(mutations(read(rules.adagrad))["h_overwritten"].lines[0])
    h = g * g
    """
    made = {mutation.id: mutation._made(rule) for mutation in MUTATIONS}
    return {name: found for name, found in made.items() if found is not None}


def mutated(rule: StraightLine, name: str) -> StraightLine:
    """A rule with one mistake, by the mutation's name.

    Raises
    ------
    BadInput
        If there is no mutation of that name, or the rule has no place for it.
    """
    for mutation in MUTATIONS:
        if mutation.id == name:
            return mutation.rewrite(rule)
    raise BadInput("a mutation must be one of the known names", repr(name), f"pass one of {', '.join(_names())}")


def _names() -> list[str]:
    return [mutation.id for mutation in MUTATIONS]


# Edits ---------------------------------------------------------------------------------------------------------------


def put(target: str, pattern: str, instead: str) -> Edit:
    """Put ``instead`` for ``pattern`` in the last line that makes ``target`` (``"*"``: in every line)."""

    def edit(rule: StraightLine) -> StraightLine | None:
        lines = list(rule.lines)
        places = range(len(lines)) if target == "*" else [place for place in [_last(rule, target)] if place is not None]
        found = False
        for place in places:
            finder = _Finder(pattern, instead)
            value: ast.expr = finder.visit(_copy(lines[place].value))
            if finder.found:
                found = True
                lines[place] = Line(lines[place].target, _copy(value))
        return replace(rule, lines=tuple(lines)) if found else None

    return edit


def early(target: str) -> Edit:
    """Move the last line that makes ``target`` before the first line that makes a state."""

    def edit(rule: StraightLine) -> StraightLine | None:
        place = _last(rule, target)
        first = next((k for k, line in enumerate(rule.lines) if line.target in rule.arrays[2:]), None)
        if place is None or first is None or place <= first:
            return None
        moved = rule.lines[place]
        return replace(rule, lines=(*rule.lines[:first], moved, *rule.lines[first:place], *rule.lines[place + 1 :]))

    return edit


def late(target: str) -> Edit:
    """Move the last line that makes ``target`` to the end."""

    def edit(rule: StraightLine) -> StraightLine | None:
        place = _last(rule, target)
        if place is None or place == len(rule.lines) - 1:
            return None
        return replace(rule, lines=(*rule.lines[:place], *rule.lines[place + 1 :], rule.lines[place]))

    return edit


def without(target: str) -> Edit:
    """Leave out the last line that makes ``target``."""

    def edit(rule: StraightLine) -> StraightLine | None:
        place = _last(rule, target)
        return None if place is None else replace(rule, lines=rule.lines[:place] + rule.lines[place + 1 :])

    return edit


def _last(rule: StraightLine, target: str) -> int | None:
    return next((k for k in reversed(range(len(rule.lines))) if rule.lines[k].target == target), None)


def _copy(node: ast.expr) -> ast.expr:
    return ast.parse(ast.unparse(node), mode="eval").body


class _Finder(ast.NodeTransformer):
    """Replaces what matches a pattern, from the outside in; a capital letter of the pattern matches anything."""

    def __init__(self, pattern: str, instead: str) -> None:
        self.pattern = ast.parse(pattern, mode="eval").body
        self.instead = instead
        self.found = False

    def visit(self, node: ast.AST) -> Any:
        held: dict[str, ast.expr] = {}
        if isinstance(node, ast.expr) and _matches(self.pattern, node, held):
            self.found = True
            return _Filler(held).visit(ast.parse(self.instead, mode="eval").body)
        return super().generic_visit(node)


class _Filler(ast.NodeTransformer):
    def __init__(self, held: Mapping[str, ast.expr]) -> None:
        self.held = held

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return _copy(self.held[node.id]) if node.id in self.held else node


def _matches(pattern: ast.AST, node: ast.AST, held: dict[str, ast.expr]) -> bool:
    if isinstance(pattern, ast.Name) and pattern.id.isupper():
        if not isinstance(node, ast.expr):
            return False
        known = held.setdefault(pattern.id, node)
        return ast.dump(known) == ast.dump(node)
    if type(pattern) is not type(node):
        return False
    if isinstance(pattern, ast.Name) and isinstance(node, ast.Name):
        return pattern.id == node.id
    if isinstance(pattern, ast.Constant) and isinstance(node, ast.Constant):
        return bool(pattern.value == node.value)
    mine, its = list(ast.iter_child_nodes(pattern)), list(ast.iter_child_nodes(node))
    return len(mine) == len(its) and all(_matches(a, b, held) for a, b in zip(mine, its, strict=True))


def _drive(instead: str) -> tuple[tuple[Edit, ...], ...]:
    """The piece ``lr * g`` changed wherever a rule has it: in the move, in the velocity, or in both (Nesterov).

    ``instead`` says it with L for lr and G for g; where lr stands outside the velocity, or apart from the gradient
    (Adam), there is no such piece.
    """
    said = instead.replace("L", "lr").replace("G", "g")
    scaled = f"(1 + momentum) * ({said})"
    return (
        (put("w", "(1 + momentum) * lr * g", scaled), put("v", "lr * g", said)),
        (put("w", "lr * g", said),),
        (put("v", "momentum * v - lr * g", f"momentum * v - ({said})"),),
    )


def _each(*edits: Edit) -> tuple[tuple[Edit, ...], ...]:
    """One edit a way: the first that finds its place."""
    return tuple((edit,) for edit in edits)


# The mistakes --------------------------------------------------------------------------------------------------------

MUTATIONS: tuple[Mutation, ...] = (
    # The step
    Mutation(
        "uphill",
        "The sign of the step is turned, so it walks uphill.",
        (
            (put("w", "w - A", "w + A"),),
            (put("w", "w + A - B", "w + A + B"), put("v", "A - B", "A + B")),
            (put("v", "A - lr * g", "A + lr * g"),),
        ),
        shown=True,
    ),
    Mutation(
        "gradient_forgotten",
        "The gradient is missing from the step, which then always goes the same way.",
        (
            (put("w", "(1 + momentum) * lr * g", "(1 + momentum) * lr"), put("v", "lr * g", "lr")),
            *_each(
                put("w", "lr * g", "lr"),
                put("v", "A - lr * g", "A - lr"),
                put("v", "A + g", "A + 1"),
                put("w", "lr_t * m", "lr_t"),
                put("step", "A * g", "A"),
            ),
        ),
        shown=True,
    ),
    Mutation(
        "lr_forgotten",
        "The learning rate is missing: the step is as long as if it were 1.",
        (*_drive("G"), *_each(put("w", "lr * A", "A"), put("lr_t", "lr * A", "A"))),
    ),
    Mutation(
        "lr_twice",
        "The learning rate is multiplied in twice.",
        (*_drive("L * L * G"), *_each(put("w", "lr * A", "lr * lr * A"), put("w", "lr_t * A", "lr * lr_t * A"))),
    ),
    Mutation(
        "lr_divides",
        "The gradient is divided by the learning rate instead of multiplied by it.",
        (*_drive("G / L"), *_each(put("w", "lr * A", "A / lr"), put("lr_t", "lr * A", "A / lr"))),
    ),
    Mutation(
        "lr_minus_gradient",
        "A minus stands between the learning rate and the gradient, where a product belongs.",
        (*_drive("L - G"), *_each(put("w", "lr * A", "lr - A"), put("w", "lr_t * A", "(lr_t - A)"))),
    ),
    Mutation(
        "lr_plus_gradient",
        "The learning rate is added to the gradient instead of multiplied with it.",
        (*_drive("L + G"), *_each(put("w", "lr * A", "lr + A"), put("w", "lr_t * A", "(lr_t + A)"))),
    ),
    Mutation(
        "gradient_absolute",
        "The gradient's sign is lost, so every step goes the same way.",
        (
            *_drive("L * abs(G)"),
            *_each(
                put("v", "A + g", "A + abs(g)"),
                put("w", "lr_t * m", "lr_t * abs(m)"),
                put("step", "A * g", "A * abs(g)"),
            ),
        ),
    ),
    Mutation(
        "gradient_sign_only",
        "Only the sign of the gradient is used, not its size.",
        (
            *_drive("L * sign(G)"),
            *_each(
                put("v", "A + g", "A + sign(g)"),
                put("w", "lr_t * m", "lr_t * sign(m)"),
                put("step", "A * g", "A * sign(g)"),
            ),
        ),
    ),
    Mutation(
        "gradient_squared",
        "The gradient is squared in the step itself, where it should stand once.",
        (
            *_drive("L * G * G"),
            *_each(
                put("v", "A + g", "A + g * g"), put("w", "lr_t * m", "lr_t * m * m"), put("step", "A * g", "A * g * g")
            ),
        ),
    ),
    Mutation(
        "gradient_times_weight",
        "The gradient is multiplied by the weight before the step.",
        (
            *_drive("L * G * w"),
            *_each(
                put("v", "A + g", "A + g * w"), put("w", "lr_t * m", "lr_t * m * w"), put("step", "A * g", "A * g * w")
            ),
        ),
    ),
    Mutation(
        "weight_overwritten",
        "The weight is replaced by the step instead of being moved by it.",
        _each(put("w", "w - A", "-A"), put("w", "w + A - B", "A - B"), put("w", "w + A", "A")),
    ),
    Mutation(
        "weight_multiplied",
        "The weight is multiplied by the step instead of being moved by it.",
        _each(put("w", "w - A", "w * A"), put("w", "w + A - B", "w * (A - B)"), put("w", "w + A", "w * A")),
    ),
    Mutation(
        "step_not_written",
        "The step is worked out but never reaches the weight.",
        ((without("w"),),),
    ),
    # The brake
    Mutation(
        "no_root",
        "The root is missing: the brake is the memory itself, and the step's unit is wrong.",
        (
            (put("w", "sqrt(A) + eps", "A + eps"),),
            (put("w", "sqrt(A + eps)", "A + eps"),),
            (put("w", "sqrt(A) + eps_t", "A + eps_t"),),
            (put("step", "sqrt(d + eps) / sqrt(h + eps)", "(d + eps) / (h + eps)"),),
        ),
        shown=True,
    ),
    Mutation(
        "no_eps",
        "Eps is missing: an entry that has not moved yet is 0 / 0.",
        (
            *_each(put("w", "A + eps", "A"), put("w", "A + eps_t", "A")),
            (put("step", "sqrt(d + eps) / sqrt(h + eps)", "sqrt(d + eps) / sqrt(h)"),),
        ),
        shown=True,
    ),
    Mutation(
        "eps_inside_root",
        "Eps stands under the root, where its unit is that of a squared gradient.",
        _each(put("w", "sqrt(A) + eps", "sqrt(A + eps)"), put("w", "sqrt(A) + eps_t", "sqrt(A + eps_t)")),
    ),
    Mutation(
        "eps_outside_fraction",
        "The parentheses around root and eps are missing, so eps is added to the step.",
        _each(
            put("w", "A / (sqrt(B) + eps)", "(A / sqrt(B) + eps)"),
            put("w", "A / (sqrt(B) + eps_t)", "(A / sqrt(B) + eps_t)"),
        ),
    ),
    Mutation(
        "eps_subtracted",
        "Eps is subtracted from the root instead of added to it.",
        _each(put("w", "sqrt(A) + eps", "sqrt(A) - eps"), put("w", "sqrt(A) + eps_t", "sqrt(A) - eps_t")),
    ),
    Mutation(
        "brake_multiplied",
        "The step is multiplied by the brake instead of divided by it.",
        _each(
            put("w", "A / (B + eps)", "A * (B + eps)"),
            put("w", "A / (B + eps_t)", "A * (B + eps_t)"),
            put("w", "A / sqrt(B + eps)", "A * sqrt(B + eps)"),
            put("step", "A / sqrt(h + eps)", "A * sqrt(h + eps)"),
        ),
    ),
    Mutation(
        "brake_forgotten",
        "The memory is kept but nothing is divided by it.",
        _each(
            put("w", "A / (B + eps)", "A"),
            put("w", "A / (B + eps_t)", "A"),
            put("w", "A / sqrt(B + eps)", "A"),
            put("step", "A / sqrt(h + eps)", "A"),
        ),
    ),
    Mutation(
        "root_of_the_step",
        "The root is taken of the brake with eps in it, and once more.",
        _each(put("w", "sqrt(A) + eps", "sqrt(sqrt(A) + eps)"), put("w", "sqrt(A) + eps_t", "sqrt(sqrt(A) + eps_t)")),
    ),
    # The memory of squares
    Mutation(
        "h_overwritten",
        "The memory is overwritten: it knows the last gradient only.",
        _each(put("h", "h + A", "A"), put("h", "B * h + A", "A")),
        shown=True,
    ),
    Mutation(
        "gradient_not_squared",
        "The memory adds up gradients instead of their squares.",
        _each(put("h", "A * g * g", "A * g"), put("h", "g * g", "g"), put("v", "A * (g * g - v)", "A * (g - v)")),
        shown=True,
    ),
    Mutation(
        "gradient_absolute_in_memory",
        "The memory adds up the sizes of the gradients instead of their squares.",
        _each(
            put("h", "A * g * g", "A * abs(g)"),
            put("h", "g * g", "abs(g)"),
            put("v", "A * (g * g - v)", "A * (abs(g) - v)"),
        ),
    ),
    Mutation(
        "squared_after_adding",
        "The gradient is added first and the sum is squared.",
        _each(
            put("h", "A * h + B * g * g", "(A * h + B * g) * (A * h + B * g)"),
            put("h", "h + g * g", "(h + g) * (h + g)"),
            put("v", "v + A * (g * g - v)", "(v + A * (g - v)) * (v + A * (g - v))"),
        ),
    ),
    Mutation(
        "root_in_memory",
        "The root is put into the memory, and taken again in the step.",
        _each(put("h", "A + B", "sqrt(A + B)"), put("v", "v + A * (g * g - v)", "sqrt(v + A * (g * g - v))")),
    ),
    Mutation(
        "memory_subtracted",
        "The square is subtracted from the memory, so the root is of a negative number.",
        _each(put("h", "A + B", "A - B"), put("v", "v + A * (g * g - v)", "v - A * (g * g - v)")),
    ),
    Mutation(
        "weight_in_memory",
        "The memory squares the weight instead of the gradient.",
        _each(put("h", "A * g * g", "A * w * w"), put("h", "g * g", "w * w"), put("v", "g * g", "w * w")),
    ),
    Mutation(
        "lr_in_memory",
        "The memory adds up squared strides, lr and all, so the learning rate cancels out.",
        _each(
            put("h", "A * g * g", "A * (lr * g) * (lr * g)"),
            put("h", "g * g", "lr * g * (lr * g)"),
            put("v", "g * g", "lr * g * (lr * g)"),
        ),
    ),
    Mutation(
        "step_before_memory",
        "The step is made before the memory has seen this gradient.",
        ((early("step"),), (early("w"),)),
        shown=True,
    ),
    # Running means
    Mutation(
        "shares_swapped",
        "The two shares of the running mean are swapped: it keeps little and takes much.",
        _each(
            put("h", "A * h + (1 - A) * g * g", "(1 - A) * h + A * g * g"),
            put("v", "v + (1 - beta2) * A", "v + beta2 * A"),
            put("v", "momentum * v + A", "(1 - momentum) * v + A"),
            put("v", "momentum * v - A", "(1 - momentum) * v - A"),
        ),
        shown=True,
    ),
    Mutation(
        "share_forgotten",
        "What is new comes into the running mean in full, so the mean is too large.",
        _each(
            put("h", "A * h + (1 - A) * g * g", "A * h + g * g"),
            put("v", "v + (1 - beta2) * (g * g - v)", "beta2 * v + g * g"),
        ),
    ),
    Mutation(
        "nothing_forgotten",
        "The old memory is kept in full, so it only grows.",
        _each(put("h", "A * h + B", "h + B"), put("v", "v + (1 - beta2) * (g * g - v)", "v + (1 - beta2) * g * g")),
    ),
    Mutation(
        "like_adagrad",
        "The memory is a plain sum of squares: nothing is ever forgotten and nothing is weighed.",
        _each(put("h", "A * h + (1 - A) * g * g", "h + g * g"), put("v", "v + (1 - beta2) * (g * g - v)", "v + g * g")),
    ),
    # The velocity
    Mutation(
        "velocity_overwritten",
        "The velocity is overwritten at each step: nothing rolls on.",
        _each(put("v", "momentum * v - A", "-A"), put("v", "momentum * v + A", "A")),
        shown=True,
    ),
    Mutation(
        "no_friction",
        "The momentum factor is missing: the velocity is kept in full and never rests.",
        _each(put("v", "momentum * v", "v")),
        shown=True,
    ),
    Mutation(
        "velocity_turned",
        "The old velocity enters with the wrong sign, so it brakes instead of rolling on.",
        _each(put("v", "momentum * v", "-momentum * v")),
        shown=True,
    ),
    Mutation(
        "velocity_averaged",
        "The new piece is weighed by 1 - momentum, as in a running mean, so the steps are too short.",
        _each(
            put("v", "momentum * v - lr * g", "momentum * v - (1 - momentum) * lr * g"),
            put("v", "momentum * v + g", "momentum * v + (1 - momentum) * g"),
        ),
    ),
    Mutation(
        "momentum_on_everything",
        "The momentum factor is applied to the new piece as well.",
        _each(put("v", "momentum * v - A", "momentum * (v - A)"), put("v", "momentum * v + A", "momentum * (v + A)")),
    ),
    Mutation(
        "momentum_on_gradient",
        "The momentum factor is on the new piece instead of on the velocity.",
        _each(put("v", "momentum * v - A", "v - momentum * A"), put("v", "momentum * v + A", "v + momentum * A")),
    ),
    Mutation(
        "gradient_twice",
        "The gradient goes into the velocity and once more into the step.",
        _each(put("w", "w + v", "w + v - lr * g"), put("w", "w - lr * v", "w - lr * (v + g)")),
    ),
    Mutation(
        "velocity_forgotten",
        "The step uses the gradient alone; the velocity is worked out for nothing.",
        _each(put("w", "w + momentum * momentum * v - A", "w - A"), put("w", "g + momentum * v", "g")),
    ),
    Mutation(
        "new_velocity",
        "The step uses the new velocity where the old one belongs.",
        ((put("w", "momentum * momentum * v", "momentum * momentum * v"), late("w")),),
        shown=True,
    ),
    Mutation(
        "momentum_not_squared",
        "The old velocity is multiplied by momentum once, where it should be twice.",
        _each(put("w", "momentum * momentum * v", "momentum * v")),
    ),
    Mutation(
        "no_look_ahead",
        "The gradient's share of the look ahead is missing: lr stands without 1 + momentum.",
        _each(put("w", "(1 + momentum) * lr * g", "lr * g")),
        shown=True,
    ),
    Mutation(
        "look_ahead_shortened",
        "In front of lr stands 1 - momentum, where 1 + momentum belongs.",
        _each(put("w", "1 + momentum", "1 - momentum")),
    ),
    Mutation(
        "velocity_subtracted",
        "The velocity is subtracted from the step instead of added to it.",
        _each(
            put("w", "w + momentum * momentum * v", "w - momentum * momentum * v"),
            put("w", "g + momentum * v", "g - momentum * v"),
        ),
    ),
    # Adam's moments and their correction
    Mutation(
        "no_correction",
        "The bias correction is missing, so the first steps are of the wrong length.",
        _each(put("lr_t", "A * B / C", "A")),
        shown=True,
    ),
    Mutation(
        "correction_multiplied",
        "The first moment's correction is multiplied in instead of divided by.",
        _each(put("lr_t", "A / B", "A * B")),
        shown=True,
    ),
    Mutation(
        "correction_upside_down",
        "Both bias corrections are upside down.",
        _each(put("lr_t", "A * B / C", "A * C / B")),
    ),
    Mutation(
        "first_correction_forgotten",
        "The first moment is not corrected for its start at 0.",
        _each(put("lr_t", "A / B", "A")),
    ),
    Mutation(
        "second_correction_forgotten",
        "The second moment is not corrected for its start at 0.",
        _each(put("lr_t", "A * B / C", "A / C")),
    ),
    Mutation(
        "correction_without_root",
        "The second moment's correction lacks its root.",
        _each(put("lr_t", "A * sqrt(B) / C", "A * B / C")),
    ),
    Mutation(
        "clock_late",
        "The clock of the bias correction is one step ahead.",
        _each(put("lr_t", "A**t", "A ** (t + 1)")),
    ),
    Mutation(
        "moments_swapped",
        "The two moments have changed places in the step.",
        _each(put("w", "lr_t * m / (sqrt(v) + A)", "lr_t * v / (sqrt(m) + A)")),
        shown=True,
    ),
    Mutation(
        "first_moment_forgotten",
        "The step uses the gradient itself instead of its running mean.",
        _each(put("w", "lr_t * m", "lr_t * g")),
    ),
    Mutation(
        "first_moment_overwritten",
        "The running mean of the gradient is overwritten at each step.",
        _each(put("m", "m + A * (g - m)", "A * g")),
    ),
    Mutation(
        "second_moment_overwritten",
        "The running mean of squares is overwritten at each step.",
        _each(put("v", "v + A * (g * g - v)", "A * g * g")),
        shown=True,
    ),
    Mutation(
        "first_share_forgotten",
        "The gradient comes into its running mean in full.",
        _each(put("m", "m + (1 - beta1) * (g - m)", "beta1 * m + g")),
    ),
    Mutation(
        "first_shares_swapped",
        "The two shares of the gradient's running mean are swapped.",
        _each(put("m", "1 - beta1", "beta1")),
    ),
    Mutation(
        "first_moment_never_forgets",
        "The gradient's running mean keeps the old in full, so it only adds up.",
        _each(put("m", "m + A * (g - m)", "m + A * g")),
    ),
    Mutation(
        "betas_swapped",
        "The shares beta1 and beta2 have changed places.",
        (
            (
                put("m", "1 - beta1", "1 - beta2"),
                put("v", "1 - beta2", "1 - beta1"),
                put(
                    "lr_t", "A * sqrt(1.0 - beta2**t) / (1.0 - beta1**t)", "A * sqrt(1.0 - beta1**t) / (1.0 - beta2**t)"
                ),
            ),
        ),
    ),
    Mutation(
        "moment_squared",
        "The second moment squares the first moment instead of the gradient.",
        _each(put("v", "g * g - v", "m * m - v")),
    ),
    # Adadelta's second memory
    Mutation(
        "roots_swapped",
        "The two roots have changed places: the brake is above and the unit below.",
        _each(put("step", "sqrt(d + eps) / sqrt(h + eps)", "sqrt(h + eps) / sqrt(d + eps)")),
        shown=True,
    ),
    Mutation(
        "unit_forgotten",
        "The root of the past squared steps is missing, so the stride has no unit.",
        _each(put("step", "sqrt(d + eps) / sqrt(h + eps) * g", "g / sqrt(h + eps)")),
    ),
    Mutation(
        "steps_overwritten",
        "The memory of squared steps is overwritten at each step.",
        _each(put("d", "rho * d + A", "A")),
    ),
    Mutation(
        "gradient_in_steps",
        "The memory of squared steps is fed with the gradient.",
        _each(put("d", "A * step * step", "A * g * g")),
    ),
    Mutation(
        "step_not_squared",
        "The memory of squared steps is fed with steps that are not squared.",
        _each(put("d", "A * step * step", "A * step")),
    ),
    # AdamW's decay
    Mutation(
        "decay_forgotten",
        "The weights do not shrink.",
        _each(put("*", "w - lr * weight_decay * w", "w")),
        shown=True,
    ),
    Mutation(
        "decay_turned",
        "The weights grow where they should shrink.",
        _each(put("*", "w - lr * weight_decay * w", "w + lr * weight_decay * w")),
    ),
    Mutation(
        "decay_without_lr",
        "The weights shrink by weight_decay itself, without the learning rate.",
        _each(put("*", "w - lr * weight_decay * w", "w - weight_decay * w")),
    ),
)
"""Every mistake; which of them a rule can have, `mutations` tells."""
