"""The class on disk: one SQLite file in which every answer stands exactly once, whatever happens to the server.

The file is written through a log (WAL) that reaches the disk before a commit returns (synchronous=FULL); an answer is
acknowledged only after that. Its key is the question and the learner, so that an answer that is sent again lands in the
same place. A learner is known by the keyed hash of a secret that only the learner's own browser holds.
"""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import json
import os
import secrets
import sqlite3
import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nukarumi._errors import BadInput

__all__ = ["LONGEST_NAME", "LONGEST_OPTION", "MOST_LEARNERS", "MOST_OPTIONS", "Look", "Question", "Refused", "Store",
           "cell", "plain"]  # fmt: skip

Phase: TypeAlias = Literal["open", "closed", "revealed"]

LONGEST_NAME = 20
LONGEST_OPTION = 80
MOST_OPTIONS = 8
MOST_LEARNERS = 2000
MOST_QUESTIONS = 1000

APPLICATION = 0x6E756B61  # "nuka", in the header of the file
VERSION = 1
SCHEMA = """
CREATE TABLE class (id TEXT NOT NULL, token TEXT NOT NULL, salt BLOB NOT NULL, began TEXT NOT NULL,
                    follow INTEGER NOT NULL, ended INTEGER NOT NULL);
CREATE TABLE learner (number INTEGER PRIMARY KEY, secret BLOB NOT NULL UNIQUE, name TEXT NOT NULL,
                      joined TEXT NOT NULL);
CREATE TABLE question (number INTEGER PRIMARY KEY, state TEXT NOT NULL, options TEXT NOT NULL,
                       phase TEXT NOT NULL CHECK (phase IN ('open', 'closed', 'revealed')), asked TEXT NOT NULL);
CREATE TABLE answer (question INTEGER NOT NULL REFERENCES question, learner INTEGER NOT NULL REFERENCES learner,
                     choice INTEGER NOT NULL, given TEXT NOT NULL, PRIMARY KEY (question, learner)) WITHOUT ROWID;
"""


class Refused(Exception):
    """What a member of the class asked for cannot be done; nothing has been changed.

    Parameters
    ----------
    why
        One word, for which the page has a sentence in each language.
    """

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


@dataclass(frozen=True)
class Question:
    """The latest question: which of the options comes true when the walk in this state is played."""

    number: int
    state: str
    options: tuple[str, ...]
    phase: Phase
    tally: tuple[int, ...]


@dataclass(frozen=True)
class Look:
    """What the class is at a moment."""

    follow: bool
    ended: bool
    names: tuple[str, ...]
    question: Question | None


