"""Text is read to the last bit, in blocks of any size, and what is malformed is named by file, line and column."""

from __future__ import annotations

import gzip
import os
import random
import struct
import threading
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import scipy.sparse as sp
from sklearn.datasets import dump_svmlight_file, load_svmlight_file
from sklearn.utils import murmurhash3_32

from nukarumi._errors import BadInput
from nukarumi.linear import load_svmlight
from nukarumi.linear.reading import ahead, batches, format_of, read_stretch, stretches


def tokens():
    """Numbers in all the ways that people write them: many digits, few, halfway cases, the ends of the range."""
    rng = random.Random(0)
    out = ["0", "-0.0", "+5", ".5", "5.", "00012", "0e999", "1e-400", "4.9e-324", "1.7976931348623157e308"]
    out += ["2.2250738585072011e-308", "9007199254740993", "9007199254740992.999", "1.5" + "0" * 30, "0." + "3" * 40]
    for power in range(-30, 30):
        out += [f"{m}e{power}" for m in (1, 3, 7, 9007199254740993, 18014398509481986, 4503599627370497.5)]
    for _ in range(20000):
        wild = struct.unpack("d", struct.pack("Q", rng.getrandbits(64)))[0]
        value = wild if rng.random() < 0.4 and abs(wild) < np.inf else rng.uniform(-1, 1) * 10 ** rng.randint(-20, 20)
        out.append(rng.choice([repr(value), f"{value:.17g}", f"{value:.6g}", f"{value:.25e}", f"{value:.3E}"]))
    return out


def test_numbers_are_rounded_as_python_rounds_them(tmp_path):
    words = tokens()
    (tmp_path / "n.svm").write_text("".join(f"{word} 0:{word}\n" for word in words))
    X, y = load_svmlight(tmp_path / "n.svm")
    wanted = np.array([float(word) for word in words])
    for found in (X.data, y):
        wrong = np.flatnonzero(found.view(np.uint64) != wanted.view(np.uint64))
        assert not len(wrong), [(words[i], found[i]) for i in wrong[:5]]


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "a.svm"
    rng = np.random.default_rng(0)
    X = sp.csr_matrix(np.round(rng.random((500, 60)), 3) * (rng.random((500, 60)) < 0.1))
    y = rng.choice([-1.0, 1.0], 500)
    dump_svmlight_file(X, y, str(path), comment="two\nlines")
    return path, X, y


@pytest.mark.parametrize("block", [1, 37, 1000, 1 << 23])
@pytest.mark.parametrize("packed", [False, True])
def test_blocks_of_any_size_make_the_same_rows(written, tmp_path, block, packed):
    path, X, y = written
    if packed:
        path = tmp_path / "a.svm.gz"
        path.write_bytes(gzip.compress(written[0].read_bytes()))
    parts = list(ahead(batches(path, block=block)))
    assert sum(part.X.shape[0] for part in parts) == 500
    whole = sp.vstack([sp.csr_matrix((p.X.data, p.X.indices, p.X.indptr), shape=(p.X.shape[0], 60)) for p in parts])
    assert (whole != X).nnz == 0
    assert np.array_equal(np.concatenate([part.y for part in parts]), y)
    assert parts[-1].share == 1.0
    assert len(parts) > 100 or block > 1000 or packed or block == 1000


