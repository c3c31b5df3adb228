"""From what was seen of a class to its mark: can it run, what does it walk like, how does it treat its arguments."""

from __future__ import annotations

import math
import signal
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from nukarumi.lessons.marker import comparing, hints
from nukarumi.lessons.marker.comparing import Agreement, Walked, agreement
from nukarumi.lessons.marker.mark import Mark, Said
from nukarumi.lessons.marker.models import CORRECTED, Dialect, Model, dialects, walk
from nukarumi.lessons.marker.probes import ARRAYS, FLOATS
from nukarumi.lessons.marker.runner import MEMORY, SECONDS, Seen, run
from nukarumi.lessons.marker.source import Source
from nukarumi.lessons.marker.words import MISTAKES, Language, Level, Sentence

__all__ = ["mark"]

LIBRARY = {"book": "the book", "torch": "PyTorch", "keras": "Keras", "optax": "optax"}
LIBRARY_JA = {**LIBRARY, "book": "本"}


def mark(source: Source, *, seconds: float = SECONDS, memory: int = MEMORY, lang: Language = "en") -> Mark:
    """Run a class in a process of its own and mark it.

    Parameters
    ----------
    source
        The class by its text.
    seconds, memory
        What it may use.
    lang
        The language in which the mark shows itself.
    """
    seen = run(source, seconds, memory)
    return replace(_Marking(source, seen, seconds, memory).mark(), lang=lang)


