"""The lessons in a real browser: every chapter in both languages, from one file on the disk, its pictures alive."""

from __future__ import annotations

from pathlib import Path

import pytest
from lab_browser import FLAGS, find_browser, watched

from nukarumi.lab import write_handout
from nukarumi.lessons.build import lessons

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True}
CALM = {"reduced_motion": "reduce"}


@pytest.fixture(scope="module")
def flat(browser):
    """The same browser without 3-D graphics, which the lessons do not need: it paints a page many times as fast."""
    flags = [flag for flag in FLAGS if "swiftshader" not in flag]
    one = browser.browser_type.launch(executable_path=find_browser(), args=[*flags, "--disable-gpu"])
    yield one
    one.close()


@pytest.fixture(scope="module")
def handout(tmp_path_factory):
    return write_handout(tmp_path_factory.mktemp("handout") / "lab.html").as_uri()


@pytest.fixture(scope="module")
def chapters():
    return lessons()["chapters"]


def opened(seen, handout, number, address="lang=en"):
    seen.page.goto("about:blank")
    seen.page.goto(f"{handout}#lesson={number}&{address}")
    seen.page.locator(f"[data-chapter='{number}'] h1").wait_for()
    return seen.page


def unveil(page):
    """Look without guessing."""
    veils = page.locator(".veil button")
    while veils.count():
        veils.first.click()


def drawn(figure):
    """What a picture shows: its step and everything drawn in it."""
    return figure.locator(".live").inner_html()


# In the page, because a thousand questions to it from outside would take minutes: every picture is looked up, made, and
# stepped; every number in the prose is moved by a key. What did not change is told.
TRY = """async () => {
  const moment = (ms = 0) => new Promise((done) => setTimeout(done, ms));
  const until = async (ready) => { for (let k = 0; k < 500 && !ready(); k++) await moment(20); };
  const dead = [], made = {};
  for (const figure of document.querySelectorAll('figure')) {
    const name = figure.dataset.picture;
    figure.scrollIntoView();
    await until(() => figure.querySelector('.live, .measured'));
    made[name] = figure.querySelector('.live')?.dataset.view ?? figure.querySelector('.measured .title')?.textContent;
    const live = figure.querySelector('.live');
    if (!live) continue;
    const before = live.innerHTML;
    const keys = live.querySelectorAll('.playback .keys button');
    (keys[3].disabled ? keys[1] : keys[3]).click();
    await moment();
    if (live.innerHTML === before) dead.push(name);
    keys[4].click();
    await moment();
  }
  for (const number of document.querySelectorAll('article input[role=spinbutton]')) {
    const [name] = number.dataset.slider.split(' ');
    const live = document.querySelector(`figure[data-picture="${name}"] .live`);
    const before = live.innerHTML, value = number.getAttribute('aria-valuenow');
    const top = value === number.getAttribute('aria-valuemax');
    const key = top ? 'ArrowDown' : 'ArrowUp';
    number.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true, cancelable: true }));
    await moment();
    if (number.getAttribute('aria-valuenow') === value || live.innerHTML === before) dead.push(number.dataset.slider);
  }
  return { dead, made };
}"""


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_chapter_opens_and_its_pictures_live(lang, chapters, handout, flat):
    with watched(flat, viewport={"width": 1100, "height": 700}, **CALM) as seen:
        page = opened(seen, handout, 1, f"lang={lang}")
        for chapter in chapters:
            text = chapter["text"][lang]
            page.evaluate("hash => { location.hash = hash }", f"lesson={chapter['number']}&lang={lang}")
            page.locator(f"[data-chapter='{chapter['number']}']").wait_for()
            assert page.get_by_role("heading", level=1).inner_text() == text["title"]
            assert page.locator(".nukarumi").get_attribute("lang") == lang
            unveil(page)
            found = page.evaluate(TRY)
            pictures = [block for block in text["blocks"] if block["type"] == "picture"]
            assert found == {
                "dead": [],
                "made": {
                    each["name"]: each["figure"]["title"] if each["figure"] else each["view"] for each in pictures
                },
            }
        assert not seen.errors
        assert not seen.beyond(handout)


