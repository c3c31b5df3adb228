"""Machine code is made once and kept; later processes need no compiler; without either there is a sentence."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

import nukarumi.linear

PROGRAM = """
import sys
if "blocked" in sys.argv:
    sys.modules["numba"] = None
import json
import numpy as np
from nukarumi.linear import AdagradClassifier
before = sys.modules.get("numba") is not None
try:
    model = AdagradClassifier(max_iter=1, tol=None, shuffle=False).fit(np.eye(4), [0, 1, 0, 1])
    print(json.dumps([model.coef_.tolist(), before, sys.modules.get("numba") is not None]))
except Exception as error:
    print(json.dumps([type(error).__name__, str(error)]))
"""


def ran(folder, *words):
    environment = {**os.environ, "NUKARUMI_CACHE_DIR": str(folder)}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True, env=environment
    )
    return json.loads(ended.stdout)


def test_the_compiler_is_needed_once(tmp_path):
    missing = ran(tmp_path, "blocked")
    assert missing[0] == "BadInput"
    assert "pip install numba" in missing[1]
    first = ran(tmp_path)
    assert first[1:] == [False, True]
    assert ran(tmp_path) == [first[0], False, False]
    assert ran(tmp_path, "blocked") == [first[0], False, False]


def test_damaged_code_is_made_anew(tmp_path):
    first = ran(tmp_path)
    (kept,) = tmp_path.glob("linear-mirror-dense-float64-*.o")
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-3])
    assert ran(tmp_path) == first
    assert kept.read_bytes() == whole


@pytest.mark.parametrize("name", nukarumi.linear.__all__)
def test_public_names(name):
    assert getattr(nukarumi.linear, name).__doc__
    assert name in dir(nukarumi.linear)


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="AdagradClasifier"):
        _ = nukarumi.linear.AdagradClasifier
