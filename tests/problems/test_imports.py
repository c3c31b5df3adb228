"""Looking at the problems costs nothing but NumPy: the heavy libraries wait for the function that needs them."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["nukarumi.problems", "nukarumi.problems.terrains", "nukarumi.translate.derive"])
def test_imports_numpy_only(module):
    heavy = ["sklearn", "scipy", "pandas", "pyarrow", "numba", "torch", "keras", "jax"]
    code = f"import sys, {module}; print([name for name in {heavy} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