def test_a_picture_has_a_state_of_its_own_and_goes_back_to_it(handout, flat):
    with watched(flat, **CALM) as seen:
        page = opened(seen, handout, 1)
        one, other = (page.locator(f"figure[data-picture='{name}']") for name in ("zigzag", "timid"))
        other.scroll_into_view_if_needed()
        other.locator(".live").wait_for()
        as_it_was, beside = one.locator("[data-walk='0']").get_attribute("d"), drawn(other)
        slider = page.locator("input[data-slider='zigzag lr']")
        slider.fill("0.3")
        assert one.locator("[data-walk='0']").get_attribute("d") != as_it_was
        assert "0.3" in one.locator(".top").inner_text()
        assert drawn(other) == beside
        slider.fill("99")
        assert slider.get_attribute("aria-invalid") == "true"
        assert float(slider.get_attribute("aria-valuenow")) == 0.3
        slider.press("Escape")
        # A hand takes the number along, and the start too.
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        page.mouse.move(box["x"] + 8, box["y"] + 8)
        page.mouse.down()
        page.mouse.move(box["x"] + 90, box["y"] + 8, steps=4)
        page.mouse.up()
        assert float(slider.get_attribute("aria-valuenow")) > 0.3
        start = one.locator("[data-handle]")
        start.scroll_into_view_if_needed()
        box = start.bounding_box()
        page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        page.mouse.down()
        page.mouse.move(box["x"] + 100, box["y"] + 60, steps=4)
        page.mouse.up()
        assert "translate" in start.get_attribute("transform")
        one.get_by_role("button", name="Reset").click()
        assert one.locator("[data-walk='0']").get_attribute("d") == as_it_was
        assert drawn(other) == beside
        assert not seen.errors


def test_a_picture_opens_in_the_lab_and_back_leads_to_the_lesson(handout, flat):
    with watched(flat, **CALM) as seen:
        page = opened(seen, handout, 1)
        page.locator("figure[data-picture='timid']").scroll_into_view_if_needed()
        page.locator("figure[data-picture='timid']").get_by_role("button", name="Open in the lab").click()
        page.get_by_role("tablist").wait_for()
        assert page.locator("output.time").inner_text().replace("\n", "") == "40/ 40"
        page.wait_for_timeout(600)
        assert "lesson" not in page.evaluate("location.hash")
        page.go_back()
        page.locator("[data-chapter='1']").wait_for()
        page.get_by_role("radio", name="Lab").check()
        page.get_by_role("tablist").wait_for()
        page.get_by_role("radio", name="Lessons").check()
        page.locator("[data-chapter='1']").wait_for()
        page.get_by_role("link", name="RMSProp forgets").click()
        page.locator("[data-chapter='10'] h1").wait_for()
        assert not seen.errors


def test_whoever_predicts_sees_the_walk(chapters, handout, flat):
    predict = next(block for block in chapters[0]["text"]["en"]["blocks"] if block["type"] == "predict")
    right = next(at for at, option in enumerate(predict["options"]) if option["right"])
    for chosen in (right, (right + 1) % len(predict["options"])):
        with watched(flat) as seen:
            page = opened(seen, handout, 1)
            figure = page.locator(f"figure[data-picture='{predict['picture']}']")
            assert figure.locator(".live").count() == 0, "the answer waits behind the question"
            card = page.locator(".predict").first
            card.locator("button").nth(chosen).click()
            assert card.locator(".verdict").inner_text() == (
                "That is what happens." if chosen == right else "It turns out differently."
            )
            assert card.locator(".reveal").inner_text().strip()
            for _ in range(100):
                if figure.locator("output.time b").count() and int(figure.locator("output.time b").inner_text()) > 2:
                    break
                page.wait_for_timeout(50)
            else:
                raise AssertionError("the walk does not play")
            assert not seen.errors


