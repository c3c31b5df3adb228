"""A class: nothing acknowledged is lost, nothing is stored twice, nobody but the instructor leads or reads names."""

from __future__ import annotations

import asyncio
import contextlib
import csv
import io
import json
import os
import socket
import sqlite3
import stat
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest
from class_people import OPTIONS, STATE, Person, Room, close_rooms, everybody_leaves
from lab_running import Running
from test_server import ask
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from nukarumi._errors import BadInput
from nukarumi.cli import main
from nukarumi.lab.classroom import Hub, Refused, Store
from nukarumi.lab.classroom.hub import LONGEST_MESSAGE
from nukarumi.lab.classroom.store import LONGEST_NAME, cell, plain
from nukarumi.lab.page import page


@pytest.fixture(autouse=True, scope="module")
def no_room_is_left():
    """A room that a failed test has left open is closed."""
    yield
    close_rooms()


@pytest.fixture(autouse=True)
def nobody_is_left():
    """Whoever a test has brought in leaves at its end."""
    yield
    everybody_leaves()


@pytest.fixture
def room(tmp_path):
    """A class of its own, closed afterwards without a word on standard error."""
    running = Room(tmp_path / "class.sqlite")
    yield running
    running.close()


@pytest.fixture(scope="module")
def crowd(tmp_path_factory):
    """A class for tests that leave it as it is."""
    running = Room(tmp_path_factory.mktemp("class") / "class.sqlite")
    Person.teacher(running).ask()
    yield running
    assert running.close().startswith("The class is closed. Its answers are in ")
    assert running.process.returncode == 0


