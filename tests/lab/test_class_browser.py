"""A class in real browsers: the instructor and two phones, a nickname like markup, a server that dies."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import pytest
from class_people import Room, close_rooms
from lab_browser import watched
from playwright.sync_api import expect
from test_browser import axe

PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
STILL = {"reduced_motion": "reduce"}  # axe must not see a colour on its way to another
MARKUP = "<img src=x onerror=a"


@pytest.fixture
def room(tmp_path):
    running = Room(tmp_path / "class.sqlite")
    yield running
    close_rooms()


def enter(phone, room, name, join="Join"):
    phone.page.goto(room.url)
    phone.page.get_by_role("textbox").first.fill(name)
    phone.page.get_by_role("button", name=join, exact=True).click()
    expect(phone.page.get_by_text(name, exact=True)).to_be_visible()


def ahead(page):
    """The lines that the map draws where the hikers have not yet been."""
    return page.locator("svg path[opacity='.6'][d^='M']")


def connections(room):
    """What the pages of a class may ask for: themselves and their socket."""
    return re.compile(rf"(http://127\.0\.0\.1:{room.port}/(teach)?(#.*)?|data:.*|blob:.*)")


def test_a_lesson_with_two_phones(browser, room, tmp_path):
    with (
        watched(browser, accept_downloads=True, **STILL) as desk,
        watched(browser, **PHONE, **STILL) as kenji,
        watched(browser, **PHONE, **STILL, locale="ja-JP") as mei,
    ):
        desk.page.goto(room.teach)
        expect(desk.page.get_by_text(room.url, exact=True)).to_be_visible()
        expect(desk.page.get_by_role("img", name=f"QR code for {room.url}")).to_be_visible()
        assert room.token not in desk.page.url, "it is taken out of the address"
        enter(kenji, room, MARKUP)
        enter(mei, room, "芽衣", "参加")
        expect(desk.page.get_by_text("2 learners are here")).to_be_visible()

        # Learners follow.
        desk.page.get_by_role("combobox", name="Terrain").select_option("cliff")
        place = desk.page.get_by_role("combobox", name="Terrain").locator("option:checked").text_content()
        expect(kenji.page.get_by_role("combobox", name="Terrain").locator("option:checked")).to_have_text(place)
        expect(kenji.page.get_by_role("combobox", name="Terrain")).to_be_disabled()

        # Ask, answer, change the answer, close.
        desk.page.get_by_role("button", name="Ask: which hiker arrives first?").click()
        options = kenji.page.get_by_role("group", name="Which hiker arrives first?").get_by_role("button")
        expect(options).to_have_text(["SGD", "Momentum", "Adagrad", "None arrives"])
        for page in (desk.page, kenji.page):  # nothing tells the answer
            expect(page.locator("output.time b")).to_have_text("0")
            expect(ahead(page)).to_have_count(0)
            assert page.get_by_role("tab").count() == 0
            assert axe(page) == []
        assert kenji.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        options.filter(has_text="SGD").click()
        expect(kenji.page.get_by_text("Your answer is in. You may still change it.")).to_be_visible()
        options.filter(has_text="Adagrad").click()
        expect(options.filter(has_text="Adagrad")).to_have_attribute("aria-pressed", "true")
        mei.page.get_by_role("button", name="だれも着かない").click()
        expect(mei.page.get_by_text("回答を受け付けました。まだ選び直せます。")).to_be_visible()
        tally = desk.page.get_by_role("list", name="How the class answered").locator("b")
        expect(tally).to_have_text(["0", "0", "1", "1"])
        assert kenji.page.get_by_role("list", name="How the class answered").count() == 0
        desk.page.get_by_role("button", name="Close the question").click()
        expect(options.first).to_be_disabled()

        # Reveal: everybody sees the tally, and the walk plays on the phones too.
        desk.page.get_by_role("button", name="Reveal and play").click()
        expect(kenji.page.get_by_role("list", name="How the class answered").locator("b")).to_have_text(
            ["0", "0", "1", "1"]
        )
        expect(mei.page.get_by_role("list", name="みんなの回答").locator("b")).to_have_text(["0", "0", "1", "1"])
        expect(kenji.page.locator("output.time b")).not_to_have_text("0")
        expect(ahead(kenji.page)).not_to_have_count(0)

        # The nickname is text, and nobody else's page has it.
        desk.page.get_by_text("Nicknames of all who have joined (2)").click()
        expect(desk.page.get_by_role("listitem").filter(has_text=MARKUP)).to_have_text(MARKUP)
        assert desk.page.locator("img").count() == 0
        assert MARKUP not in mei.page.locator("body").inner_text()
        assert "芽衣" not in kenji.page.locator("body").inner_text()

        for page in (desk.page, kenji.page, mei.page):
            assert axe(page) == []
        assert mei.page.evaluate("document.documentElement.scrollWidth <= innerWidth")

        with desk.page.expect_download() as saved:
            desk.page.get_by_role("button", name="Answers (CSV)").click()
        table = Path(saved.value.path()).read_text(encoding="utf-8-sig")
        rows = list(csv.reader(io.StringIO(table)))
        assert [(row[2], row[3]) for row in rows[1:]] == [(MARKUP, "Adagrad"), ("芽衣", "none")]

        for page in (desk, kenji, mei):
            assert not page.errors
            assert all(connections(room).fullmatch(url) for url in page.requests), page.requests


def test_pages_come_back_by_themselves_after_the_server_has_died(browser, room):
    with watched(browser) as desk, watched(browser, **PHONE) as kenji:
        desk.page.goto(room.teach)
        enter(kenji, room, "Kenji")
        desk.page.get_by_role("button", name="Ask: which hiker arrives first?").click()
        momentum = kenji.page.get_by_role("group").get_by_role("button", name="Momentum")
        expect(momentum).to_be_enabled()
        room.kill()
        expect(kenji.page.get_by_text("The connection is broken.")).to_be_visible()
        momentum.click()  # said while nobody hears
        expect(kenji.page.get_by_text("Sending…")).to_be_visible()
        room.again()
        expect(kenji.page.get_by_text("Your answer is in. You may still change it.")).to_be_visible(timeout=30_000)
        expect(desk.page.get_by_role("list", name="How the class answered").locator("b")).to_have_text(
            ["0", "1", "0", "0"], timeout=30_000
        )
        # A page that is loaded again is the same learner, with the same answer.
        kenji.page.reload()
        expect(momentum).to_have_attribute("aria-pressed", "true")
        desk.page.reload()
        expect(desk.page.get_by_text("1 learner is here")).to_be_visible()
        assert [error for error in desk.errors + kenji.errors if "ERR_CONNECTION_REFUSED" not in error] == []


def test_the_instructors_page_without_the_token_leads_nobody(browser, room):
    with watched(browser) as desk:
        desk.page.goto(f"{room.url}teach")
        expect(desk.page.get_by_role("alert")).to_contain_text("needs the instructor’s link")
        expect(desk.page.get_by_role("button", name="Ask: which hiker arrives first?")).to_be_disabled()
        assert not desk.errors
