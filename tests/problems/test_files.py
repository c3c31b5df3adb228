"""Users' own files: every format becomes the same problem, and every broken one says where it is broken."""

import builtins
import gzip
import pickle
import struct

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nukarumi._errors import BadInput
from nukarumi.problems import Classification, Problem, SparseLinear, load
from nukarumi.problems.files import from_file
from nukarumi.problems.tables import read_csv

ROWS = 60


@pytest.fixture(scope="module")
def flowers():
    rng = np.random.default_rng(0)
    labels = np.arange(ROWS) % 3
    x = rng.normal(labels[:, None] * [3.0, -2.0], 1.0).round(3)
    return x, labels


def lines(flowers, names=("rose", "tulip", "aster")):
    x, labels = flowers
    return [f"{a},{b},{names[label]}" for (a, b), label in zip(x.tolist(), labels.tolist(), strict=True)]


def write(path, text):
    path.write_text(text, encoding="utf-8")
    return path


def idx(array):
    head = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return head + array.astype(np.uint8).tobytes()


def idx_folder(folder, items=40, tests=20, zipped=False, dot="-"):
    rng = np.random.default_rng(1)
    for stem, count in (("train", items), ("t10k", tests)):
        if not count:
            continue
        labels = np.arange(count) % 4
        images = rng.integers(0, 100, (count, 3, 5)) + 30 * labels[:, None, None]
        for name, array in ((f"{stem}-images{dot}idx3-ubyte", images), (f"{stem}-labels{dot}idx1-ubyte", labels)):
            content = idx(array)
            (folder / (name + ".gz" if zipped else name)).write_bytes(gzip.compress(content) if zipped else content)
    return folder


def learned(problem):
    params = problem.params(0)
    before = problem.score(params, "train").loss
    for epoch in range(60):
        for batch in problem.batches(0, epoch):
            _, grads = problem.loss_and_grads(params, batch)
            for name, grad in grads.items():
                params[name] -= 0.1 * grad
    return problem.score(params, "train").loss < 0.8 * before


# --- what works ---------------------------------------------------------------------------------------------------


def test_every_format_gives_the_same_problem(tmp_path, flowers):
    import pandas as pd  # noqa: PLC0415

    x, labels = flowers
    names = np.array(["aster", "rose", "tulip"])[labels]
    body = "\n".join(f"{a},{b},{name}" for (a, b), name in zip(x.tolist(), names, strict=True))
    files = {
        "bare.csv": body,
        "head.csv": "long,wide,kind\n" + body + "\n",
        "semi.csv": "long;wide;kind\r\n" + body.replace(",", ";").replace("\n", "\r\n"),
        "tab.tsv": body.replace(",", "\t"),
        "marked.csv": "Class,a,b\n" + "\n".join(f"{n},{a},{b}" for (a, b), n in zip(x.tolist(), names, strict=True)),
        "bom.csv": "\ufefflong,wide,kind\n\n" + body,
    }
    problems = [from_file(write(tmp_path / name, text)) for name, text in files.items()]
    frame = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "target": names})
    frame.to_parquet(tmp_path / "f.parquet")
    problems.append(from_file(tmp_path / "f.parquet"))
    np.savez(tmp_path / "f.npz", X=x, y=names)
    problems.append(from_file(tmp_path / "f.npz"))
    first = problems[0]
    assert first.classes == ["aster", "rose", "tulip"]
    assert {split: len(y) for split, (_, y) in first.parts.items()} == {"train": 42, "validation": 9, "test": 9}
    assert learned(first)
    for problem in problems[1:]:
        assert problem.classes == first.classes
        for split, (rows, codes) in first.parts.items():
            assert (problem.parts[split][0] == rows).all()
            assert (problem.parts[split][1] == codes).all()


def test_features_are_standardised_by_the_training_part(tmp_path, flowers):
    x, labels = flowers
    x = np.column_stack([x, np.full(ROWS, 0.1), x[:, 0] * 1e300])
    np.savez(tmp_path / "f.npz", data=x, target=labels)
    problem = from_file(tmp_path / "f.npz", dtype="float64")
    train = problem.parts["train"][0]
    assert np.abs(train.mean(axis=0)).max() < 1e-12
    assert train.std(axis=0) == pytest.approx([1, 1, 0, 1])
    assert isinstance(problem, Problem)
    assert problem.classes == ["0", "1", "2"]