def stored(path):
    """All answers in the file: (question, nickname, choice)."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        return database.execute(
            "SELECT question, name, choice FROM answer JOIN learner ON number = learner ORDER BY question, number"
        ).fetchall()


# --- Nothing is lost ------------------------------------------------------------------------------------------------


def test_twenty_learners_and_a_server_that_is_killed_again_and_again(tmp_path):
    room = Room(tmp_path / "class.sqlite")
    teacher = Person.teacher(room)
    learners = [Person.learner(room, f"learner {k}") for k in range(20)]
    for number in range(1, 4):
        teacher.ask(number)
        for k, learner in enumerate(learners):
            learner.answer((k + number) % 4, number)
            if k % 2:  # the others do not wait for their acknowledgement
                learner.hear("kept", lambda kept, number=number: kept["question"] == number)
        room.kill()
        kept = {name: choice for question, name, choice in stored(room.path) if question == number}
        assert {f"learner {k}": (k + number) % 4 for k in range(1, 20, 2)}.items() <= kept.items()
        room = room.again()
        teacher = Person.teacher(room)
        learners = [Person.learner(room, f"learner {k}", learner.secret) for k, learner in enumerate(learners)]
        for k, learner in enumerate(learners):
            said = learner.welcome["answer"]
            assert said in (None, {"question": number, "choice": (k + number) % 4})
            assert said or k % 2 == 0, "an acknowledged answer is there"
            for _ in range(2):  # said again, and once more
                learner.answer((k + number) % 4, number)
                learner.hear("kept")
    desk = teacher.hear("desk", lambda desk: desk["here"] == 20 and sum(desk["question"]["tally"]) == 20)
    assert desk["question"]["tally"] == [5, 5, 5, 5]
    assert len(desk["names"]) == 20
    room.close()
    assert Counter(question for question, _, _ in stored(room.path)) == {1: 20, 2: 20, 3: 20}
    assert [choice for question, _, choice in stored(room.path) if question == 3] == [(k + 3) % 4 for k in range(20)]


def test_the_link_of_the_instructor_and_the_class_survive_a_restart(room):
    teacher = Person.teacher(room)
    teacher.say(type="follow", on=False)
    teacher.hear("desk", lambda desk: not desk["follow"])
    token = room.token
    room.kill()
    again = room.again()
    assert again.token == token
    assert not Person.teacher(again).hear("desk")["follow"]
    room.process = again.process


def test_what_cannot_be_written_is_not_acknowledged(tmp_path, monkeypatch):
    store = Store(tmp_path / "class.sqlite")

    async def attempt():
        hub = Hub(store)
        writer = asyncio.create_task(hub.run())
        learner, _ = await hub.write(lambda: store.join("0" * 32, "Kenji"))
        await hub.write(lambda: store.ask(STATE, OPTIONS))
        with monkeypatch.context() as patch:

            def full(jobs):
                raise sqlite3.OperationalError("database or disk is full")

            patch.setattr(store, "together", full)
            with pytest.raises(Refused, match="unsaved"):
                await hub.write(lambda: store.answer(learner, 1, 0))
        await hub.write(lambda: store.answer(learner, 1, 2))
        writer.cancel()

    with ThreadPoolExecutor(1) as elsewhere:  # the browser tests have a loop running in this thread
        elsewhere.submit(lambda: asyncio.run(attempt())).result()
    assert store.look().question.tally == (0, 0, 1, 0)
    store.close()


def test_a_refused_job_changes_nothing_and_the_others_count(tmp_path):
    store = Store(tmp_path / "class.sqlite")
    (first, _), _, (second, _) = store.together(
        [lambda: store.join("1" * 32, "a"), lambda: store.ask(STATE, OPTIONS), lambda: store.join("2" * 32, "b")]
    )
    results = store.together(
        [lambda: store.answer(first, 1, 9), lambda: store.answer(second, 1, 3), lambda: store.answer(first, 2, 0)]
    )
    assert [getattr(result, "why", None) for result in results] == ["option", None, "closed"]
    assert store.look().question.tally == (0, 0, 0, 1)
    with pytest.raises(ZeroDivisionError):
        store.together([lambda: store.answer(first, 1, 0), lambda: 1 / 0])
    assert store.look().question.tally == (0, 0, 0, 1), "all of a transaction, or nothing"
    store.close()


# --- A lesson -------------------------------------------------------------------------------------------------------


def test_a_question_from_asking_to_the_tally(room):
    teacher, kenji, mei = Person.teacher(room), Person.learner(room, "Kenji"), Person.learner(room, "Mei")
    teacher.ask()
    asked = kenji.hear("class", lambda told: told["question"])["question"]
    assert asked == {"number": 1, "state": STATE, "options": OPTIONS, "phase": "open", "tally": None}
    kenji.answer(0)
    kenji.hear("kept")
    kenji.answer(2)
    assert kenji.hear("kept")["choice"] == 2
    mei.answer(3)
    mei.hear("kept")
    assert teacher.hear("desk", lambda desk: sum(desk["question"]["tally"]) == 2)["question"]["tally"] == [0, 0, 1, 1]
    teacher.say(type="close")
    assert mei.hear("class", lambda told: told["question"]["phase"] == "closed")["question"]["tally"] is None
    mei.answer(0)
    assert mei.hear("refused")["why"] == "closed"
    teacher.say(type="reveal")
    revealed = kenji.hear("class", lambda told: told["question"] and told["question"]["phase"] == "revealed")
    assert revealed["question"]["tally"] == [0, 0, 1, 1]
    teacher.ask(2)
    teacher.say(type="end")
    mei.hear("class", lambda told: told["ended"])
    mei.answer(0, 2)
    assert mei.hear("refused")["why"] == "closed"
    late = Person(room)
    late.say(type="hello", secret="f" * 32, name="late")
    assert late.hear("refused")["why"] == "ended"


def test_learners_follow_the_state_and_those_who_come_later_see_it_too(room):
    teacher, kenji = Person.teacher(room), Person.learner(room)
    for state in ("terrain=cliff", "terrain=rosenbrock&t=3"):
        teacher.say(type="state", state=state)
        kenji.hear("state", lambda told, state=state: told["state"] == state)
    assert Person.learner(room, "Mei").hear("state")["state"] == "terrain=rosenbrock&t=3"
    teacher.say(type="follow", on=False)
    kenji.hear("class", lambda told: not told["follow"])
    teacher.say(type="state", state="terrain=bowl")
    teacher.say(type="follow", on=True)
    assert kenji.hear("state")["state"] == "terrain=bowl"
    assert [told["state"] for told in kenji.heard if told["type"] == "state"].count("terrain=bowl") == 1


def test_the_table_holds_every_answer_and_no_formula(room):
    teacher = Person.teacher(room)
    names = ["=1+1", "＝cmd", "@sum", "-2", "+3", '"quoted",name', "健二", "Mei"]
    learners = [Person.learner(room, name) for name in names]
    teacher.ask()
    for learner in learners:
        learner.answer(3)
        learner.hear("kept")
    teacher.say(type="csv")
    text = teacher.hear("csv")["text"]
    rows = list(csv.reader(io.StringIO(text.lstrip("\ufeff"))))
    assert rows[0] == ["question", "learner", "nickname", "answer", "given", "asked", "state"]
    assert [row[2] for row in rows[1:]] == ["'=1+1", "'＝cmd", "'@sum", "'-2", "'+3", '"quoted",name', "健二", "Mei"]
    assert {row[3] for row in rows[1:]} == {"none"}
    assert {row[6] for row in rows[1:]} == {STATE}


@pytest.mark.parametrize("text", ["=1", "+1", "-1", "@x", "\t=1", " =1", "＠x", "\r=", "|x", "%x"])
def test_no_cell_begins_like_a_formula(text):
    assert cell(text) == f"'{text}"


# --- Nobody else leads, nobody reads names --------------------------------------------------------------------------


@pytest.mark.parametrize("token", ["", "x", "None", "é", "\ud800", "0" * 32])
def test_without_the_token_nobody_is_the_instructor(crowd, token):
    person = Person(crowd)
    person.say(type="teach", token=token)
    assert person.hear("refused")["why"] == "token"
    assert person.until_closed() == 1008


def test_the_token_is_in_no_page_and_no_learner_hears_it(crowd):
    kenji = Person.learner(crowd)
    kenji.hear("class")
    assert crowd.token not in json.dumps(kenji.heard)
    assert '"role":"teacher"' in page("class", role="teacher")
    assert crowd.token not in page("class", role="teacher")


def test_learners_hear_no_names_and_no_tally_before_it_is_revealed(room):
    teacher = Person.teacher(room)
    people = [Person.learner(room, f"secret name {k}") for k in range(5)]
    teacher.ask()
    for person in people:
        person.answer(1)
        person.hear("kept")
    teacher.say(type="reveal")
    for k, person in enumerate(people):
        person.hear("class", lambda told: told["question"] and told["question"]["phase"] == "revealed")
        told = json.dumps([message for message in person.heard if message["type"] != "welcome"])
        assert "secret name" not in told
        assert person.welcome["name"] == f"secret name {k}"
        before = [message for message in person.heard[:-1] if message["type"] == "class" and message["question"]]
        assert all(message["question"]["tally"] is None for message in before)


LEADING = [
    {"type": "ask", "state": STATE, "options": OPTIONS},
    {"type": "state", "state": "terrain=cliff"},
    {"type": "close"},
    {"type": "reveal"},
    {"type": "follow", "on": False},
    {"type": "end"},
    {"type": "csv"},
    {"type": "teach", "token": "x"},
]
WHOLE = {"type": "answer", "id": "x", "question": 1, "choice": 0}
MALFORMED = [
    "", "null", "[]", "1", '"x"', "{", "{}", "x" * 2000, "[" * 1000, '{"type": 1}', '{"type": "nothing"}',
    '{"type": "answer"}', json.dumps(WHOLE | {"choice": -1}), json.dumps(WHOLE | {"choice": 1.5}),
    json.dumps(WHOLE | {"choice": True}), json.dumps(WHOLE | {"choice": "0"}), json.dumps(WHOLE | {"question": 2**63}),
    json.dumps(WHOLE | {"question": None}), json.dumps(WHOLE | {"id": 5}), json.dumps(WHOLE | {"more": 1}),
    json.dumps({"type": "hello", "secret": "0" * 32, "name": "again"}), b"\x00\x01", b'{"type": "close"}',
    "9" * 900, "NaN", '{"type": "\\ud800"}', *map(json.dumps, LEADING),
]  # fmt: skip


@pytest.mark.parametrize("message", MALFORMED, ids=range(len(MALFORMED)))
def test_what_no_learners_page_sends_ends_that_connection_and_harms_nobody(crowd, message):
    watcher, hostile = Person.learner(crowd, "watcher"), Person.learner(crowd, "hostile")
    before = watcher.hear("class")
    hostile.wire.send(message)
    assert hostile.hear("refused")["why"] == "unknown"
    assert hostile.until_closed() == 1008
    watcher.answer(1)
    assert watcher.hear("kept")["choice"] == 1
    assert Person.learner(crowd, "late").hear("class") == before
    watcher.leave()


def test_a_message_that_is_too_large_is_not_even_read(crowd):
    hostile = Person.learner(crowd)
    hostile.wire.send("x" * 8 * max(LONGEST_MESSAGE.values()))
    assert hostile.until_closed() == 1009
    Person.learner(crowd).hear("class")


def test_whoever_talks_too_fast_is_asked_to_come_again_later(crowd):
    hasty = Person.learner(crowd)
    for _ in range(30):
        hasty.answer(0)
    assert hasty.until_closed() == 1013
    assert hasty.heard[-1]["why"] == "slow"
    assert Person.learner(crowd, "Kenji", hasty.secret).welcome["answer"] == {"question": 1, "choice": 0}


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1", ""])
def test_only_the_classs_own_pages_may_talk_to_it(crowd, origin):
    with pytest.raises(InvalidStatus) as refused:
        Person(crowd, origin=origin)
    assert refused.value.response.status_code == 403


def test_a_foreign_name_for_this_machine_is_refused(crowd):
    with socket.create_connection(("127.0.0.1", crowd.port), timeout=20) as line:
        opening = {"sock": line, "origin": f"http://evil.example:{crowd.port}"}
        with pytest.raises(InvalidStatus) as refused, connect(f"ws://evil.example:{crowd.port}/class", **opening):
            pass
        assert refused.value.response.status_code == 403


def test_the_lab_without_a_class_talks_to_nobody(lab):
    with pytest.raises(InvalidStatus) as refused:
        Person(lab)
    assert refused.value.response.status_code in (403, 404, 426, 400)


@pytest.mark.parametrize("name", ["", "   ", "\u200b", "\u202e\u202d", "\x00", "x" * (LONGEST_NAME + 1), "\u3164"])
def test_a_nickname_has_something_to_see_and_an_end(crowd, name):
    person = Person(crowd)
    person.say(type="hello", secret="0" * 32, name=name)
    assert person.hear("refused")["why"] == "name"


def test_nicknames_are_one_line_of_visible_text():
    assert plain("a\u202eb\nc\x00d\u2066e", LONGEST_NAME) == "ab cde"
    assert plain("<img src=x onerror=1>"[:20], LONGEST_NAME) == "<img src=x onerror=1"
    assert plain("か\u3099", LONGEST_NAME) == "が"
    assert plain("👩\u200d🏫", LONGEST_NAME) == "👩\u200d🏫"


def test_an_answer_for_another_class_is_not_kept_here(crowd):
    kenji = Person.learner(crowd)
    kenji.id = "0" * 16
    kenji.answer(1)
    assert kenji.hear("refused")["why"] == "closed"


# --- The file and the command ---------------------------------------------------------------------------------------


def test_the_file_is_nobody_elses_and_holds_no_learners_secret(tmp_path):
    path = tmp_path / "class.sqlite"
    room = Room(path)
    kenji = Person.learner(room)
    room.kill()
    if os.name == "posix":
        for file in tmp_path.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) == 0o600, file
    for file in tmp_path.iterdir():
        assert kenji.secret.encode() not in file.read_bytes()
        assert bytes.fromhex(kenji.secret) not in file.read_bytes()


def test_a_file_that_is_no_class_is_refused_and_left_alone(tmp_path):
    text = tmp_path / "notes.txt"
    text.write_text("my notes, which are not a class\n" * 100)
    other = tmp_path / "other.sqlite"
    with contextlib.closing(sqlite3.connect(other)) as database:
        database.execute("CREATE TABLE mine (x)")
        database.commit()
    for path in (text, other):
        before = path.read_bytes()
        with pytest.raises(BadInput, match="the file must hold a class"):
            Store(path)
        assert path.read_bytes() == before
    with pytest.raises(BadInput, match="a file that can be written"):
        Store(tmp_path / "nowhere" / "class.sqlite")


def test_a_class_has_one_server(tmp_path):
    store = Store(tmp_path / "class.sqlite")
    with pytest.raises(BadInput, match="no other server may have it open"):
        Store(tmp_path / "class.sqlite")
    store.close()
    Store(tmp_path / "class.sqlite").close()


def test_a_class_tells_where_it_is_and_who_can_join(tmp_path):
    room = Room(tmp_path / "class.sqlite")
    assert room.lines[:2] == [f"The class is kept in {room.path}\n", f"Learners join at {room.url}\n"]
    assert room.lines[2].startswith("Only this machine reaches it")
    room.close()
    everywhere = Room(tmp_path / "other.sqlite", 0, "--host", "0.0.0.0")
    assert everywhere.lines[2].startswith("Every machine that reaches one of these addresses can join: http://")
    assert "not encrypted" in everywhere.lines[3]
    everywhere.close()


def test_a_class_is_no_report_of_a_race(capsys):
    assert main(["lab", "--class", "x.sqlite", "--race", "y"]) == 2
    assert "not allowed with" in capsys.readouterr().err


def test_a_class_at_its_doors(crowd):
    running = object.__new__(Running)
    running.port = crowd.port
    for path, role in (("/", "learner"), ("/teach", "teacher")):
        answer = ask(running, path)
        assert answer.status == 200
        assert f'"mode":"class","lang":"both","role":"{role}"'.encode() in answer.text
        assert "connect-src 'self'" in answer.headers["Content-Security-Policy"]
    assert ask(running, "/class").status == 404
    assert ask(running, "/teach", Host="evil.example").status == 421
