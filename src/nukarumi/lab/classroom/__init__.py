"""A class in one room: an instructor leads, learners answer on their phones, and every acknowledged answer is on disk.

`store` keeps the class in one SQLite file, `hub` carries messages between the people, `app` opens the doors.
"""

from __future__ import annotations

from nukarumi.lab.classroom.app import application, serve_class
from nukarumi.lab.classroom.hub import Hub
from nukarumi.lab.classroom.store import Refused, Store

__all__ = ["Hub", "Refused", "Store", "application", "serve_class"]
