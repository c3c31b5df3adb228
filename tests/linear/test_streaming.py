"""Files larger than memory are learnt from as the same rows in memory are; models are kept whole or not at all."""

from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp

from nukarumi._errors import BadInput, BadType
from nukarumi.linear import AdagradClassifier, AdagradRegressor, fit_file, load, predict_file, save

ONCE = {"max_iter": 1, "tol": None, "shuffle": False}


def write(path, X, y):
    """To the last digit, which scikit-learn's own writer does not do."""
    spans = [slice(*span) for span in zip(X.indptr[:-1], X.indptr[1:], strict=True)]
    entries = [zip(X.indices[span].tolist(), X.data[span].tolist(), strict=True) for span in spans]
    rows = [" ".join(f"{column}:{value!r}" for column, value in row) for row in entries]
    path.write_text("".join(f"{label!r} {row}\n" for label, row in zip(y.tolist(), rows, strict=True)))


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """Columns that appear late in the file, so that a model must grow."""
    folder = tmp_path_factory.mktemp("data")
    rng = np.random.default_rng(0)
    dense = rng.standard_normal((400, 50)) * (rng.random((400, 50)) < 0.2)
    dense[:200, 25:] = 0.0
    dense[-1, 49] = 1.0
    X = sp.csr_matrix(dense)
    score = dense @ rng.standard_normal(50)
    y = np.where(score > 0, 1.0, -1.0)
    write(folder / "two.svm", X, y)
    write(folder / "three.svm", X, np.digitize(score, [-1.0, 1.0]))
    write(folder / "score.svm", X, score)
    pd.DataFrame(dense).rename(columns=str).assign(y=y).to_parquet(folder / "two.parquet")
    return folder, X, y, score


SETTINGS = {
    "plain": {},
    "average": {"average": True},
    "l1": {"penalty": "l1", "alpha": 1e-3},
    "rda": {"penalty": "l1", "alpha": 1e-3, "update": "rda"},
}


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("block", [300, 1 << 23])
def test_a_file_is_learnt_from_as_its_rows_are(written, settings, block):
    folder, X, y, _ = written
    model = fit_file(AdagradClassifier(**SETTINGS[settings]), folder / "two.svm", classes=[-1, 1], block=block)
    assert np.array_equal(model.coef_, AdagradClassifier(**SETTINGS[settings], **ONCE).fit(X, y).coef_)
    assert model.n_features_in_ == 50
    assert model.t_ == 400


def test_passes_classes_and_numbers(written):
    folder, X, _, score = written
    twice = fit_file(
        AdagradClassifier(multi_class="multinomial"), folder / "three.svm", passes=2, classes=range(3), block=500
    )
    memory = AdagradClassifier(multi_class="multinomial", **{**ONCE, "max_iter": 2})
    assert np.array_equal(twice.coef_, memory.fit(X, np.digitize(score, [-1.0, 1.0])).coef_)
    numbers = fit_file(AdagradRegressor(lr=1.0), folder / "score.svm", block=500)
    assert np.array_equal(numbers.coef_, AdagradRegressor(lr=1.0, **ONCE).fit(X, score).coef_)


def test_parquet_is_learnt_from(written):
    folder, X, y, _ = written
    model = fit_file(AdagradClassifier(), folder / "two.parquet")
    assert np.array_equal(model.coef_, AdagradClassifier(**ONCE).fit(X, y).coef_)


def test_predictions_leave_out_columns_that_training_never_saw(written, tmp_path):
    folder, X, y, _ = written
    model = AdagradClassifier(**ONCE).fit(X[:, :30], y)
    found = list(predict_file(model, folder / "two.svm", "decision_function", block=500))
    assert np.array_equal(np.concatenate([scores for scores, _ in found]), model.decision_function(X[:, :30]))
    assert np.array_equal(np.concatenate([labels for _, labels in found]), y)


def test_progress_is_told(written):
    told = []
    fit_file(AdagradClassifier(), written[0] / "two.svm", passes=2, block=2000, progress=told.append)
    assert [standing.epoch for standing in told] == sorted(standing.epoch for standing in told)
    assert told[-1].examples == 800
    assert told[-1].share == 1.0
    assert 0.0 < told[-1].loss < told[0].loss