class _Marking:
    def __init__(self, source: Source, seen: Seen, seconds: float, memory: int) -> None:
        self.source, self.seen, self.seconds, self.memory = source, seen, seconds, memory
        self.tree = source.tree()
        face = seen.event("loaded") or {}
        start, update = face.get("start"), face.get("update")
        self.declared: dict[str, Any] = start if isinstance(start, dict) else {}
        self.update: list[str] = [str(each) for each in update] if isinstance(update, list) else []
        self.numbers = hints.literals(self.tree)
        self.named = comparing.kind_by_name(source.name)
        if self.named == "SGD" and {"momentum", "mu", "nesterov"} & {name.lower() for name in self.declared}:
            self.named = None  # PyTorch and Keras call all three so
        self.remarks: list[Said] = self._printed()

    # Could it run? ----------------------------------------------------------------------------------------------------

    def mark(self) -> Mark:
        """The verdict."""
        stopped = self._stopped()
        if stopped:
            return self._broken(*stopped)
        main = self.seen.probe(ARRAYS) or {}
        if self._reversed():
            line = self._at("line", line=self._update_line())
            return self._mark(Level.MISTAKE, self.named, ("arguments_swapped",), [Said(Sentence.SWAPPED, {}, *line)])
        walked = Walked.read(main)
        if walked is None:
            return self._unfinished(main)
        return self._compared(walked)

    def _stopped(self) -> list[Said] | None:
        """Why there is nothing to compare, if there is not."""
        seen, where = self.seen, self.source.where
        raised = seen.event("raised")
        if raised is not None:
            return self._load_error(raised)
        missing = seen.event("missing")
        if missing is not None:
            classes = _words(missing.get("classes"))
            fields = {"name": self.source.name, "file": Path(where).name, "classes": classes}
            return [Said(Sentence.NO_CLASS, fields)]
        methods = seen.event("no_update")
        if methods is not None:
            told = _words(methods.get("methods"))
            line = self.tree.lineno if self.tree else None
            return [Said(Sentence.NO_UPDATE, {"methods": told}, *self._at("", line=line))]
        if seen.hung:
            loaded = seen.event("loaded") is not None
            sentence = Sentence.HUNG if loaded else Sentence.HUNG_IMPORT
            return [Said(sentence, {"seconds": self.seconds}, *self._at("", line=seen.hung_line))]
        if seen.event("done") is None:
            how = f"exit code {seen.code}"
            if seen.code < 0:
                how = signal.Signals(-seen.code).name if -seen.code in set(signal.Signals) else f"signal {-seen.code}"
            return [Said(Sentence.DIED, {"how": how})]
        return None

    def _load_error(self, raised: dict[str, Any]) -> list[Said]:
        error, kind = _error(raised), raised.get("kind")
        at = self._at("", line=raised.get("line"))
        if raised.get("where") == "read":
            return [Said(Sentence.SYNTAX, {"error": error}, *at)]
        if kind in ("ModuleNotFoundError", "ImportError"):
            return [Said(Sentence.MODULE_MISSING, {"error": error}, *at)]
        return [Said(Sentence.IMPORT_RAISED, {"error": error}, *at), *self._why(raised)]

    def _unfinished(self, main: dict[str, Any]) -> Mark:
        """The main probe stopped on the way: perhaps another one tells why."""
        odd = main.get("nonsense")
        if isinstance(odd, dict):
            known = {"missing": Sentence.MISSING.value, "extra": Sentence.EXTRA.value}
            what = known.get(str(odd.get("what")), str(odd.get("what")))
            fields = {"step": odd.get("step"), "name": str(odd.get("name")), "what": what}
            return self._broken(Said(Sentence.NONSENSE, fields, *self._at("step")))
        raised = main.get("raised")
        if not isinstance(raised, dict):
            return self._broken(Said(Sentence.DIED, {"how": "?"}))
        at = self._at("", line=raised.get("line"))
        error = _error(raised)
        if raised.get("where") == "init":
            told = raised.get("kind") == "TypeError" and not raised.get("inside")
            sentence = Sentence.INIT_SIGNATURE if told else Sentence.INIT_RAISED
            return self._broken(Said(sentence, {"error": error}, *at), *self._why(raised))
        elsewhere = self._elsewhere(error, at)
        if elsewhere:
            return elsewhere
        if raised.get("kind") == "TypeError" and not raised.get("inside"):
            return self._broken(Said(Sentence.UPDATE_SIGNATURE, {"error": error}, *self._at("", self._update_line())))
        fields = {"error": error, "step": raised.get("step")}
        return self._broken(Said(Sentence.UPDATE_RAISED, fields, *at), *self._why(raised))

    def _elsewhere(self, error: str, at: tuple[int | None, str]) -> Mark | None:
        """A class that raises on the main probe may walk on a simpler one, and show its mistake there."""
        for name in ("same", FLOATS):
            other = Walked.read(self.seen.probe(name) or {})
            if other is None:
                continue
            right = self._right(other, self._kinds())
            if name == FLOATS and right:
                said = [Said(Sentence.FLOATS_ONLY, {"error": error}, *at)]
                return self._mark(Level.MISTAKE, right[0].dialect.kind, ("floats_only",), said)
            wrong = None if right else self._wrong(other, self._kinds())
            if wrong:
                return self._mistaken(wrong[0], wrong[1], [])
        return None

    def _why(self, raised: dict[str, Any]) -> list[Said]:
        """What is behind an exception that learners meet often."""
        kind, words = str(raised.get("kind")), str(raised.get("words"))
        known = [
            (kind.startswith(("UFunc", "_UFunc")) and "cast" in words, Sentence.INTEGER_STATE),
            (kind == "ValueError" and ("broadcast" in words or "shape" in words), Sentence.SHAPES),
            (kind == "TypeError" and "NoneType" in words, Sentence.STATE_IS_NONE),
            (kind == "KeyError", Sentence.KEY_MISSING),
            (kind == "NameError", Sentence.CLASSMATE),
            (kind == "RecursionError", Sentence.RECURSION),
            (kind == "EOFError", Sentence.INPUT),
        ]
        said = [Said(sentence) for fits, sentence in known if fits]
        if kind in {"MemoryError", "_ArrayMemoryError"}:
            said.append(Said(Sentence.MEMORY, {"limit": f"{self.memory / (1 << 30):.3g} GiB"}))
        if kind in ("SystemExit", "KeyboardInterrupt"):
            said.append(Said(Sentence.EXITS, {"error": kind}))
        if kind == "ZeroDivisionError" and self.named in ("Adam", "AdamW"):
            fields = {"kind": self.named, "mistake": MISTAKES["clock_from_zero"]}
            said.append(Said(Sentence.LIKE_MISTAKE, fields, *self._at("clock")))
        return said

    def _broken(self, *said: Said) -> Mark:
        return self._mark(Level.BROKEN, self.named, (), list(said))

    def _reversed(self) -> bool:
        first, second = ([*self.update, "", ""])[:2]
        return first.lower().startswith("g") and second.lower().startswith(("p", "w"))

    # What does it walk like? ------------------------------------------------------------------------------------------

    def _kinds(self) -> list[str]:
        return comparing.kinds_from(self.named)

    def _right(self, walked: Walked, kinds: Sequence[str]) -> tuple[Model, Agreement] | None:
        for kind in kinds:
            models = list(comparing.right_ones(kind, self.declared, self.numbers))
            found = comparing.first_that_agrees(models, walked)
            if not found and walked.lr_changed:
                fixed = [replace(model, way=comparing.RATE_FIXED) for model in models]
                found = comparing.first_that_agrees(fixed, walked)
            if found:
                return found
        return None

    def _wrong(self, walked: Walked, kinds: Sequence[str]) -> tuple[Model, Agreement] | None:
        for kind in kinds:
            found = comparing.first_that_agrees(comparing.like_wrong(kind, self.declared, self.numbers), walked)
            if found:
                return found
        return None

    def _compared(self, walked: Walked) -> Mark:
        treatment = self._treatment()
        first = [self.named] if self.named else self._kinds()
        others = [kind for kind in self._kinds() if kind not in first]
        right = self._right(walked, first)
        if right:
            return self._good(*right, treatment)
        searches: list[Callable[[], Mark | None]] = [
            lambda: self._as_wrong(walked, first, treatment),
            lambda: self._as_another(walked, others, treatment),
            lambda: self._as_single(walked, first, treatment),
            lambda: self._as_two(walked, treatment),
            lambda: None if self.named else self._as_wrong(walked, others, treatment),
        ]
        found = next((mark for mark in (search() for search in searches) if mark), None)
        return found or self._different(walked, first, treatment)

    def _as_wrong(self, walked: Walked, kinds: Sequence[str], treatment: list[tuple[str, Said]]) -> Mark | None:
        wrong = self._wrong(walked, kinds)
        return self._mistaken(*wrong, treatment) if wrong else None

    def _as_another(self, walked: Walked, kinds: Sequence[str], treatment: list[tuple[str, Said]]) -> Mark | None:
        other = self._right(walked, kinds)
        if not other:
            return None
        kind = other[0].dialect.kind
        said = [Said(Sentence.ANOTHER_KIND, {"named": self.named, "kind": kind}), *(each for _, each in treatment)]
        names = ("another_kind", *(name for name, _ in treatment))
        return self._mark(Level.MISTAKE, kind, names, said, agreed=other[1].steps)

    def _as_single(self, walked: Walked, kinds: Sequence[str], treatment: list[tuple[str, Said]]) -> Mark | None:
        for kind in kinds:
            for model in comparing.right_ones(kind, self.declared, self.numbers):
                loose = agreement(model, walked, comparing.SINGLE_CLOSE, comparing.SINGLE_TINY)
                if loose.ok:
                    return self._good(model, loose, treatment, single=True)
        return None

    def _as_two(self, walked: Walked, treatment: list[tuple[str, Said]]) -> Mark | None:
        if self.named and walked.tells:
            for model, second in comparing.like_two(self.named, self.declared, self.numbers):
                found = agreement(model, walked)
                if found.ok:
                    return self._mistaken(model, found, treatment, second)
        return None

    def _good(self, model: Model, found: Agreement, treatment: list[tuple[str, Said]], *, single: bool = False) -> Mark:
        dialect, kind = model.dialect, model.dialect.kind
        same = [
            each
            for each in dialects(kind)
            if each.starts == dialect.starts and list(map(str, each.line.lines)) == list(map(str, dialect.line.lines))
        ]
        exact = [each for each in same if _numbers(each.settings) == _numbers(model.settings)]
        libraries = tuple(each.library for each in (exact or same))
        level, said = Level.RIGHT, []
        if single:
            digits = max(1, int(-math.log10(found.error)))
            level, said = Level.HABIT, [Said(Sentence.SINGLE, {"digits": digits})]
        if "book" in libraries:
            exactly = Sentence.RIGHT_BITS if found.bits else Sentence.RIGHT_ROUNDING
            said.insert(0, Said(Sentence.RIGHT_ABOUT if single else exactly, {"kind": kind}))
        else:
            level = Level.CONVENTION if level is Level.RIGHT else level
            said.insert(0, Said(Sentence.RIGHT_CONVENTION, {"kind": kind, "libraries": _pair(libraries)}))
        if not exact:
            usual = _numbers(same[0].settings)
            own = {name: value for name, value in _numbers(model.settings).items() if value != usual[name]}
            fields = {"settings": _listed(own), "usual": _listed({name: usual[name] for name in own})}
            said.append(Said(Sentence.OWN_SETTINGS, fields))
        habits = self._habits(model)
        if habits and level.code == 0:
            level = Level.HABIT
        said += habits
        if treatment:
            level, said = Level.MISTAKE, [*(each for _, each in treatment), *said]
        elif self.named is None or self.named == kind:
            self.remarks += self._other_probes(model)
        names = tuple(name for name, _ in treatment)
        return self._mark(level, kind, names, said, libraries, found.steps)

    def _mistaken(
        self, model: Model, found: Agreement, treatment: list[tuple[str, Said]], second: str | None = None
    ) -> Mark:
        dialect = model.dialect
        kind, name = dialect.kind, model.mistake or model.way.id
        place = hints.place_of(name, dialect, model.line if model.mistake else None)
        at = self._at(place)
        names = [name, *([second] if second else []), *(each for each, _ in treatment)]
        if name in ("eps_inside_root", CORRECTED) and not second:
            inside = tuple(each.library for each in dialects(kind) if each.eps_inside)
            where = {"libraries": _pair(inside) if inside else ("optax's eps_root", "optax の eps_root")}
            said = [Said(Sentence.EPS_INSIDE, where, *at), *self._starts(dialect), *(each for _, each in treatment)]
            level = Level.MISTAKE if treatment else Level.CONVENTION
            return self._mark(level, kind, tuple(names[1:]), said, inside or ("optax",), found.steps)
        if name == "lr_ignored" and not (self.seen.probe(ARRAYS) or {}).get("lr_given"):
            said = [Said(Sentence.NO_LR, {}, *at), *(each for _, each in treatment)]
            return self._mark(Level.MISTAKE, kind, tuple(names), said, agreed=found.steps)
        fields: dict[str, Any] = {"kind": kind, "mistake": MISTAKES[name]}
        sentence = Sentence.LIKE_MISTAKE
        if second:
            fields["second"], sentence = MISTAKES[second], Sentence.TWO_MISTAKES
        said = [Said(sentence, fields, *at)]
        if self.named and self.named != kind:
            said.append(Said(Sentence.ANOTHER_NAME, {"named": self.named}))
        said += [each for _, each in treatment]
        return self._mark(Level.MISTAKE, kind, tuple(names), said, agreed=found.steps)

    @staticmethod
    def _starts(dialect: Dialect) -> list[Said]:
        """Where the libraries with eps inside the root also start a state otherwise."""
        for other in dialects(dialect.kind):
            for letter, own in dialect.starts.items():
                if other.eps_inside and other.starts[letter] != own:
                    fields = {"letter": letter, "start": other.starts[letter], "own": own}
                    return [Said(Sentence.STARTS_THERE, fields)]
        return []

    def _different(self, walked: Walked, kinds: Sequence[str], treatment: list[tuple[str, Said]]) -> Mark:
        """No model walks like it: tell where it first parts from the nearest right one."""
        models = [each for kind in kinds for each in comparing.plain_ones(kind, self.declared, self.numbers)]
        found = [(each, agreement(each, walked)) for each in models]
        parted = [(-each.steps, comparing.distance(model, walked), model, each) for model, each in found if each.first]
        if not parted:
            return self._broken(Said(Sentence.DIED, {"how": "?"}))
        kind = min(parted, key=lambda each: each[:2])[2].dialect.kind
        same = [(model, each) for _, _, model, each in parted if model.dialect.kind == kind]
        # Of the kind's dialects, one whose states the class shares, so that the line to look at is told rightly.
        same.sort(key=lambda each: (-each[1].steps, not self._shares_states(each[0], walked)))
        model, nearest = same[0]
        step, name, k, expected, got = nearest.first or (0, "", 0, 0.0, 0.0)
        shape = np.shape(walked.probe.params[name])
        index = [int(each) for each in np.unravel_index(k, shape)] if shape else ""
        gradient = float(np.reshape(walked.probe.grads[step - 1][name], -1)[k])
        numbers = {"expected": f"{expected:.9g}", "got": f"{got:.9g}", "gradient": f"{gradient:.3g}"}
        fields = {"kind": kind, "step": step, "name": name, "index": index, **numbers}
        said = [Said(Sentence.DIFFERS, fields), *self._state_hint(model, walked, step)]
        said += [each for _, each in treatment]
        names = tuple(each for each, _ in treatment)
        return self._mark(Level.DIFFERENT, kind, names, said, agreed=nearest.steps)

    def _shares_states(self, model: Model, walked: Walked) -> bool:
        return any(each.sentence is Sentence.STATE_AGREES for each in self._state_hint(model, walked, 1))

    def _state_hint(self, model: Model, walked: Walked, step: int) -> list[Said]:
        """Whether the class's own states are still right where its places part."""
        told = (self.seen.probe(ARRAYS) or {}).get("states")
        if not isinstance(told, list):
            return []
        steps = [states for _, states in walk(model, walked.probe)]
        agrees: str | None = None
        for letter in model.dialect.starts:
            for now in range(min(step, len(told), len(steps))):
                own = told[now].get(letter) if isinstance(told[now], dict) else None
                if not isinstance(own, dict):
                    break
                agrees = letter
                if not all(_alike(own.get(name), expected) for name, expected in steps[now][letter].items()):
                    at = self._at(f"memory:{letter}")
                    return [Said(Sentence.STATE_DIFFERS, {"attribute": letter, "step": now + 1}, *at)]
        return [Said(Sentence.STATE_AGREES, {"attribute": agrees}, *self._at("step"))] if agrees else []

    # How does it treat its arguments, and what else is there to say? --------------------------------------------------

    def _treatment(self) -> list[tuple[str, Said]]:
        main, again = self.seen.probe(ARRAYS) or {}, self.seen.probe("again") or {}
        out = []
        if main.get("returned"):
            out.append(("returned", Said(Sentence.RETURNED, {}, *self._at("step"))))
        elif main.get("rebound"):
            out.append(("rebound", Said(Sentence.REBOUND, {}, *self._at("step"))))
        if main.get("grads_changed"):
            out.append(("grads_changed", Said(Sentence.GRADS_CHANGED, {}, *self._at("grads"))))
        if again.get("raised") or _apart(again.get("steps"), main.get("steps")):
            drawn = hints.random_line(self.tree)
            if drawn:
                out.append(("random", Said(Sentence.RANDOM, {}, *self._at("", line=drawn))))
            else:
                out.append(("objects_share", Said(Sentence.OBJECTS_SHARE, {}, *self._at("class"))))
        return out

    def _habits(self, model: Model) -> list[Said]:
        out = []
        main = self.seen.probe(ARRAYS) or {}
        name = main.get("lr_given")
        if model.way is comparing.RATE_FIXED:
            out.append(Said(Sentence.RATE_FIXED, {"name": name}, *self._at("lr")))
        copied = hints.copies(self.tree)
        if copied:
            out.append(Said(Sentence.COPIES, {"what": copied[1]}, *self._at("", line=copied[0])))
        looped = hints.loops(self.tree)
        if looped:
            out.append(Said(Sentence.LOOPS, {}, *self._at("", line=looped)))
        given = self.declared.get(str(name))
        usual = [each.settings["lr"] for each in dialects(model.dialect.kind)]
        if isinstance(given, float) and not min(usual) / 10 <= given <= max(usual) * 10:
            fields = {"given": given, "kind": model.dialect.kind, "usual": f"{usual[0]:g}"}
            out.append(Said(Sentence.LR_DEFAULT, fields, *self._at("lr")))
        return out

    def _other_probes(self, model: Model) -> list[Said]:
        out = []
        floats = self.seen.probe(FLOATS) or {}
        walked = Walked.read(floats)
        if walked is None and isinstance(floats.get("raised"), dict):
            out.append(Said(Sentence.NO_FLOATS, {"error": _error(floats["raised"])}))
        elif walked is not None and not agreement(model, walked, comparing.SINGLE_CLOSE, comparing.SINGLE_TINY).ok:
            out.append(Said(Sentence.FLOATS_DIFFER))
        late = (self.seen.probe("late") or {}).get("raised")
        if isinstance(late, dict):
            out.append(Said(Sentence.LATE, {"error": _error(late)}))
        return out

    def _printed(self) -> list[Said]:
        out = []
        if self.seen.printed_bytes:
            size = f"{self.seen.printed_bytes} bytes"
            start = " ".join("".join(c if c.isprintable() else " " for c in self.seen.printed).split())[:80]
            out.append(Said(Sentence.PRINTED, {"size": size, "start": start}))
        files = (self.seen.event("done") or {}).get("files")
        if files:
            out.append(Said(Sentence.FILES, {"files": _words(files)}))
        return out

    def _at(self, place: str, line: Any = None) -> tuple[int | None, str]:
        """A line of the source and its text."""
        number = line if line is not None else hints.line_of(self.tree, place)
        return (number, self.source.line(number)) if isinstance(number, int) else (None, "")

    def _update_line(self) -> int | None:
        body = self.tree.body if self.tree else []
        return next((node.lineno for node in body if getattr(node, "name", "") == "update"), None)

    def _mark(
        self,
        level: Level,
        kind: str | None,
        mistakes: tuple[str, ...],
        said: list[Said],
        libraries: tuple[str, ...] = (),
        agreed: int | None = None,
    ) -> Mark:
        return Mark(level, self.source.name, kind, mistakes, (*said, *self.remarks), libraries, agreed)


