"""``nukarumi watch script.py``: the script does not know, and the end tells."""

import json
import os
import subprocess
import sys
import textwrap

import pytest

from nukarumi.cli import main
from nukarumi.trail import Trail

pytest.importorskip("torch")

SCRIPT = """
    import pickle, sys
    import torch

    class Bag:
        pass

    assert __name__ == "__main__"
    assert sys.argv == [__file__, "--lr", "0.001", "--every", "7"], sys.argv
    assert sys.path[0] == {folder!r}
    from beside import SIZE
    torch.manual_seed(0)
    torch.set_num_threads(1)
    table, head = torch.nn.EmbeddingBag(SIZE, 8, sparse=True, mode="mean"), torch.nn.Linear(8, 1)
    model = torch.nn.ModuleDict(dict(table=table, head=head))
    optimizer = torch.optim.Adagrad(model.parameters(), lr=float(sys.argv[2]), initial_accumulator_value=0.1)
    other = torch.optim.LBFGS([torch.nn.Parameter(torch.zeros(1))])
    truth = torch.randn(SIZE)
    for _ in range(150):
        x = torch.randint(0, SIZE, (64, 10))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            head(table(x)).squeeze(1), (truth[x].mean(1) > 0).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert type(pickle.loads(pickle.dumps(Bag()))) is Bag
    other.step(lambda: 0.0 * truth.sum())
    print("weights", head.weight.sum().item())
    sys.exit(3)
"""


@pytest.fixture
def script(tmp_path):
    (tmp_path / "beside.py").write_text("SIZE = 300\n")
    path = tmp_path / "train.py"
    path.write_text(textwrap.dedent(SCRIPT).replace("{folder!r}", repr(str(tmp_path))))
    return path


def call(*words, folder):
    environment = {**os.environ, "LANG": "C.UTF-8"}
    return subprocess.run(
        [sys.executable, "-W", "ignore", *words], capture_output=True, text=True, check=False, cwd=folder,
        env=environment,
    )  # fmt: skip


def test_an_unchanged_script_is_watched(script, tmp_path):
    words = [str(script), "--lr", "0.001", "--every", "7"]
    plain = call(*words, folder=tmp_path)
    assert plain.returncode == 3, plain.stderr
    watched = call("-m", "nukarumi", "watch", "--every", "3", "--out", "seen", *words, folder=tmp_path)
    assert watched.returncode == 3, watched.stderr
    assert watched.stdout.splitlines()[0] == plain.stdout.strip()  # the same weights to the last digit
    assert "1-adagrad: 150 updates, 50 recorded" in watched.stdout
    assert "Never started" in watched.stdout
    assert "LBFGS: a sensor knows these optimizers of torch.optim" in watched.stdout
    told = json.loads((tmp_path / "seen" / "findings.json").read_text())
    assert told[0]["findings"][0]["kind"] == "never_started"
    assert told[0]["findings"][0]["arrays"] == ["table.weight"] or "table.weight" in told[0]["findings"][0]["arrays"]
    trail = Trail.load(tmp_path / "seen" / told[0]["trail"])
    assert list(trail.arrays) == ["table.weight", "head.weight", "head.bias"]
    assert trail.loss[0] == pytest.approx(0.69, abs=0.1)


def test_an_optimizer_without_a_gradient_is_not_said_to_have_arrived(tmp_path):
    script = tmp_path / "cut.py"
    script.write_text(
        "import torch\n"
        "weight = torch.nn.Parameter(torch.ones(3))\n"
        "optimizer = torch.optim.SGD([weight], lr=0.1)\n"
        "for _ in range(20):\n"
        "    loss = weight.detach().sum().requires_grad_()\n"
        "    loss.backward()\n"
        "    optimizer.step()\n"
    )
    done = call("-m", "nukarumi", "watch", "--every", "1", "--lang", "en", "cut.py", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Nothing was read: no parameter of this optimizer had a gradient." in done.stdout
    assert "Arrived" not in done.stdout
    done = call("-m", "nukarumi", "watch", "--every", "1", "--lang", "ja", "cut.py", folder=tmp_path)
    assert "勾配が一つも届いていません" in done.stdout


def test_errors_of_the_script_are_its_own(tmp_path):
    script = tmp_path / "broken.py"
    script.write_text("print('here')\nraise KeyError('mine')\n")
    done = call("-m", "nukarumi", "watch", "--lang", "ja", "broken.py", folder=tmp_path)
    assert done.returncode == 1
    assert "KeyError: 'mine'" in done.stderr
    assert done.stdout.splitlines() == ["here", "このスクリプトでは、PyTorch の最適化手法が一歩も動きませんでした。"]
    done = call("-m", "nukarumi", "watch", "--json", "broken.py", folder=tmp_path)
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_bad_words(capsys, tmp_path):
    assert main(["watch", str(tmp_path / "nowhere.py")]) == 2
    assert "runs a Python script. Received" in capsys.readouterr().err
    (tmp_path / "a.py").write_text("")
    assert main(["watch", "--every", "0", str(tmp_path / "a.py")]) == 2
    assert main(["watch"]) == 2
    assert main(["watch", "--help"]) == 0