@pytest.mark.parametrize("settings", [{}, {"penalty": "l1", "update": "rda", "alpha": 1e-3}])
def test_a_trail_of_a_file_has_a_row_a_block(written, settings):
    """Also while columns appear: what it says of the whole model is what its rows in memory say."""
    folder, X, y, _ = written
    given = {"classes": [-1, 1], "block": 2000, "passes": 2}
    sizes, told = [0], []
    model = fit_file(AdagradClassifier(record=True, **settings), folder / "two.svm", progress=told.append, **given)
    sizes += [standing.examples for standing in told]
    plain = fit_file(AdagradClassifier(**settings), folder / "two.svm", **given)
    assert np.array_equal(model.coef_, plain.coef_)
    assert model.loss_curve_ == plain.loss_curve_
    assert (len(model.loss_curve_), model.n_iter_) == (2, 2)
    assert model.loss_curve_[1] < model.loss_curve_[0]
    trail = model.trail_
    assert trail.steps.tolist() == sizes[1:]
    assert trail.arrays == {"coef": (1, 50), "intercept": (1,)}
    memory = AdagradClassifier(record=True, **settings)
    for begin, end in itertools.pairwise(sizes):
        memory.partial_fit(X[begin % 400 : (end - 1) % 400 + 1], y[begin % 400 : (end - 1) % 400 + 1], classes=[-1, 1])
    np.testing.assert_allclose(trail.loss, memory.trail_.loss, rtol=1e-12)
    for name in ("weight_norm", "step_norm", "gradient_norm"):
        np.testing.assert_allclose(trail.column("coef", name), memory.trail_.column("coef", name), rtol=1e-9)
    again = fit_file(model, folder / "two.svm", block=1 << 20)
    assert again.trail_.steps.tolist() == [*sizes[1:], 1200]
    assert len(again.loss_curve_) == 3


def test_standard_input_is_read_once(written):
    program = (
        "import sys; from nukarumi.linear import AdagradClassifier, fit_file; told = []; "
        "model = fit_file(AdagradClassifier(), '-', format='svmlight', block=2000, progress=told.append); "
        "print([told[0].share, told[-1].share, told[-1].examples, *model.coef_[0].tolist()])"
    )
    whole = (written[0] / "two.svm").read_bytes()
    ended = subprocess.run(
        [sys.executable, "-c", program], input=whole, capture_output=True, check=True, env=os.environ
    )
    model = fit_file(AdagradClassifier(), written[0] / "two.svm", block=2000)
    assert json.loads(ended.stdout) == [0.0, 1.0, 400, *model.coef_[0].tolist()]
    for words, says in (
        ({"passes": 2, "format": "svmlight"}, "read once"),
        ({}, "format of standard input must be told"),
        ({"format": "parquet"}, "Parquet must be a file"),
    ):
        with pytest.raises(BadInput, match=says):
            fit_file(AdagradClassifier(), "-", **words)


@pytest.mark.parametrize("bad", ["1 3:x\n", "7 3:1\n", "1 3:"])
def test_a_bad_file_leaves_the_model_as_it_was(written, tmp_path, bad):
    path = tmp_path / "bad.svm"
    path.write_text((written[0] / "two.svm").read_text() + bad)
    fresh = AdagradClassifier()
    with pytest.raises(BadInput, match=r"bad\.svm"):
        fit_file(fresh, path, block=2000)
    assert not hasattr(fresh, "coef_")
    model = fit_file(AdagradClassifier(), written[0] / "two.svm")
    before = model.coef_.copy(), model.t_
    with pytest.raises(BadInput, match=r"bad\.svm"):
        fit_file(model, path, block=2000)
    assert np.array_equal(model.coef_, before[0])
    assert model.t_ == before[1]


@pytest.mark.parametrize("block", [4, 1 << 20])
def test_one_label_alone_is_told_plainly_but_a_cut_line_first(tmp_path, block):
    (tmp_path / "one.svm").write_text("1 1:0.5\n1 2:1\n")
    with pytest.raises(
        BadInput, match=r"from line 1: .* Received: only the label 1\. Cure: pass --classes A,B .* classes="
    ):
        fit_file(AdagradClassifier(), tmp_path / "one.svm", block=block)
    assert fit_file(AdagradClassifier(), tmp_path / "one.svm", classes=[0, 1], block=block).t_ == 2
    (tmp_path / "cut.svm").write_text("1 1:0.5\n0 2:1")
    with pytest.raises(BadInput, match=r"cut\.svm, line 2: every line must end with a newline"):
        fit_file(AdagradClassifier(), tmp_path / "cut.svm", block=1 << 20)


@pytest.mark.parametrize("learn", ["fit", "partial_fit"])
def test_one_class_alone_is_told_without_arrays(learn):
    classes = {"classes": ["a"]} if learn == "partial_fit" else {}
    with pytest.raises(BadInput, match=r"at least two classes\. Received: (one class, )?only the label a\. "):
        getattr(AdagradClassifier(), learn)([[0.0], [1.0]], ["a", "a"], **classes)