def test_the_questions_tell_right_from_wrong_and_a_wrong_formula_walks(chapters, handout, flat):
    with watched(flat, **CALM) as seen:
        page = opened(seen, handout, 4)
        questions = chapters[3]["quiz"]["en"]
        formula = questions[0]
        card = page.locator(f"[data-question='{formula['id']}']")
        wrong = next(at for at, option in enumerate(formula["options"]) if not option["right"] and option["walk"])
        card.get_by_role("button").nth(wrong).click()
        assert card.locator(".verdict").inner_text() == "Not quite."
        card.locator("[data-walk='1']").wait_for(state="attached")
        assert card.locator("[data-walk='1']").get_attribute("d") != card.locator("[data-walk='0']").get_attribute("d")
        right = next(at for at, option in enumerate(formula["options"]) if option["right"])
        card.locator(".question > ul button, ul button").nth(right).click()
        assert card.locator(".verdict").inner_text() == "Right."
        # The first answer counts.
        assert page.locator(".score").inner_text() == f"0 right, 1 of {len(questions)} answered"
        for question in (each for each in questions if each["kind"] == "number"):
            card = page.locator(f"[data-question='{question['id']}']")
            field = card.get_by_role("textbox")
            field.fill("many")
            field.press("Enter")
            card.get_by_role("alert").wait_for()
            field.fill(repr(question["answer"]))
            field.press("Enter")
            assert card.locator(".verdict").inner_text().startswith("Right.")
        assert page.locator(".score").inner_text() == f"2 right, 3 of {len(questions)} answered"
        page.get_by_role("button", name="Answer them again").click()
        assert page.locator(".score").inner_text() == f"0 right, 0 of {len(questions)} answered"
        assert not seen.errors


def test_wording_languages_and_the_instructors_notes_are_switched_and_kept_in_the_address(handout, flat):
    with watched(flat, **CALM) as seen:
        page = opened(seen, handout, 3)
        assert page.locator("[data-words=metaphor]").count() == 1
        page.get_by_role("radio", name="Mathematics").check()
        assert page.locator("[data-words=maths]").count() == 1
        assert page.locator("[data-words=metaphor]").count() == 0
        assert page.locator(".note").count() == 0
        page.get_by_role("checkbox", name="Instructor").check()
        assert page.locator(".note").count() == 1
        page.get_by_role("checkbox", name="Both languages").check()
        assert {each.get_attribute("lang") for each in page.locator(".cell").all()} == {"en", "ja"}
        left, right = (page.locator(".row .cell").nth(at).bounding_box() for at in (0, 1))
        assert left["y"] == right["y"]
        assert left["x"] + left["width"] <= right["x"]
        page.wait_for_timeout(600)
        hash_ = page.evaluate("location.hash")
        for part in ("lesson=3", "words=maths", "teacher=1", "both=1"):
            assert part in hash_
        page.reload()
        page.locator(".note").first.wait_for()
        assert page.locator(".note").count() == 2
        assert not seen.errors


def test_a_projector_shows_one_screen_at_a_time(handout, flat):
    with watched(flat, viewport={"width": 1920, "height": 1080}, **CALM) as seen:
        page = opened(seen, handout, 2)
        small = page.evaluate("parseFloat(getComputedStyle(document.querySelector('article p')).fontSize)")
        page.get_by_role("button", name="Present").click()
        assert page.locator("header.top").count() == 0
        large = page.evaluate("parseFloat(getComputedStyle(document.querySelector('article p')).fontSize)")
        assert large > 1.5 * small
        assert page.locator(".row:visible").count() == 0, "the title stands alone"
        count = int(page.locator(".bar [role=status]").inner_text().split(" ")[-1])
        shown = []
        for _ in range(count - 1):
            page.keyboard.press("ArrowRight")
            shown += [each.get_attribute("data-block") for each in page.locator(".row:visible").all()]
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert page.locator("[data-question]:visible").count() == 1
        total = page.locator(".row").count()
        assert len(shown) == total, "every block had its screen"
        page.wait_for_timeout(600)
        assert f"present=1&screen={count - 1}" in page.evaluate("location.hash")
        page.keyboard.press("Escape")
        page.locator("header.top").wait_for()
        assert page.evaluate("document.documentElement.style.fontSize") == ""
        assert not seen.errors