def test_label_column_by_name_and_number(tmp_path, flowers):
    path = write(
        tmp_path / "f.csv",
        "a,kind,b\n" + "\n".join(",".join(np.array(line.split(","))[[0, 2, 1]]) for line in lines(flowers)),
    )
    by_name = from_file(path, label="kind")
    assert by_name.classes == ["aster", "rose", "tulip"]
    for label in (1, "1", -2):
        assert (from_file(path, label=label).parts["test"][0] == by_name.parts["test"][0]).all()
    assert load(path, label="kind", hidden=(4,), batch_size=7).describe()["network"] == "2-4-3"


def test_header_of_numbers_only_when_told(tmp_path, flowers):
    body = "\n".join(lines(flowers, names=("0", "1", "2")))
    path = write(tmp_path / "f.csv", "1,2,2\n" + body)
    assert len(read_csv(path).labels) == ROWS + 1
    assert len(read_csv(path, header=True).labels) == ROWS


def test_own_parts_are_kept(tmp_path, flowers):
    x, labels = flowers
    np.savez(
        tmp_path / "f.npz", x_train=x, y_train=labels, X_test=x[:7], Y_test=labels[:7], x_val=x[:9], y_val=labels[:9]
    )
    parts = from_file(tmp_path / "f.npz").parts
    assert [len(y) for _, y in parts.values()] == [60, 9, 7]
    np.savez(tmp_path / "g.npz", x_train=x, y_train=labels, x_test=x[:7], y_test=labels[:7])
    assert [len(y) for _, y in from_file(tmp_path / "g.npz").parts.values()] == [51, 9, 7]


def test_split_seed_changes_the_split_and_nothing_else_does(tmp_path, flowers):
    path = write(tmp_path / "f.csv", "\n".join(lines(flowers)))
    first, again, other = from_file(path), from_file(path), from_file(path, split_seed=1)
    assert (first.parts["test"][0] == again.parts["test"][0]).all()
    assert not np.array_equal(first.parts["test"][0], other.parts["test"][0])


@pytest.mark.parametrize("end", ["", ".gz"])
def test_svmlight(tmp_path, flowers, end):
    x, labels = flowers
    text = "# flowers\n" + "".join(
        f"{label} 1:{a} 3:{b} # a row\n" for (a, b), label in zip(x.tolist(), labels.tolist(), strict=True)
    )
    path = tmp_path / f"f.svm{end}"
    path.write_bytes(gzip.compress(text.encode()) if end else text.encode())
    problem = from_file(path)
    assert isinstance(problem, Classification)
    assert problem.describe()["network"] == "3-50-3"
    assert learned(problem)


@pytest.mark.parametrize("classes", [2, 3])
def test_wide_svmlight_becomes_a_linear_model(tmp_path, classes):
    rng = np.random.default_rng(2)
    rows = []
    for row in range(ROWS):
        label = row % classes
        columns = sorted({label + 1, *rng.integers(10, 900_000, 5).tolist()})
        rows.append(f"{label} " + " ".join(f"{column}:1.5" for column in columns))
    problem = from_file(write(tmp_path / "wide.libsvm", "\n".join(rows)))
    assert isinstance(problem, SparseLinear)
    assert problem.loss == ("hinge" if classes == 2 else "softmax")
    assert problem.features > 800_000
    small = pickle.loads(pickle.dumps(problem))
    batch = next(small.batches(0, 0))
    _, grads = small.loss_and_grads(small.params(0), batch)
    assert np.count_nonzero(grads["w" if classes == 2 else "W"]) == len(batch[0].columns) * (1 if classes == 2 else 3)