@pytest.mark.parametrize("block", [1, 37, 1000, 1 << 23])
@pytest.mark.parametrize("packed", [False, True])
def test_parts_of_any_size_make_the_same_rows(written, tmp_path, block, packed):
    """Every line is in one part, whatever the parts' order."""
    path, X, y = written
    path, X, y = tmp_path / ("some.svm.gz" if packed else "some.svm"), X[:60], y[:60]
    text = b"".join(written[0].read_bytes().splitlines(keepends=True)[:65])
    path.write_bytes(gzip.compress(text) if packed else text)
    rows = sum(len(batch.y) for batch in batches(path))
    parts = [list(read_stretch(part)) for part in reversed(stretches(path, block=block))]
    found = [batch for part in reversed(parts) for batch in part]
    assert sum(len(batch.y) for batch in found) == rows
    assert np.array_equal(np.concatenate([batch.y for batch in found]), written[2][:rows])
    entries = np.concatenate([batch.X.data for batch in found])
    assert np.array_equal(entries, written[1][:rows].data)
    assert len(parts) == (1 if packed or block > 1000 else -(-len(text) // block))


@pytest.mark.parametrize("block", [3, 10, 1 << 23])
def test_a_malformed_line_in_a_part_is_named_as_in_the_whole(tmp_path, block):
    path = tmp_path / "bad.svm"
    path.write_text("1 0:1\n\n# a comment\n-1 1:2\n1 1:x\n1 1:1\n")
    with pytest.raises(BadInput, match=r"bad\.svm, line 5, column 5: expected a finite number"):
        [list(read_stretch(part)) for part in stretches(path, block=block)]
    path.write_text("1 0:1\n-1 1:2\n1 0:")
    with pytest.raises(BadInput, match=r"bad\.svm, line 3: every line must end with a newline"):
        [list(read_stretch(part)) for part in stretches(path, block=block)]


def test_parts_of_parquet_are_its_row_groups(tmp_path):
    path = tmp_path / "a.parquet"
    x = np.arange(100.0)
    pq.write_table(pa.table({"x": x, "label": x % 2}), path, row_group_size=30)
    parts = [list(read_stretch(part)) for part in stretches(path)]
    assert [batch.line for part in parts for batch in part] == [1, 31, 61, 91]
    assert np.array_equal(np.vstack([batch.X for part in parts for batch in part])[:, 0], x)
    pq.write_table(pa.table({"x": [0.0] * 40 + [None], "label": [0] * 41}), path, row_group_size=30)
    with pytest.raises(BadInput, match=r"a\.parquet, row 41, column 'x'"):
        list(read_stretch(stretches(path)[1]))


def test_it_reads_what_scikit_learn_reads(written):
    ours, theirs = load_svmlight(written[0]), load_svmlight_file(str(written[0]), zero_based=True)
    for mine, other in zip((ours[0].data, ours[0].indices, ours[0].indptr, ours[1]),
                           (theirs[0].data, theirs[0].indices, theirs[0].indptr, theirs[1]), strict=True):  # fmt: skip
        assert np.array_equal(mine, other)


def test_comments_blank_lines_query_numbers_and_all_kinds_of_space(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes(b"# head\n\n 1\tqid:7  3:.5 1:2 # why\r\n-1#bare\n \n0 1:1 1:2\n")
    X, y = load_svmlight(path)
    assert y.tolist() == [1.0, -1.0, 0.0]
    assert X.toarray().tolist() == [[0, 2, 0, 0.5], [0, 0, 0, 0], [0, 3, 0, 0]]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("1 1:2\nx 1:2\n", 2, 1, "a number, the label"),
        ("1 1:2\n1,2 1:2\n", 2, 2, "a number, the label"),
        ("1 1:2\n\n# c\n1 a:2\n", 4, 3, "a column"),
        ("1 -1:2\n", 1, 3, "a column"),
        ("1 1:2 5 6:1\n", 1, 8, "':'"),
        ("1 1:2 5: 6:1\n", 1, 9, "a finite number"),
        ("1 1:nan\n", 1, 5, "a finite number"),
        ("1 1:-inf\n", 1, 5, "a finite number"),
        ("1 1:1e999\n", 1, 5, "a finite number"),
        ("1 1:2.5.1\n", 1, 8, "a space"),
        ("1 1:2e\n", 1, 5, "a finite number"),
        ("1 99999999999:2\n", 1, 3, "below 2147483647"),
        ("1 1:2" + " 2:1" * 3 + "\n" + "1 2:1\n" * 50 + "1 3:1;\n", 52, 6, "a space"),
    ],
)
@pytest.mark.parametrize("block", [16, 1 << 23])
def test_malformed_lines_are_named(tmp_path, text, line, column, says, block):
    path = tmp_path / "bad.svm"
    path.write_text(text)
    with pytest.raises(BadInput, match=rf"bad\.svm, line {line}, column {column}: expected .*{says}"):
        list(ahead(batches(path, block=block)))


@pytest.mark.parametrize("block", [5, 1 << 23])
def test_a_file_that_ends_in_the_middle_of_a_line(tmp_path, block):
    path = tmp_path / "cut.svm"
    path.write_text("1 1:2\n-1 1:3\n1 2:0.1")
    with pytest.raises(BadInput, match=r"cut\.svm, line 3: every line must end with a newline"):
        list(batches(path, block=block))
    packed = tmp_path / "cut.svm.gz"
    packed.write_bytes(gzip.compress(b"1 1:2\n" * 10000)[:-20])
    with pytest.raises(BadInput, match="whole gzip file"):
        list(batches(packed))
    (tmp_path / "empty.svm").write_text("")
    assert list(batches(tmp_path / "empty.svm")) == []
    assert load_svmlight(tmp_path / "empty.svm")[0].shape == (0, 0)


def murmur(name, seed=0):
    return int(murmurhash3_32(name, seed=seed, positive=True))


def test_vowpal_wabbits_text(tmp_path):
    path = tmp_path / "a.vw"
    path.write_text(
        "1 2.0 'tag|words:0.5 good film:3 |numbers 7 12:0.25\n"
        "-1 | 7 a ab:1e2 abc abcde\n"
        "\n"
        "| unlabelled:4\n"
        "-0.5 0.1 3 mine|words good\n"
    )
    (batch,) = batches(path, bits=20)
    mask = (1 << 20) - 1
    words, numbers = murmur("words"), murmur("numbers")
    rows = [
        {murmur("good", words): 0.5, murmur("film", words): 1.5, numbers + 7: 1.0, numbers + 12: 0.25},
        {7: 1.0, murmur("a"): 1.0, murmur("ab"): 100.0, murmur("abc"): 1.0, murmur("abcde"): 1.0},
        {murmur("unlabelled"): 4.0},
        {murmur("good", words): 1.0},
    ]
    assert batch.X.shape == (4, 1 << 20)
    for found, wanted in zip(batch.X, rows, strict=True):
        assert dict(zip(found.indices.tolist(), found.data.tolist(), strict=True)) == {
            name & mask: value for name, value in wanted.items()
        }
    assert np.array_equal(batch.y, [1.0, -1.0, np.nan, -0.5], equal_nan=True)
    assert batch.weight.tolist() == [2.0, 1.0, 1.0, 0.1]


@pytest.mark.parametrize(
    ("text", "line", "column", "says"),
    [
        ("1 |a b\n1 2 3\n", 2, 6, "'\\|'"),
        ("one | a\n", 1, 1, "a number, the label"),
        ("1 2 3 4 | a\n", 1, 7, "a number, the label"),
        ("1 | a:x\n", 1, 7, "a finite number"),
        ("1 | a:1x\n", 1, 8, "a space"),
        ("1 | :3\n", 1, 5, "a name"),
        ("1 |:3 a\n", 1, 4, "a name"),
        ("1e999 | a\n", 1, 1, "a finite number"),
    ],
)
def test_malformed_vowpal_wabbit_lines_are_named(tmp_path, text, line, column, says):
    path = tmp_path / "bad.vw"
    path.write_text(text)
    with pytest.raises(BadInput, match=rf"bad\.vw, line {line}, column {column}: expected .*{says}"):
        list(batches(path))


def test_parquet(tmp_path):
    path = tmp_path / "a.parquet"
    rng = np.random.default_rng(0)
    columns = {"a": rng.random(40000), "target": rng.choice(["x", "y"], 40000), "b": rng.integers(0, 9, 40000)}
    pq.write_table(pa.table(columns), path)
    parts = list(batches(path))
    assert len(parts) > 1
    assert np.array_equal(np.vstack([part.X for part in parts]), np.column_stack([columns["a"], columns["b"]]))
    assert np.array_equal(np.concatenate([part.y for part in parts]), columns["target"])
    assert [part.line for part in parts[:2]] == [1, 1 + len(parts[0].y)]
    with pytest.raises(BadInput, match=r"a\.parquet, column 'target': features must be numbers"):
        list(batches(path, label="a"))
    with pytest.raises(BadInput, match="use one of a, target, b"):
        list(batches(path, label="c"))
    pq.write_table(pa.table({"a": [1.0, None, 3.0], "y": [0, 1, 0]}), path)
    with pytest.raises(BadInput, match=r"a\.parquet, row 2, column 'a': every field"):
        list(batches(path))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(BadInput, match="that can be read to its end"):
        list(batches(path))


def test_the_name_tells_the_format_or_the_caller_does(tmp_path):
    assert format_of(tmp_path / "x.libsvm.gz") == "svmlight"
    with pytest.raises(BadInput, match="must tell its format"):
        format_of(tmp_path / "x.dat")
    (tmp_path / "x.dat").write_text("1 1:2\n")
    assert len(list(batches(tmp_path / "x.dat", "svmlight"))) == 1
    with pytest.raises(BadInput, match="bits must be"):
        list(batches(tmp_path / "x.dat", "vw", bits=40))
    with pytest.raises(FileNotFoundError):
        list(batches(tmp_path / "none.svm"))


def test_nor_does_it_wait_for_a_standard_input_that_never_ends(monkeypatch):
    out, into = os.pipe()
    with open(out) as standard, open(into, "wb", buffering=0) as producer:
        monkeypatch.setattr("sys.stdin", standard)
        producer.write(b"1 0:1\n-1 1:1\n")
        stopped = threading.Event()
        reading = ahead(batches(Path("-"), "svmlight", block=8, stopped=stopped), stopped)
        assert next(reading).y.tolist() == [1.0]
        reading.close()  # joins the thread, which waits for the rest of a block
        assert not standard.closed


def test_the_thread_stops_when_nobody_wants_more(written):
    reading = ahead(batches(written[0], block=50))
    next(reading)
    reading.close()  # joins the thread; without an end of it this would wait for ever
    with pytest.raises(StopIteration):
        next(reading)
