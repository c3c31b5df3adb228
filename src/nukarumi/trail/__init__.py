"""What happened: one columnar record of a walk or a training run, written by observers and only read by views.

A `Trail` holds rows (steps) and columns (loss, and for every parameter array the norms, the quantiles of the state
and of the effective learning rate). A `Recorder` writes one row for an update that it watches. ``docs/trail.md``
describes the columns and the file.
"""

from __future__ import annotations

from nukarumi.trail.columns import QUANTILES, SMALL
from nukarumi.trail.reading import SAMPLE, read_array
from nukarumi.trail.record import Trail
from nukarumi.trail.recorder import Recorder, Steps
from nukarumi.trail.storage import VERSION

__all__ = ["QUANTILES", "SAMPLE", "SMALL", "VERSION", "Recorder", "Steps", "Trail", "read_array"]