@pytest.mark.parametrize(("zipped", "dot"), [(False, "-"), (True, "-"), (False, ".")])
def test_idx_folder(tmp_path, zipped, dot):
    problem = from_file(idx_folder(tmp_path, zipped=zipped, dot=dot))
    assert [len(y) for _, y in problem.parts.values()] == [34, 6, 20]
    assert problem.describe()["network"] == "15-50-4"
    assert problem.parts["train"][0].dtype == np.uint8
    x, _ = next(problem.batches(0, 0))
    assert x.dtype == np.float32
    assert 0 <= x.min() <= x.max() <= 1
    assert learned(problem)
    file = next(tmp_path.glob("train-images*"))
    assert (from_file(file).parts["test"][0] == problem.parts["test"][0]).all()
    assert from_file(file).name == problem.name == tmp_path.name


def test_idx_folder_without_a_test_part(tmp_path):
    problem = from_file(idx_folder(tmp_path, items=100, tests=0))
    assert [len(y) for _, y in problem.parts.values()] == [70, 15, 15]


# --- what is refused, and where -------------------------------------------------------------------------------------

GOOD = [f"{i % 7}.5,{i % 5},{'ab'[i % 2]}" for i in range(40)]


def broken(number, line):
    return "\n".join([*GOOD[:number], line, *GOOD[number + 1 :]])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ["rows of data"]),
        ("\n\n", ["rows of data"]),
        ("a,b,class\n", ["only a header"]),
        (broken(5, "1,2"), ["line 6", "2 fields"]),
        (broken(5, "1,2,a,4"), ["line 6", "4 fields"]),
        (broken(5, ",2,a"), ["line 6", "column '0'", "empty field"]),
        (broken(5, "1,two,a"), ["line 6", "column '1'", "'two'"]),
        (broken(5, ",,"), ["line 6", "empty field"]),
        (broken(5, "1,nan,a"), ["line 6", "column '1'", "finite"]),
        (broken(5, "-inf,1,a"), ["line 6", "column '0'", "finite"]),
        (broken(5, "1,2,"), ["line 6", "column '2'", "class"]),
        ("u,v,class\n" + broken(5, "1,x,a"), ["line 7", "column 'v'"]),
        (broken(5, '1,"2,a'), ["line", "quotes"]),
        ("\n".join(f"{i},1,same" for i in range(40)), ["two classes", "same"]),
        ("\n".join(f"{i % 3},{i},{i + 0.5}" for i in range(40)), ["line 1", "whole numbers", "regression"]),
        ("\n".join(f"{i % 3},{i},n{i}" for i in range(40)), ["40 classes in 40 rows"]),
        ("\n".join(f"{i}" for i in range(40)), ["one column"]),
        ("1,2,a\n2,1,b\n", ["enough rows"]),
        ("y,label,a\n" + "1,2,3\n" * 20, ["one column of classes"]),
        (broken(5, "1,\0,a"), ["line 6", "zero byte"]),
    ],
)
def test_broken_csv(tmp_path, text, words):
    path = write(tmp_path / "f.csv", text)
    with pytest.raises(BadInput) as caught:
        from_file(path)
    for word in [*words, "f.csv", "Cure"]:
        assert word in str(caught.value)


def test_csv_of_another_encoding(tmp_path):
    path = tmp_path / "f.csv"
    path.write_bytes("\n".join(GOOD[:3]).encode() + "\n1,2,は".encode("shift-jis"))
    with pytest.raises(BadInput, match=r"line 4.*UTF-8"):
        from_file(path)


