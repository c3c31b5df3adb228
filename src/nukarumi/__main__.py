"""``python -m nukarumi`` is the command ``nukarumi``."""

from __future__ import annotations

import sys

from nukarumi.cli import main

if __name__ == "__main__":
    sys.exit(main())
