"""Puts the fakes where worker processes find them too: they get this process's import path."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