@settings(
    max_examples=150, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(content=st.binary(max_size=200), end=st.sampled_from([".csv", ".npz", ".svm", ".svm.gz", ".parquet"]))
def test_garbage_is_refused_never_crashed_on(tmp_path, content, end):
    path = tmp_path / f"garbage{end}"
    path.write_bytes(content)
    with pytest.raises(BadInput):
        from_file(path)


@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(share=st.floats(0, 0.999), zipped=st.booleans(), which=st.sampled_from(["train-images", "t10k-labels"]))
def test_truncated_idx_is_refused(tmp_path, share, zipped, which):
    for file in tmp_path.iterdir():
        file.unlink()
    file = next(idx_folder(tmp_path, zipped=zipped).glob(f"{which}*"))
    content = file.read_bytes()
    file.write_bytes(content[: int(share * len(content))])
    with pytest.raises(BadInput, match=which):
        from_file(tmp_path)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("train-images-idx3-ubyte", lambda c: b"\1" + c[1:], ["00 00 08 03", "01 00 08 03"]),
        ("train-images-idx3-ubyte", lambda c: c[:2] + b"\x0d" + c[3:], ["00 00 0d 03"]),
        ("train-labels-idx1-ubyte", lambda c: c[:3] + b"\3" + c[4:], ["00 00 08 01"]),
        ("train-images-idx3-ubyte", lambda c: c[:-1], ["599 bytes", "item 39 of 40"]),
        ("train-images-idx3-ubyte", lambda c: c + b"x", ["more bytes"]),
        ("train-images-idx3-ubyte", lambda c: c[:4] + b"\xff" * 12 + c[16:], ["600 bytes", "4294967295"]),
        ("train-images-idx3-ubyte", lambda c: c[:4] + b"\0\0\0\0" + c[8:], ["more bytes"]),
        ("train-labels-idx1-ubyte", lambda c: idx(np.zeros(39)), ["40 pictures", "39 classes"]),
        ("train-labels-idx1-ubyte", lambda c: idx(np.zeros(40)), ["two classes"]),
        ("t10k-labels-idx1-ubyte", lambda c: idx(np.arange(20) % 5), ["item 4", "training part", "4"]),
        ("t10k-images-idx3-ubyte", lambda c: idx(np.zeros((20, 3, 4))), ["one size"]),
        ("train-labels-idx1-ubyte", lambda c: idx(np.zeros(0)), ["must have items"]),
        ("train-labels-idx1-ubyte", None, ["must hold train-labels-idx1-ubyte"]),
    ],
)
def test_broken_idx(tmp_path, name, change, words):
    file = idx_folder(tmp_path) / name
    if change is None:
        file.unlink()
    else:
        file.write_bytes(change(file.read_bytes()))
    with pytest.raises(BadInput) as caught:
        from_file(tmp_path)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({"A": np.zeros((4, 2))}, ["X and y", "['A']"]),
        ({"X": np.zeros((4, 2)), "y": np.zeros(3)}, ["y", "4 rows", "(3,)"]),
        ({"X": np.zeros((4, 2)), "y": np.eye(4)}, ["one-hot"]),
        ({"X": np.zeros(4), "y": np.zeros(4)}, ["two axes"]),
        ({"X": np.zeros((0, 2)), "y": np.zeros(0)}, ["none empty"]),
        ({"X": np.array([["a"]]), "y": np.zeros(1)}, ["numbers"]),
        ({"X": np.array([[None]]), "y": np.zeros(1)}, ["plain arrays"]),
        ({"X": np.where(np.eye(40)[:, :3] == 1, np.nan, 1), "y": np.arange(40) % 2}, ["X[0, 0]", "finite"]),
        ({"X": np.where(np.arange(240) == 9, np.inf, 1).reshape(40, 2, 3), "y": np.arange(40) % 2}, ["X[1, 1, 0]"]),
        ({"X": np.ones((40, 2)), "y": np.where(np.arange(40) == 7, np.nan, 1)}, ["y[7]", "whole numbers"]),
        ({"x_train": np.ones((40, 2)), "y_train": np.arange(40) % 2, "x_test": np.ones((3, 2))}, ["classes for test"]),
        (
            {
                "x_train": np.ones((40, 2)),
                "y_train": np.arange(40) % 2,
                "x_test": np.ones((3, 3)),
                "y_test": np.ones(3),
            },
            ["same features"],
        ),
        (
            {
                "x_train": np.ones((40, 2)),
                "y_train": np.arange(40) % 2,
                "x_test": np.ones((3, 2)),
                "y_test": np.arange(3),
            },
            ["y_test[2]", "training part"],
        ),
        (
            {
                "x_train": np.eye(40),
                "y_train": np.arange(40) % 2,
                "x_test": np.eye(40) * 1e200,
                "y_test": np.arange(40) % 2,
            },
            ["test row", "deviations"],
        ),
    ],
)
def test_broken_npz(tmp_path, arrays, words):
    np.savez(tmp_path / "f.npz", **arrays)
    with pytest.raises(BadInput) as caught:
        from_file(tmp_path / "f.npz")
    for word in words:
        assert word in str(caught.value)