def test_no_examples_and_no_labels(tmp_path):
    (tmp_path / "empty.svm").write_text("# nothing\n")
    (tmp_path / "bare.vw").write_text("1 | a\n| b\n")
    with pytest.raises(BadInput, match="must hold examples"):
        fit_file(AdagradClassifier(), tmp_path / "empty.svm")
    with pytest.raises(BadInput, match="must have a label"):
        fit_file(AdagradClassifier(), tmp_path / "bare.vw")
    with pytest.raises(BadInput, match="passes must be"):
        fit_file(AdagradClassifier(), tmp_path / "bare.vw", passes=0)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("labels", ["numbers", "words", "many"])
def test_a_saved_model_goes_on_as_if_never_stopped(written, tmp_path, settings, labels):
    _, X, y, score = written
    y = {"numbers": y, "words": np.where(y > 0, "yes", "no"), "many": np.digitize(score, [-1.0, 1.0])}[labels]
    model = AdagradClassifier(**SETTINGS[settings]).partial_fit(X[:200], y[:200], classes=np.unique(y))
    save(model, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert np.array_equal(again.coef_, model.coef_)
    assert again.get_params() == model.get_params()
    assert np.array_equal(again.predict(X), model.predict(X))
    assert np.array_equal(again.partial_fit(X[200:], y[200:]).coef_, model.partial_fit(X[200:], y[200:]).coef_)


def test_regressors_are_saved_too(written, tmp_path):
    _, X, _, score = written
    frame = pd.DataFrame(X.toarray()).rename(columns=str)
    model = AdagradRegressor("quantile", quantile=0.9, **ONCE).fit(frame, score)
    save(model, tmp_path / "m.safetensors")
    again = load(tmp_path / "m.safetensors")
    assert np.array_equal(again.predict(frame), model.predict(frame))
    assert list(again.feature_names_in_) == list(frame.columns)


def test_broken_model_files_are_refused(written, tmp_path):
    path = tmp_path / "m.safetensors"
    save(AdagradClassifier(**ONCE).fit(written[1], written[2]), path)
    whole = path.read_bytes()
    for content in (whole[:-1], whole[:20], b"", b"{}" * 50):
        path.write_bytes(content)
        with pytest.raises(BadInput, match="must be a whole file written by nukarumi"):
            load(path)
    with pytest.raises(FileNotFoundError):
        load(tmp_path / "none")
    with pytest.raises(BadInput, match="must be fitted"):
        save(AdagradClassifier(), path)
    with pytest.raises(BadInput, match="plain values"):
        save(AdagradClassifier(class_weight={np.int64(1): 1.0, np.int64(-1): 2.0}, **ONCE).fit(*written[1:3]), path)


FULL = """
import resource, sys
import numpy as np
from nukarumi.linear import AdagradClassifier, save
model = AdagradClassifier(max_iter=1, tol=None).fit(np.eye(4000)[:50], np.arange(50) % 2)
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    save(model, sys.argv[1])
except OSError as error:
    print(error.strerror)
"""


def test_a_full_disk_keeps_the_old_file(written, tmp_path):
    path = tmp_path / "m.safetensors"
    save(AdagradClassifier(**ONCE).fit(written[1], written[2]), path)
    before = path.read_bytes()
    ended = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], capture_output=True, text=True, check=True, env=os.environ
    )
    assert ended.stdout == "File too large\n"
    assert path.read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["m.safetensors"]


GOLDEN = json.loads((Path(__file__).parents[1] / "goldens" / "vw.json").read_text())


@pytest.mark.parametrize("case", GOLDEN["scores"])
def test_vowpal_wabbits_own_scores(tmp_path, case):
    """Its ``--adaptive`` has no eps and float32; its text, hashes and namespaces mean the same here."""
    for part in ("train", "test"):
        (tmp_path / f"{part}.vw").write_text("\n".join(GOLDEN[part]) + "\n")
    loss, intercept = case.split()[0], "without" not in case
    model = AdagradClassifier(loss, lr=GOLDEN["lr"], eps=1e-30, fit_intercept=intercept)
    fit_file(model, tmp_path / "train.vw", bits=GOLDEN["bits"])
    ((scores, _),) = predict_file(model, tmp_path / "test.vw", "decision_function", bits=GOLDEN["bits"])
    np.testing.assert_allclose(scores, GOLDEN["scores"][case], rtol=0, atol=1e-4)
    assert np.abs(scores).max() > 0.5


@pytest.mark.parametrize(("model", "given"), [(3, "int"), (AdagradClassifier, "the class AdagradClassifier")])
def test_what_is_no_estimator_is_refused(tmp_path, model, given):
    with pytest.raises(BadType, match=f"must be an estimator of nukarumi.linear. Received: {given}. Cure: pass Adag"):
        fit_file(model, tmp_path / "none.svm")
