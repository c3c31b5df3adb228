"""How a walk ended: the sensor decides it from the trail; a race asks it under this name."""

from __future__ import annotations

from nukarumi.sensor.ending import Ending, Signs, ending, signs

__all__ = ["Ending", "Signs", "ending", "signs"]