class Store:
    """One class in one file; a missing file begins a new class, an existing one is resumed.

    Its methods are jobs for `together`, which runs some of them as one transaction. Only one thread may use it at a
    time, and only one process: the file is locked for as long as it is open.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    BadInput
        If the file is something else, cannot be written, or is open in another server.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     store = Store(Path(folder, "class.sqlite"))
    ...     jobs = [lambda: store.ask("terrain=bowl", ["SGD", "none"]), lambda: store.join("0" * 32, "Kenji")]
    ...     _ = store.together(jobs)
    ...     _ = store.together([lambda: store.answer(1, 1, 0), lambda: store.answer(1, 1, 1)])
    ...     print(store.look().question.tally)
    ...     store.close()
    (0, 1)
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            # Nicknames are nobody else's business on a shared machine. The log gets the same permissions.
            os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        except OSError as error:
            raise BadInput("the class needs a file that can be written", f"{path} ({error.strerror})",
                           "name a file in a folder that exists: --class lesson.sqlite") from None  # fmt: skip
        self.database = sqlite3.connect(path, timeout=0.2, isolation_level=None, check_same_thread=False)
        try:
            self._open()
        except sqlite3.Error as error:
            self.database.close()
            raise BadInput("the file must hold a class, and no other server may have it open", f"{path} ({error})",
                           "end the other server, or name a new file") from None  # fmt: skip
        except BadInput:
            self.database.close()
            raise
        self.id, self.token, self._salt = self.database.execute("SELECT id, token, salt FROM class").fetchone()

    def _open(self) -> None:
        run = self.database.execute
        run("PRAGMA locking_mode = EXCLUSIVE")
        made = run("PRAGMA application_id").fetchone() + run("PRAGMA user_version").fetchone()
        empty = not run("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if not empty and made != (APPLICATION, VERSION):  # nothing has been written into it
            raise BadInput("the file must hold a class of this version of nukarumi", self.path, "name a new file")
        for pragma in ("journal_mode = WAL", "synchronous = FULL", "foreign_keys = ON"):
            run(f"PRAGMA {pragma}")
        run("BEGIN EXCLUSIVE")
        if empty:
            for statement in SCHEMA.split(";")[:-1]:
                run(statement)
            run(f"PRAGMA application_id = {APPLICATION}")
            run(f"PRAGMA user_version = {VERSION}")
            fresh = (secrets.token_hex(8), secrets.token_urlsafe(24), secrets.token_bytes(32), _now())
            run("INSERT INTO class VALUES (?, ?, ?, ?, 1, 0)", fresh)
        run("COMMIT")

    def close(self) -> None:
        """Fold the log into the file and let it go."""
        self.database.close()

    def together(self, jobs: Sequence[Callable[[], Any]]) -> list[Any]:
        """Run jobs as one transaction; when this returns, it is on the disk.

        A job that is refused gives its `Refused` in place of a result, having changed nothing; the others count.

        Raises
        ------
        sqlite3.Error
            If it cannot be written; then no job has changed anything.
        """
        results: list[Any] = []
        self.database.execute("BEGIN IMMEDIATE")
        try:
            for job in jobs:
                try:
                    results.append(job())
                except Refused as refused:
                    results.append(refused)
            self.database.execute("COMMIT")
        except BaseException:
            if self.database.in_transaction:
                self.database.execute("ROLLBACK")
            raise
        return results

    # --- Jobs -------------------------------------------------------------------------------------------------------

    def join(self, secret: str, name: str) -> tuple[int, tuple[int, int] | None]:
        """Admit a learner, or know one again; the learner's number, and the answer to the latest question if any."""
        key = hmac.digest(self._salt, secret.encode(), hashlib.sha256)
        run = self.database.execute
        known = run("SELECT number FROM learner WHERE secret = ?", (key,)).fetchone()
        if known is None:
            if self._class()[1]:
                raise Refused("ended")
            if run("SELECT count(*) FROM learner").fetchone()[0] >= MOST_LEARNERS:
                raise Refused("full")
            known = (run("INSERT INTO learner VALUES (NULL, ?, ?, ?)", (key, name, _now())).lastrowid,)
        else:
            run("UPDATE learner SET name = ? WHERE number = ? AND name <> ?", (name, known[0], name))
        given = run(
            "SELECT question, choice FROM answer WHERE learner = ? AND question = (SELECT max(number) FROM question)",
            known,
        ).fetchone()
        return known[0], given

    def answer(self, learner: int, question: int, choice: int) -> None:
        """Keep a learner's answer in place of an earlier one."""
        found = self._question()
        if found is None or found[0] != question or found[3] != "open" or self._class()[1]:
            raise Refused("closed")
        if not 0 <= choice < len(json.loads(found[2])):
            raise Refused("option")
        self.database.execute(
            "INSERT INTO answer VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET"
            " choice = excluded.choice, given = excluded.given WHERE choice <> excluded.choice",
            (question, learner, choice, _now()),
        )

    def ask(self, state: str, options: Sequence[str]) -> int:
        """Open a question, and close the one before; its number."""
        if self._class()[1]:
            raise Refused("ended")
        last = self._question()
        number = 1 if last is None else last[0] + 1
        if number > MOST_QUESTIONS:
            raise Refused("full")
        self._close()
        row = (number, state, json.dumps(list(options), ensure_ascii=False), _now())
        self.database.execute("INSERT INTO question VALUES (?, ?, ?, 'open', ?)", row)
        return number

    def shut(self) -> None:
        """Take no more answers to the latest question."""
        self._close()

    def reveal(self) -> None:
        """Take no more answers to the latest question, and let everybody see how they fell."""
        if self._question() is None:
            raise Refused("closed")
        self.database.execute(
            "UPDATE question SET phase = 'revealed' WHERE number = (SELECT max(number) FROM question)"
        )

    def follow(self, on: bool) -> None:
        """Let the learners' pages follow the instructor's, or not."""
        self.database.execute("UPDATE class SET follow = ?", (on,))

    def end(self) -> None:
        """End the class: no more learners, questions and answers; what is there stays."""
        self._close()
        self.database.execute("UPDATE class SET ended = 1")

    def _close(self) -> None:
        self.database.execute("UPDATE question SET phase = 'closed' WHERE phase = 'open'")

    # --- Looking ----------------------------------------------------------------------------------------------------

    def _class(self) -> tuple[int, int]:
        return self.database.execute("SELECT follow, ended FROM class").fetchone()  # type: ignore[no-any-return]

    def _question(self) -> tuple[int, str, str, Phase] | None:
        return self.database.execute(  # type: ignore[no-any-return]
            "SELECT number, state, options, phase FROM question ORDER BY number DESC LIMIT 1"
        ).fetchone()

    def look(self) -> Look:
        """See what the class is now."""
        follow, ended = self._class()
        names = tuple(name for (name,) in self.database.execute("SELECT name FROM learner ORDER BY number"))
        found, question = self._question(), None
        if found is not None:
            number, state, written, phase = found
            options = tuple(json.loads(written))
            counts = dict(
                self.database.execute(
                    "SELECT choice, count(*) FROM answer WHERE question = ? GROUP BY choice", (number,)
                )
            )
            question = Question(number, state, options, phase, tuple(counts.get(k, 0) for k in range(len(options))))
        return Look(bool(follow), bool(ended), names, question)

    def table(self) -> str:
        """Write all answers as CSV, a row for each learner and question; no cell can become a formula."""
        text = io.StringIO()
        text.write("\ufeff")  # without it, spreadsheets read Japanese names as something else
        rows = csv.writer(text, lineterminator="\r\n")
        rows.writerow(["question", "learner", "nickname", "answer", "given", "asked", "state"])
        for number, learner, name, options, choice, given, asked, state in self.database.execute(
            "SELECT question, learner, name, options, choice, given, asked, state FROM answer"
            " JOIN learner ON learner.number = learner JOIN question ON question.number = question"
            " ORDER BY question, learner"
        ):
            words = (name, json.loads(options)[choice], given, asked, state)
            rows.writerow([number, learner, *map(cell, words)])
        return text.getvalue()


def cell(text: str) -> str:
    """Mark a text that a spreadsheet would take for a formula as a text.

    Examples
    --------
    >>> cell("=1+1"), cell("Kenji"), cell("＠home")
    ("'=1+1", 'Kenji', "'＠home")
    """
    return (
        f"'{text}"
        if unicodedata.normalize("NFKC", text.lstrip())[:1] in tuple("=+-@|%") or text[:1].isspace()
        else text
    )


def plain(text: str, longest: int) -> str:
    """Reduce a text to one line without invisible signs: nothing that breaks a line, a page's direction or a file.

    Raises
    ------
    Refused
        If nothing is left, or more than that many characters.

    Examples
    --------
    >>> plain(" Ken\\u202eji\\n さん ", 20)
    'Kenji さん'
    """
    normal = unicodedata.normalize("NFC", " ".join(text.split()))
    # Of the format signs only the joiner that emoji are made with is kept.
    seen = "".join(
        sign for sign in normal if sign == "\u200d" or not unicodedata.category(sign).startswith("C")
    ).strip()
    if not seen.strip("\u200d \u3164\u115f\u1160\u2800") or len(seen) > longest:
        raise Refused("name")
    return seen


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")
