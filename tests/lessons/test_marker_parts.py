"""The marker's parts: probes that tell mistakes apart, words in both languages, classes from anywhere, hostile code."""

from __future__ import annotations

import abc
import itertools
import json
import os
import string
import sys
import textwrap

import numpy as np
import pytest

from nukarumi import cli
from nukarumi._errors import BadInput, BadType
from nukarumi.lessons.marker import Level, check
from nukarumi.lessons.marker.comparing import Walked, agreement, kind_by_name
from nukarumi.lessons.marker.models import KINDS, WAYS, Model, dialects, mistakes, walk
from nukarumi.lessons.marker.probes import probes
from nukarumi.lessons.marker.words import LANGUAGES, MISTAKES, Sentence

SIX = ["SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adam"]

SAME = {
    ("state_reset", "velocity_overwritten"),
    ("state_reset", "velocity_forgotten"),
    ("h_overwritten", "state_reset"),
    ("start_all_at_one", "start_at_one"),
    ("clock_from_zero", "clock_never"),
    ("clock_ahead", "clock_late"),
    ("lr_forgotten", "lr_ignored"),
}
"""Mistakes that are one and the same in some rule (Adadelta's own lr is 1)."""


def models(kind):
    dialect = dialects(kind)[0]
    settings = {name: value for name, value in dialect.settings.items() if name != "lr"}
    made = {"right": Model(dialect, dialect.line, settings)}
    made |= {name: Model(dialect, line, settings, mistake=name) for name, line in mistakes(dialect)}
    ways = [way for way in WAYS if way.fits(dialect)]
    return made | {way.id: Model(dialect, dialect.line, settings, way, None, dialect.settings["lr"]) for way in ways}


@pytest.mark.parametrize("kind", KINDS)
def test_no_two_mistakes_walk_alike(kind):
    made = models(kind)
    main, _, same, *_ = probes()
    walks = {name: Walked(main, flat(walk(model, main)), True) for name, model in made.items()}
    whole = {name for name, walked in walks.items() if len(walked.steps) == len(main.grads)}
    alike = {tuple(sorted((a, b))) for a, b in itertools.combinations(whole, 2) if agreement(made[b], walks[a]).ok}
    assert alike <= SAME
    for name in set(made) - whole:  # what needs equal shapes shows itself on the probe that has them
        steps = flat(walk(made[name], same))
        assert len(steps) == len(same.grads)
        assert not agreement(made["right"], Walked(same, steps, True)).ok


def flat(walked):
    return [{key: value.reshape(-1) for key, value in places.items()} for places, _ in walked]


@pytest.mark.parametrize("kind", SIX)
def test_there_are_enough_mistakes(kind):
    assert len(models(kind)) - 1 >= 15


def test_every_mistake_has_its_words_in_both_languages():
    named = {name for kind in KINDS for name, _ in mistakes(dialects(kind)[0])} | {way.id for way in WAYS}
    assert named <= set(MISTAKES)
    for english, japanese in MISTAKES.values():
        assert english.endswith(".")
        assert japanese.endswith("。")
    for place in range(len(LANGUAGES)):
        assert len({pair[place] for pair in MISTAKES.values()}) == len(MISTAKES)


def test_every_sentence_says_the_same_in_both_languages():
    for sentence in Sentence:
        english, japanese = (
            {name for _, name, _, _ in string.Formatter().parse(text) if name} for text in sentence.value
        )
        assert english == japanese, sentence
        assert not sentence.value[1].isascii()


@pytest.mark.parametrize(
    ("name", "kind"),
    [("AdaGrad", "Adagrad"), ("my_rms_prop", "RMSprop"), ("NAG", "Nesterov"), ("SGDMomentum", "Momentum"), ("X", None)],
)
def test_the_name_tells_the_optimizer(name, kind):
    assert kind_by_name(name) == kind


def test_eps_inside_the_corrected_root_is_no_mistake():
    class Adam:
        def __init__(self, lr=0.001, beta1=0.9, beta2=0.999, eps=1e-8):
            self.lr, self.beta1, self.beta2, self.eps = lr, beta1, beta2, eps
            self.m, self.v, self.t = {}, {}, 0

        def update(self, params, grads):
            self.t += 1
            for k, g in grads.items():
                self.m[k] = self.beta1 * self.m.get(k, 0) + (1 - self.beta1) * g
                self.v[k] = self.beta2 * self.v.get(k, 0) + (1 - self.beta2) * g * g
                v_hat = self.v[k] / (1 - self.beta2**self.t)
                params[k] -= self.lr * self.m[k] / (1 - self.beta1**self.t) / np.sqrt(v_hat + self.eps)

    mark = check(Adam)
    assert (mark.level, mark.libraries) == (Level.CONVENTION, ("optax",))


