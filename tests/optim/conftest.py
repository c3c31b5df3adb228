"""Puts the family's matrix (`optim_family`) where the test files of this folder find it."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