def test_controls_are_hidden_and_locked_by_the_address(handout, flat):
    with watched(flat, **CALM) as seen:
        page = opened(seen, handout, 2, "lang=en&hide=chapters,teacher,present,quiz,words&lock=lang")
        assert page.get_by_role("checkbox", name="Instructor").count() == 0
        for gone in ("Lab", "Hikers"):
            assert page.get_by_role("radio", name=gone).count() == 0
        assert page.get_by_role("button", name="Present").count() == 0
        assert page.locator("[data-question]").count() == 0
        assert page.get_by_role("radio", name="日本語").is_disabled()
        assert page.get_by_role("checkbox", name="Both languages").is_disabled()


def test_why_is_told_after_the_guess(handout, flat):
    """The explanation below a question would answer it."""
    told = "The flatter the ground, the less there is to get tired of."
    with watched(flat, **CALM) as seen:
        page = opened(seen, handout, 9, "lang=en&words=metaphor")
        assert page.get_by_text(told).count() == 0
        page.locator("[data-predict='smooth'] li button").first.click()
        assert page.get_by_text(told).is_visible()

        page = opened(seen, handout, 8, "lang=en&words=metaphor")
        walked = "it strides out. Nobody told the shoes"
        assert page.get_by_text(walked).count() == 0
        page.locator("[data-block='pair'] .veil button").first.click()
        assert page.get_by_text(walked).is_visible()
        assert not seen.errors


def test_what_is_locked_in_a_lesson_can_be_looked_at_but_not_changed(handout, flat):
    with watched(flat, **CALM) as seen:
        page = opened(seen, handout, 2, "lang=en&lock=chapters,teacher,present,quiz")
        assert page.get_by_role("checkbox", name="Instructor").is_disabled()
        assert page.get_by_role("button", name="Present").is_disabled()
        answers = page.locator("[data-question] button, [data-question] input")
        assert answers.count() > 0
        assert all(each.is_disabled() for each in answers.all())
        chapters = page.get_by_role("navigation", name="Chapters").get_by_role("listitem")
        assert chapters.count() == 14
        chapters.nth(4).click()
        assert page.locator("[data-chapter='2']").count() == 1
        assert page.locator("article a[href*='lesson=']:visible").count() == 0


def test_on_paper_there_are_no_controls(handout, flat):
    with watched(flat, **CALM) as seen:
        page = opened(seen, handout, 2)
        page.emulate_media(media="print")
        for gone in ("header.top", ".lessons nav", ".tools", ".playback"):
            assert page.locator(f"{gone}:visible").count() == 0, gone
        assert page.locator("article h1:visible").count() == 1
        assert page.locator(".note").count() == 0


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_a_phone_shows_every_chapter_without_scrolling_sideways(lang, chapters, handout, flat):
    with watched(flat, **PHONE, **CALM) as seen:
        page = opened(seen, handout, 1, f"lang={lang}")
        for chapter in chapters:
            page.evaluate("hash => { location.hash = hash }", f"lesson={chapter['number']}&lang={lang}&teacher=1")
            page.locator(f"[data-chapter='{chapter['number']}']").wait_for()
            unveil(page)
            # One of each view is enough here; the text is looked at in every chapter.
            if chapter["number"] in (3, 7, 8, 10, 14):
                for figure in page.locator("figure").all():
                    figure.scroll_into_view_if_needed()
            assert page.evaluate("document.documentElement.scrollWidth") <= 360, chapter["id"]
        assert not seen.errors


@pytest.mark.parametrize(("number", "address"), [
    (3, "lang=ja&theme=light&teacher=1"), (7, "lang=en&theme=dark"), (14, "lang=ja&both=1&theme=dark&words=maths"),
])  # fmt: skip
def test_axe_finds_nothing_serious(number, address, handout, flat):
    assert AXE.exists(), "axe-core is missing: run python web/node.py npm ci"
    with watched(flat, **CALM) as seen:
        page = opened(seen, handout, number, address)
        unveil(page)
        for figure in page.locator("figure").all():
            figure.scroll_into_view_if_needed()
        page.locator("[data-question] button").first.click()
        page.evaluate(AXE.read_text())
        found = page.evaluate("axe.run(document, { resultTypes: ['violations'] })")["violations"]
        assert [
            f"{each['id']}: {node['html'][:150]} ({node['failureSummary'][:200]})"
            for each in found
            if each["impact"] in ("serious", "critical") or each["id"] == "heading-order"
            for node in each["nodes"]
        ] == []