def test_sgd_with_momentum_may_be_called_sgd():
    class SGD:
        def __init__(self, lr=0.01, momentum=0.9):
            self.lr, self.momentum, self.v = lr, momentum, {}

        def update(self, params, grads):
            for k in params:
                self.v[k] = self.momentum * self.v.get(k, 0) - self.lr * grads[k]
                params[k] += self.v[k]

    mark = check(SGD)
    assert (mark.level, mark.kind) == (Level.RIGHT, "Momentum")


# Classes from anywhere -----------------------------------------------------------------------------------------------


def root(x):
    return np.sqrt(x)


EPS = 1e-7


class Base(abc.ABC):
    def __init__(self, lr=0.01):
        self.lr = lr
        self.h = {}

    @abc.abstractmethod
    def update(self, params, grads):
        """Move."""


def test_a_class_of_this_session_brings_what_it_names():
    class Unnamed(Base):
        def update(self, params, grads):
            for key in params:
                self.h[key] = self.h.get(key, 0) + grads[key] ** 2
                params[key] -= self.lr * grads[key] / (root(self.h[key]) + EPS)

    mark = check(Unnamed)
    assert (mark.level, mark.kind) == (Level.RIGHT, "Adagrad")
    assert "learner" not in sys.modules


def test_a_class_of_a_notebook_cell_is_found_by_its_text():
    import linecache  # noqa: PLC0415

    text = textwrap.dedent("""
        import numpy as np
        print("a cell")
        class RMSProp:
            def __init__(self, lr=0.01):
                self.lr, self.h = lr, {}
            def update(self, params, grads):
                for key in params:
                    self.h[key] = 0.99 * self.h.get(key, 0) + 0.01 * grads[key] ** 2
                    params[key] += self.lr * grads[key] / (np.sqrt(self.h[key]) + 1e-7)
    """)
    linecache.cache["<cell 3>"] = (len(text), None, text.splitlines(True), "<cell 3>")
    scope = {"__name__": "__main__"}
    exec(compile(text, "<cell 3>", "exec"), scope)
    mark = check(scope["RMSProp"], lang="ja")
    assert (mark.mistakes, mark.line) == (("uphill",), 10)
    assert "坂を登っています" in repr(mark)
    assert mark.said[-1].sentence.name != "PRINTED"  # the rest of the cell is not run


def test_the_librarys_own_class_is_right():
    from nukarumi import Adagrad  # noqa: PLC0415

    assert check(Adagrad).level is Level.RIGHT


@pytest.mark.parametrize(
    ("thing", "error"),
    [(3, BadType), (object(), BadType), ("no/such/file.py:SGD", BadInput), (type("Made", (), {}), BadInput)],
)
def test_what_is_no_class_is_refused(thing, error):
    with pytest.raises(error):
        check(thing)


def test_a_missing_file_is_cured_by_its_path():
    with pytest.raises(BadInput, match=r"the file must exist\. Received: no/such/file\.py\. Cure: check the path"):
        check("no/such/file.py:SGD")


@pytest.mark.parametrize("options", [{"lang": "la"}, {"seconds": 0}, {"seconds": float("nan")}])
def test_limits_and_language_are_checked(options, tmp_path):
    path = tmp_path / "a.py"
    path.write_text("class SGD:\n    pass\n")
    with pytest.raises(BadInput):
        check(path, **options)


# Hostile files -------------------------------------------------------------------------------------------------------

SGD = """
class SGD:
    def __init__(self, lr=0.01):
        self.lr = lr

    def update(self, params, grads):
        {0}
        for key in params:
            params[key] -= self.lr * grads[key]
"""


def written(tmp_path, text):
    path = tmp_path / "mine.py"
    path.write_text(text, encoding="utf-8")
    return f"{path}:SGD"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("class SGD:\n    def update(self, params, grads)\n        pass\n", "SYNTAX"),
        ("import no_such_module_anywhere\nclass SGD: pass\n", "MODULE_MISSING"),
        ("class Other:\n    pass\n", "NO_CLASS"),
        ("SGD = 3\n", "NO_CLASS"),
        ("raise SystemExit(3)\n", "IMPORT_RAISED"),
        ("class SGD:\n    def __init__(self, params, lr): pass\n    def update(self, p, g): pass\n", "INIT_SIGNATURE"),
        (SGD.format("import os; os.closerange(3, 4096)"), "DIED"),
        (SGD.format("import os; os.kill(os.getppid(), 9)"), "DIED"),
        (SGD.format("import os; os.killpg(os.getpgrp(), 9)"), "DIED"),
        (SGD.format("import ctypes; ctypes.string_at(0)"), "DIED"),
        (SGD.format("params.clear()"), "NONSENSE"),
        (SGD.format("pass") + "        params['W1'] = 'abc'\n", "NONSENSE"),
        (SGD.format("pass") + "        params['new'] = 0.0\n", "NONSENSE"),
        (SGD.format("pass") + "        params['b1'] = params['b1'][:2]\n", "NONSENSE"),
        (SGD.format("raise type('Odd', (Exception,), {'__str__': lambda self: 1 / 0})"), "UPDATE_RAISED"),
    ],
)
def test_a_file_that_cannot_be_run(text, sentence, tmp_path):
    mark = check(written(tmp_path, text))
    assert mark.level is Level.BROKEN
    assert sentence in [each.sentence.name for each in mark.said], mark


