"""Has the training arrived, or is it exhausted? A sensor on any optimizer, and what its readings mean.

`watch` puts a sensor on an optimizer of ours, of PyTorch, of Keras or of optax; `diagnose` says what the trail shows;
`whatif` sends the recorded gradients through another rule. ``docs/sensor.md`` tells the whole.
"""

from __future__ import annotations

from nukarumi.sensor.attach import KNOWN, watch
from nukarumi.sensor.base import Sensor, Writer
from nukarumi.sensor.diagnosis import diagnose
from nukarumi.sensor.ending import Ending, ending
from nukarumi.sensor.findings import Finding, Kind
from nukarumi.sensor.look import MEASURES
from nukarumi.sensor.recording import Recording
from nukarumi.sensor.whatif import WhatIf, whatif

__all__ = [
    "KNOWN",
    "MEASURES",
    "Ending",
    "Finding",
    "Kind",
    "Recording",
    "Sensor",
    "WhatIf",
    "Writer",
    "diagnose",
    "ending",
    "watch",
    "whatif",
]
