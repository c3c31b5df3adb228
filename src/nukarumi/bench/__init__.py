"""This machine, side by side with what else is installed: ``nukarumi bench``."""

from nukarumi.bench.report import main

__all__ = ["main"]
