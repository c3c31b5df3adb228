"""``nukarumi fit`` and ``nukarumi predict``: sentences, clean JSON, exit codes, files kept when something fails."""

from __future__ import annotations

import json

import numpy as np
import pytest

from nukarumi.cli import main
from nukarumi.linear import load
from nukarumi.trail import Trail


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    for name, count in (("train", 2000), ("test", 300)):
        lines, texts, numbers = [], [], []
        for _ in range(count):
            columns = np.sort(rng.choice(40, 6, replace=False))
            good = int((columns < 20).sum() * 2 + rng.integers(0, 2) > 6)
            lines.append(f"{2 * good - 1} " + " ".join(f"{j}:1" for j in columns))
            texts.append(f"{2 * good - 1} |w " + " ".join(f"word{j}" for j in columns))
            numbers.append(f"{columns.sum()} " + " ".join(f"{j}:1" for j in columns))
        (tmp_path / f"{name}.svm").write_text("\n".join(lines) + "\n")
        (tmp_path / f"{name}.vw").write_text("\n".join(texts) + "\n")
        (tmp_path / f"{name}_n.svm").write_text("\n".join(numbers) + "\n")
    return tmp_path


def test_fit_then_predict(folder, capsys):
    assert main(["fit", "train.svm", "--test", "test.svm", "--loss", "logistic", "--model", "out.safetensors"]) == 0
    told = capsys.readouterr()
    assert "train.svm: 2,000 examples" in told.out
    assert "% wrong" in told.out
    assert "pass 1: 2,000 examples, loss 0." in told.err
    assert main(["predict", "out.safetensors", "test.svm"]) == 0
    found = capsys.readouterr().out.split()
    truth = [line.split()[0] for line in (folder / "test.svm").read_text().splitlines()]
    assert len(found) == 300
    assert np.mean(np.array(found) != np.array(truth)) < 0.25
    assert main(["predict", "out.safetensors", "test.svm", "--show", "probability"]) == 0
    likely = np.array([line.split() for line in capsys.readouterr().out.splitlines()], float)
    np.testing.assert_allclose(likely.sum(axis=1), 1.0)
    assert main(["predict", "out.safetensors", "test.svm", "--show", "score"]) == 0
    scores = np.array(capsys.readouterr().out.split(), float)
    assert np.array_equal(scores > 0, likely[:, 1] > 0.5)