def test_a_single_array_is_no_archive(tmp_path):
    with (tmp_path / "f.npz").open("wb") as file:
        np.save(file, np.ones((3, 2)))
    with pytest.raises(BadInput, match="X and y"):
        from_file(tmp_path / "f.npz")


def test_truncated_npz(tmp_path, flowers):
    np.savez(tmp_path / "f.npz", X=flowers[0], y=flowers[1])
    content = (tmp_path / "f.npz").read_bytes()
    for size in (0, 10, len(content) // 2, len(content) - 1):
        (tmp_path / "f.npz").write_bytes(content[:size])
        with pytest.raises(BadInput, match=r"f\.npz"):
            from_file(tmp_path / "f.npz")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("1 3:1 2:1", ["line 4"]),
        ("1 2:x", ["line 4", "2:x"]),
        ("one 2:1", ["line 4", "one 2:1"]),
        ("1 2", ["line 4"]),
        ("1 2:nan", ["example 4", "finite"]),
        ("1.5 2:1", ["example 4", "whole numbers"]),
    ],
)
def test_broken_svmlight(tmp_path, line, words):
    text = "0 1:1\n1 2:1\n0 1:2\n" + line + "\n1 1:3\n" + "0 1:1\n1 2:1\n" * 20
    with pytest.raises(BadInput) as caught:
        from_file(write(tmp_path / "f.svm", text))
    for word in words:
        assert word in str(caught.value)


def test_broken_parquet(tmp_path):
    import pandas as pd  # noqa: PLC0415

    frame = pd.DataFrame({"a": np.arange(40.0), "b": ["w"] * 40, "y": np.arange(40) % 2})
    path = tmp_path / "f.parquet"
    for change, words in (
        (frame, ["column 'b'", "numbers"]),
        (frame.drop(columns="b").assign(a=frame.a.where(frame.a != 3)), ["row 4", "column 'a'"]),
        (frame.drop(columns="b").assign(a=np.inf), ["row 1", "column 'a'", "finite"]),
        (frame[["y"]], ["one column"]),
        (frame.iloc[:0], ["0 rows"]),
        (frame[["a", "b"]], ["only the class w"]),
    ):
        change.to_parquet(path)
        with pytest.raises(BadInput) as caught:
            from_file(path)
        for word in words:
            assert word in str(caught.value)


def test_parquet_without_pyarrow(tmp_path, monkeypatch):
    real = builtins.__import__

    def without(name, *args, **kwargs):
        if name.startswith("pyarrow"):
            raise ImportError(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(BadInput, match=r"pip install 'nukarumi\[parquet\]'"):
        from_file(write(tmp_path / "f.parquet", "x"))


@pytest.mark.parametrize(
    ("name", "options", "word"),
    [
        ("f.jpg", {}, "csv"),
        ("f.csv", {"label": "c"}, "label must be"),
        ("f.csv", {"label": 3}, "label must be"),
        ("f.csv", {"label": -4}, "label must be"),
        ("f.npz", {"label": "c"}, "label is an option"),
        ("f.npz", {"header": True}, "header is an option"),
        ("f.csv", {"loss": "hinge"}, "linear model"),
        ("f.csv", {"batch_size": 0}, "batch_size"),
        ("f.csv", {"lable": 0}, "lable"),
    ],
)
def test_refused_options(tmp_path, name, options, word):
    path = write(tmp_path / name, "\n".join(GOOD))
    with pytest.raises(BadInput, match=word):
        load(path, **options)


def test_missing_file_and_empty_folder(tmp_path):
    with pytest.raises(BadInput, match="digits"):
        load(str(tmp_path / "nothing.csv"))
    with pytest.raises(BadInput, match="exists"):
        from_file(tmp_path / "nothing.csv")
    with pytest.raises(BadInput, match="train-images"):
        load(tmp_path)