@pytest.mark.parametrize(
    "trick",
    [
        "import sys; sys.stdout = None",
        "import json, os; json.dumps = os.write = None",
        'import os; [os.write(fd, b\'{"event": "raised", "line": []}x\\n[[[\\n\') for fd in (1, 2)]',
        "import os; os.fork() or os._exit(0)",
        "import os; os.path.exists('../job.json') and os.remove('../job.json')",
    ],
)
def test_tricks_do_not_change_the_verdict(trick, tmp_path):
    assert check(written(tmp_path, SGD.format(trick))).level is Level.RIGHT


def test_a_forged_report_is_only_data(tmp_path):
    lines = [
        {"event": "probe", "name": "arrays", "steps": {}, "raised": 3, "states": 4},
        {"event": "loaded", "start": 1, "update": "x"},
    ]
    text = "".join(json.dumps(line) + "\n" for line in lines)
    forge = "import os\nfor fd in range(3, 4096):\n    try: os.write(fd, FORGED)\n    except OSError: pass\n"
    forge = forge.replace("FORGED", repr(text.encode()))
    mark = check(written(tmp_path, forge + SGD.format("pass")))
    assert isinstance(mark.text("ja"), str)
    assert mark.level is Level.BROKEN


def test_a_watchdog_that_is_taken_off_is_replaced(tmp_path):
    trick = "import faulthandler, time; faulthandler.cancel_dump_traceback_later(); time.sleep(3600)"
    mark = check(written(tmp_path, SGD.format(trick)), seconds=0.5)
    assert mark.said[0].sentence.name == "HUNG"


def test_endless_printing_is_cut_and_stopped(tmp_path):
    mark = check(written(tmp_path, SGD.format("while True: print('x' * 1000)")), seconds=0.5)
    assert [each.sentence.name for each in mark.said] == ["HUNG", "PRINTED"]
    assert len(mark.text()) < 500


def test_the_file_runs_in_another_process_without_input(tmp_path):
    text = "import os, sys\nprint('pid', os.getpid(), repr(sys.stdin.read()), os.listdir('.'))\n" + SGD.format("pass")
    start = next(each for each in check(written(tmp_path, text)).said if each.sentence.name == "PRINTED").fields[
        "start"
    ]
    assert start.endswith("'' []")
    assert int(start.split()[1]) != os.getpid()


def test_a_neighbour_may_be_imported(tmp_path):
    (tmp_path / "neighbour.py").write_text("RATE = 0.01\n")
    text = SGD.format("pass").replace("class SGD", "from neighbour import RATE\n\n\nclass SGD").replace("0.01", "RATE")
    assert check(written(tmp_path, text)).level is Level.RIGHT


def test_a_file_that_is_no_text_is_refused(tmp_path):
    path = tmp_path / "mine.py"
    path.write_bytes("# ハイカー\nclass SGD: pass\n".encode("cp932"))
    with pytest.raises(BadInput, match="UTF-8"):
        check(path)


# The command ---------------------------------------------------------------------------------------------------------


def test_the_command_says_it_in_words_and_by_its_code(tmp_path, capsys, monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    right = written(tmp_path, SGD.format("pass"))
    assert cli.main(["check", right]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "Right"
    wrong = written(tmp_path, SGD.format("pass").replace("-=", "+="))
    assert cli.main(["check", wrong, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert (told["level"], told["mistakes"], told["kind"], told["line"]) == ("mistake", ["uphill"], "SGD", 9)
    assert told["said"][0]["ja"] != told["said"][0]["en"]
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert cli.main(["check", written(tmp_path, "class SGD\n")]) == 2
    assert capsys.readouterr().out.splitlines()[0] == "実行できません"


def test_the_command_refuses_what_is_not_there(capsys):
    assert cli.main(["check", "nowhere.py:SGD"]) == 2
    assert "nowhere.py" in capsys.readouterr().err
    assert cli.main(["check"]) == 2