def test_json_and_vowpal_wabbits_text_with_its_bits_kept(folder, capsys):
    words = ["fit", "train.vw", "--test", "test.vw", "--bits", "10", "--json", "--quiet", "--model", "m.safetensors"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert told.err == ""
    result = json.loads(told.out)
    assert result["features"] == 1024
    assert result["test"]["error"] < 0.25
    assert main(["predict", "m.safetensors", "test.vw"]) == 0
    assert len(capsys.readouterr().out.split()) == 300


def test_numbers(folder, capsys):
    words = ["fit", "train_n.svm", "--test", "test_n.svm", "--loss", "squared_error", "--lr", "5", "--passes", "5"]
    assert main([*words, "--json", "--quiet", "--model", "m.safetensors"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["examples"] == 10000
    assert result["test"]["rmse"] < 5.0
    assert main(["predict", "m.safetensors", "test_n.svm", "--show", "score"]) == 0
    assert len(capsys.readouterr().out.split()) == 300


def test_a_model_goes_on(folder, capsys):
    assert main(["fit", "train.svm", "--passes", "2", "--model", "two.safetensors", "--quiet"]) == 0
    assert main(["fit", "train.svm", "--model", "one.safetensors", "--quiet"]) == 0
    assert main(["fit", "train.svm", "--start", "one.safetensors", "--model", "one.safetensors", "--quiet"]) == 0
    capsys.readouterr()
    assert np.array_equal(load("one.safetensors").coef_, load("two.safetensors").coef_)


def test_sparse_weights(folder, capsys):
    words = ["fit", "train.svm", "--penalty", "l1", "--update", "rda", "--json", "--quiet"]
    counts = []
    for alpha in ("1e-5", "1e-1"):
        assert main([*words, "--alpha", alpha]) == 0
        counts.append(json.loads(capsys.readouterr().out)["weights_not_zero"])
    assert counts[1] < counts[0]


@pytest.mark.parametrize(
    ("words", "code", "says"),
    [
        (["fit", "none.svm"], 2, "FILE must be a file that exists. Received: none.svm. Cure: check the path."),
        (["fit", "."], 2, "FILE must be a file. Received: the folder .. Cure: name a file in it."),
        (["fit", "train.dat"], 2, "must tell its format"),
        (["fit", "bad.svm", "--model", "kept.safetensors"], 2, "bad.svm, line 3, column 5: expected a finite number"),
        (["fit", "train.svm", "--test", "none.svm"], 2, "--test must be a file that exists"),
        (["fit", "train.svm", "--start", "none.safetensors"], 2, "--start must be a file that exists"),
        (
            ["fit", "train.svm", "--model", "no/such/m"],
            2,
            "--model needs a folder that exists. Received: no/such. Cure",
        ),
        (["predict", "none.safetensors", "test.svm"], 2, "MODEL must be a file that exists"),
        (["predict", "hinge.safetensors", "none.svm"], 2, "FILE must be a file that exists"),
        (["fit", "train.svm", "--lr", "-1"], 2, "nukarumi: lr must be"),
        (["fit", "train.svm", "--average", "--penalty", "l1"], 2, "nukarumi: average=True needs weights without a"),
        (["fit", "train.svm", "--test", "nothing.svm", "--model", "kept.safetensors"], 2, "nothing.svm must hold"),
        (["fit", "nothing.svm", "--model", "kept.safetensors"], 2, "nothing.svm must hold examples"),
        (["fit", "train.svm", "--trail", "no/such/t"], 2, "--trail needs a folder that exists"),
        (["fit", "-"], 2, "the format of standard input must be told. Received: none. Cure: pass --format svmlight"),
        (["fit", "train.svm", "--classes", "1,2"], 2, "labels must be among"),
        (["fit", "train.svm", "--test", "new.svm", "--model", "kept.safetensors"], 2, "those of the model, -1, 1. Rec"),
        (["fit", "train.vw", "--test", "bare.vw", "--model", "kept.safetensors"], 2, "must have a label"),
        (["fit", "train.svm", "--loss", "nonsense"], 2, ""),
        (["predict", "train.svm", "test.svm"], 2, "must be a whole file"),
        (["fit", "train.svm", "test.svm"], 2, "--engine local reads one FILE. Received: 2: train.svm test.svm. Cure"),
        (["fit", "train.svm", "--model", "./train.svm"], 2, "--model needs a file of its own. Received: train.svm, wh"),
        (["fit", "train.svm", "--test", "test.svm", "--trail", "test.svm"], 2, "--trail needs a file of its own"),
        (["fit", "train.svm", "--model", "new.st", "--trail", "new.st"], 2, "Received: new.st, which is --model."),
        (["fit", "train.svm", "--model", "link.svm"], 2, "Received: link.svm, which is FILE. Cure: choose another"),
        (["fit", "days", "--engine", "ray", "--model", "days/1.svm"], 2, "Received: days/1.svm, which is FILE."),
        (["fit", "days/**/*.svm", "--engine", "ray", "--model", "days/of/may/2.svm"], 2, "2.svm, which is FILE."),
        (["fit", "days/*.svm", "--engine", "ray", "--model", "days/1.svm"], 2, "which is FILE. Cure: choose another"),
        (["fit", "train.svm", "--start", "hinge.safetensors", "--trail", "hinge.safetensors"], 2, "which is --start"),
        (["fit", "train.svm", "--engine", "ray", "--trail", "t.st"], 2, "--trail is of one machine's steps"),
        (["fit", "train.svm", "--engine", "ray", "--workers", "0"], 2, "--workers must be a whole number >= 1"),
        (["predict", "hinge.safetensors", "test.svm", "--show", "probability"], 2, "--show score"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_written(folder, capsys, words, code, says):
    (folder / "bad.svm").write_text("1 1:2\n-1 1:2\n1 2:x\n")
    (folder / "nothing.svm").write_text("")
    (folder / "train.dat").write_text("1 1:2\n")
    (folder / "new.svm").write_text("1 1:2\n3 1:2\n")
    (folder / "days" / "of" / "may").mkdir(parents=True)
    (folder / "days" / "of" / "may" / "2.svm").write_text("1 1:2\n")
    (folder / "days" / "1.svm").write_text("1 1:2\n")
    (folder / "bare.vw").write_text("1 | word1\n| word2\n")
    (folder / "kept.safetensors").write_text("old")
    (folder / "link.svm").symlink_to("train.svm")

    def files():
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    before = files()
    assert main(["fit", "train.svm", "--loss", "hinge", "--model", "hinge.safetensors", "--quiet"]) == 0
    hinge = (folder / "hinge.safetensors").read_bytes()
    capsys.readouterr()
    assert main(words) == code
    told = capsys.readouterr()
    assert says in told.err
    assert told.out == ""
    assert files() == {**before, "hinge.safetensors": hinge}


def test_a_model_that_is_not_kept_is_told_unless_quiet(folder, capsys):
    note = "nukarumi: the model will not be kept; add --model FILE to keep it\n"
    assert main(["fit", "train.svm"]) == 0
    assert capsys.readouterr().err.startswith(note)
    for words in (["--model", "m.safetensors"], ["--quiet"]):
        assert main(["fit", "train.svm", *words]) == 0
        assert note not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "note"),
    [
        (["--alpha", "3"], "without --penalty this has no effect: --alpha"),
        (["--bits", "9"], "without Vowpal Wabbit's text this has no effect: --bits"),
        (["--label", "y"], "without Parquet this has no effect: --label"),
        (
            ["--start", "m.safetensors", "--lr", "3", "--l1-ratio", "0.5"],
            "a model that goes on keeps its settings, so this has no effect: --lr --l1-ratio",
        ),
        (["--penalty", "l1", "--alpha", "3"], None),
        (["--epsilon", "3", "--quantile", "0.2"], "with --loss logistic this has no effect: --epsilon --quantile"),
        (["--loss", "huber", "--epsilon", "3", "--multinomial"], "with --loss huber this has no effect: --multinomial"),
    ],
)
def test_what_has_no_effect_is_told_unless_quiet(folder, capsys, words, note):
    assert main(["fit", "train.svm", "--model", "m.safetensors", "--quiet"]) == 0
    for more in ([], ["--quiet"]):
        assert main(["fit", "train.svm", "--model", "n.safetensors", *words, *more]) == 0
        told = [line for line in capsys.readouterr().err.splitlines() if "no effect" in line]
        assert told == ([f"nukarumi: {note}"] if note and not more else [])


def test_the_learning_curve_is_kept(folder, capsys):
    assert main(["fit", "train.svm", "--trail", "t.safetensors", "--model", "m.safetensors", "--passes", "3"]) == 0
    assert "the learning curve is in t.safetensors" in capsys.readouterr().out
    trail = Trail.load("t.safetensors")
    assert trail.steps.tolist() == [2000, 4000, 6000]
    assert trail.loss[2] < trail.loss[0]
    assert load("m.safetensors").get_params()["record"] is False
    assert main(["predict", "t.safetensors", "test.svm"]) == 2
    assert "Received: a file without a model, but with nukarumi.trail. Cure: give the one" in capsys.readouterr().err


def test_columns_that_the_model_has_not_are_counted_once(folder, capsys):
    assert main(["fit", "train.svm", "--model", "m.safetensors", "--quiet"]) == 0
    (folder / "wide.svm").write_text("1 3:1\n1 3:1 1299:5\n")
    (folder / "narrow.svm").write_text("1 3:1\n1 3:1\n")
    capsys.readouterr()
    assert main(["predict", "m.safetensors", "wide.svm", "--show", "score"]) == 0
    wide = capsys.readouterr()
    assert wide.err == "nukarumi: wide.svm has 1,300 columns, the model 40: those beyond the model's weigh nothing\n"
    assert main(["predict", "m.safetensors", "narrow.svm", "--show", "score"]) == 0
    assert capsys.readouterr() == (wide.out, "")


def test_parquet_of_another_width_is_refused_with_its_name(folder, capsys):
    pa, pq = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    for name, columns in (("three", 3), ("four", 4)):
        table = {f"x{j}": np.arange(8.0) % (j + 2) for j in range(columns)} | {"label": np.arange(8) % 2}
        pq.write_table(pa.table(table), f"{name}.parquet")
    assert main(["fit", "three.parquet", "--model", "m.safetensors", "--quiet"]) == 0
    says = "four.parquet must have the 3 columns that the model has learnt from. Received: 4. Cure: give the file that"
    for words in (
        ["predict", "m.safetensors", "four.parquet"],
        ["fit", "three.parquet", "--test", "four.parquet"],
        ["fit", "four.parquet", "--start", "m.safetensors", "--model", "m.safetensors"],
    ):
        capsys.readouterr()
        assert main(words) == 2
        assert says in capsys.readouterr().err
    assert main(["predict", "m.safetensors", "three.parquet"]) == 0
    assert len(capsys.readouterr().out.split()) == 8