def _error(raised: dict[str, Any]) -> str:
    words = str(raised.get("words") or "")
    return f"{raised.get('kind')}: {words}" if words else str(raised.get("kind"))


def _alike(told: Any, expected: Any) -> bool:
    """Whether a state is as it should be, but for rounding."""
    try:
        got = np.array(told, dtype=np.float64)
    except (TypeError, ValueError):
        return False
    flat = np.reshape(expected, -1)
    return got.shape == flat.shape and np.allclose(got, flat, rtol=1e-7, atol=1e-12, equal_nan=True)


def _words(listed: Any) -> str:
    return ", ".join(map(str, listed)) if isinstance(listed, list) and listed else "-"


def _apart(a: Any, b: Any) -> bool:
    """Whether two walks that should be the same are not (NaN is like NaN)."""
    return repr(a) != repr(b)


def _numbers(settings: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in settings.items() if name != "lr"}


def _listed(settings: dict[str, float]) -> str:
    return ", ".join(f"{name}={value:.12g}" for name, value in settings.items())


def _pair(libraries: tuple[str, ...]) -> tuple[str, str]:
    english = [LIBRARY[each] for each in libraries]
    return ", ".join(english[:-1]) + " and " * (len(english) > 1) + english[-1], "、".join(
        LIBRARY_JA[each] for each in libraries
    )
