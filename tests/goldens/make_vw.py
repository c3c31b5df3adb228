"""Writes vw.json: what Vowpal Wabbit predicts after one adaptive pass over lines in its own text.

pip install vowpalwabbit && python tests/goldens/make_vw.py
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import numpy as np
import vowpalwabbit

BITS, RATE = 18, 0.3
CASES = {"logistic": [], "hinge": [], "logistic without intercept": ["--noconstant"]}


def lines(rng: np.random.Generator, count: int) -> list[str]:
    """Words in two namespaces, one with a weight, numbers as names, values and tags.

    No importances: Vowpal Wabbit adds importance * g**2 to h, where the rule squares what it is given, importance * g.
    """
    out = []
    for row in range(count):
        words = rng.choice(60, 6, replace=False)
        label = 1 if (words < 30).sum() + rng.integers(0, 2) > 3 else -1
        named = " ".join(f"word{word}" for word in words[:3])
        valued = " ".join(f"w{word}:{rng.random():.3f}" for word in words[3:])
        out.append(f"{label} 'id{row}|text {named} |other:0.5 {valued} {words[0]}:0.25")
    return out


def main() -> None:
    rng = np.random.default_rng(0)
    text = {"train": lines(rng, 300), "test": lines(rng, 25)}
    found = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part, content in text.items():
            (folder / part).write_text("\n".join(content) + "\n")
        for case, more in CASES.items():
            loss = case.split()[0]
            words = ["--loss_function", loss, "--adaptive", "-l", str(RATE), "-b", str(BITS), *more, "--quiet"]
            vowpalwabbit.Workspace(
                " ".join([*words, "--no_stdin", "-d", f"{folder}/train", "-f", f"{folder}/m"])
            ).finish()
            judge = ["-t", "-i", f"{folder}/m", "-d", f"{folder}/test", "-r", f"{folder}/p", "--quiet", "--no_stdin"]
            vowpalwabbit.Workspace(" ".join(judge)).finish()
            scores = (folder / "p").read_text().splitlines()
            found[case] = [float(line.split()[0].split(":")[-1]) for line in scores]
    told = {"vowpalwabbit": vowpalwabbit.__version__, "bits": BITS, "lr": RATE, **text, "scores": found}
    Path(__file__).with_name("vw.json").write_text(json.dumps(told, indent=1) + "\n")


if __name__ == "__main__":
    main()
