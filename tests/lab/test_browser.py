"""The lab in a real browser: both languages, every home, mouse, keys and touch; no error, no request, no way in."""

from __future__ import annotations

import contextlib
import csv
import io
import json
import random
import re
from pathlib import Path

import numpy as np
import pytest
from lab_browser import Watched, axe, watched

from nukarumi.lab import write_handout, write_report

PHONE = {"viewport": {"width": 360, "height": 780}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
PROJECTOR = {"viewport": {"width": 1920, "height": 1080}}


@pytest.fixture(scope="module")
def homes(lab, finished, tmp_path_factory):
    """The address of each home that is a page of its own."""
    folder = tmp_path_factory.mktemp("homes")
    return {
        "lab": lab.url,
        "handout": write_handout(folder / "lab.html").as_uri(),
        "report": write_report(finished, folder / "report.html").as_uri(),
    }


@pytest.fixture
def seen(browser, lab):
    """A lab in English, freshly opened; it must end without an error and without a request to anybody."""
    with watched(browser) as watching:
        opened(watching, lab.url)
        yield watching
        assert not watching.errors
        assert not watching.beyond(lab.url)


def opened(watching: Watched, url: str) -> None:
    watching.page.goto(url)
    watching.page.get_by_role("heading", level=1).wait_for()


def step(page) -> int:
    """The step that is shown."""
    return int(page.locator("output.time b").text_content())


def walk_until(page, least: int) -> None:
    """Wait for a playing walk to come to a step; Playwright's own waiting is forbidden by the page's policy."""
    for _ in range(300):
        if step(page) >= least:
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"it stands at step {step(page)}")


def address(page) -> str:
    """The part after #, once it says what is on the screen; it is written a moment after a change."""
    page.wait_for_timeout(600)
    return page.evaluate("location.hash")


# --- It opens -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("locale", "lang"), [("en-GB", "en"), ("ja-JP", "ja"), ("de-DE", "en")])
@pytest.mark.parametrize("home", ["lab", "handout", "report"])
def test_it_opens_in_the_readers_language_and_asks_nobody_for_anything(home, locale, lang, homes, browser):
    with watched(browser, locale=locale) as seen:
        opened(seen, homes[home])
        assert seen.page.locator(".nukarumi").get_attribute("lang") == lang
        seen.page.wait_for_timeout(500)
        assert not seen.errors
        assert seen.requests[0] == homes[home]
        assert not seen.beyond(homes[home])


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_handout_of_one_language_has_only_that(lang, browser, tmp_path):
    with watched(browser, locale={"ja": "en-GB", "en": "ja-JP"}[lang]) as seen:
        opened(seen, write_handout(tmp_path / "lab.html", lang).as_uri())
        assert seen.page.locator(".nukarumi").get_attribute("lang") == lang
        assert seen.page.get_by_text("日本語", exact=True).count() == 0
        assert not seen.errors


def test_the_language_changes_at_once(seen):
    seen.page.get_by_role("radio", name="日本語").check()
    seen.page.get_by_role("button", name="再生").wait_for()
    assert seen.page.locator(".nukarumi").get_attribute("lang") == "ja"
    assert "lang=ja" in address(seen.page)


@pytest.mark.parametrize("where", ["?lang=ja", "#lang=ja"])
def test_an_address_may_name_the_language(where, lab, browser):
    with watched(browser) as seen:
        opened(seen, lab.url + where)
        assert seen.page.locator(".nukarumi").get_attribute("lang") == ("ja" if where.startswith("#") else "en")
        assert not seen.errors


# --- Walking --------------------------------------------------------------------------------------------------------


def test_dragging_the_start_walks_everybody_again(seen):
    page = seen.page
    paths = page.locator("svg [data-handle]").locator("xpath=ancestor::*[local-name()='svg']")
    before = paths.inner_html()
    box = page.locator("[data-handle]").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 90, y + 40, steps=6)
    page.mouse.up()
    assert paths.inner_html() != before
    assert re.search(r"start=-?[\d.]+,-?[\d.]+", address(page))


def test_play_pause_one_step_and_one_step_back(seen):
    page = seen.page
    page.get_by_role("button", name="To the start").click()
    page.get_by_role("button", name="Play").click()
    walk_until(page, 3)
    page.get_by_role("button", name="Pause").click()
    at = step(page)
    page.wait_for_timeout(600)
    assert step(page) == at, "paused"
    page.get_by_role("button", name="One step", exact=True).click()
    assert step(page) == at + 1
    page.get_by_role("button", name="One step back").click()
    page.get_by_role("button", name="One step back").click()
    assert step(page) == at - 1
    page.get_by_role("button", name="To the end").click()
    assert step(page) == 60
    page.get_by_role("button", name="To the start").click()
    assert step(page) == 0


def test_one_step_back_shows_exactly_what_was_there(seen):
    page = seen.page
    forward, back = (page.get_by_role("button", name=name, exact=True) for name in ("One step", "One step back"))
    for _ in range(5):
        forward.click()
    panel = page.locator("#nukarumi-panel")
    before = panel.inner_text()
    forward.click()
    assert panel.inner_text() != before
    back.click()
    assert panel.inner_text() == before


ADDRESS = "#terrain=rosenbrock&turn=30&start=-1,1&noise=0.5&seed=7&steps=200&hikers=Adam;SGD,lr:0.001;Adagrad@torch,lr:0.5;Adagrad,lr:1.5,!no_root&chosen=2&t=17&tab=curves&logy=1"  # noqa: E501


def test_an_address_brings_back_everything(seen, lab, browser):
    seen.page.goto(lab.url + ADDRESS)
    seen.page.reload()
    assert step(seen.page) == 17
    written = address(seen.page)
    assert set(written[1:].split("&")) >= set(ADDRESS[1:].split("&")) - {"noise=0.5"}
    with watched(browser) as other:
        opened(other, lab.url + written)
        assert other.page.locator("main").inner_text() == seen.page.locator("main").inner_text()
        assert address(other.page) == written
        assert not other.errors


def test_the_back_button_and_a_typed_address_are_followed(seen, lab):
    seen.page.evaluate("location.hash = '#t=9&lang=ja'")
    seen.page.get_by_role("button", name="再生").wait_for()
    assert step(seen.page) == 9


def test_what_an_address_says_wrongly_is_named_and_left_out(browser, lab):
    with watched(browser) as seen:
        opened(seen, lab.url + "#terrain=nowhere&t=4&hikers=Adagrad,lr:-1&<img src=x onerror=alert(1)>=1")
        assert step(seen.page) == 4
        notice = seen.page.locator(".notice").inner_text()
        assert "terrain" in notice
        assert "hikers" in notice
        assert not seen.errors
        assert not seen.beyond(lab.url)


# --- A formula of one's own -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("home", ["lab", "handout"])
def test_a_typed_formula_becomes_the_terrain(home, homes, browser):
    with watched(browser) as seen:
        opened(seen, homes[home])
        page = seen.page
        field = page.locator("form input[type=text]")
        field.fill("x^2/20 + y^2 + sin(x)")
        field.press("Enter")
        assert "formula=" in address(page)
        page.get_by_role("button", name="To the end").click()
        assert not seen.errors
        assert not seen.beyond(homes[home])


@pytest.mark.parametrize(
    ("text", "says"), [("x^2 + alert(1)", "alert"), ("x^2 + $y", "$"), ("x^2 +", ""), ("(x", ""), ("x;y", ";")]
)
def test_a_formula_that_cannot_be_read_says_where(text, says, seen):
    field = seen.page.locator("form input[type=text]")
    field.fill(text)
    fault = seen.page.locator("form .fault")
    fault.wait_for()
    assert says in fault.inner_text()
    assert field.get_attribute("aria-invalid") == "true"
    assert "formula=" not in address(seen.page)


# --- Without a mouse ------------------------------------------------------------------------------------------------


def focused(page) -> dict:
    """What has the focus, and whether that can be seen."""
    return page.evaluate(
        """() => {
            const e = document.activeElement, around = e.closest('label, summary') ?? e;
            const look = () => [around, ...around.querySelectorAll('*')].map(getComputedStyle)
                .map((s) => [s.outline, s.boxShadow, s.stroke, s.fill, s.top].join()).join();
            const on = look();
            e.blur();
            const off = look();
            e.focus();
            return { name: (e.getAttribute('aria-label') ?? e.textContent ?? '').trim().slice(0, 60), tag: e.localName,
                role: e.getAttribute('role'), visible: on !== off };
        }"""
    )


def test_everything_can_be_reached_and_seen_by_keyboard(seen):
    page = seen.page
    stops = []
    for _ in range(120):
        page.keyboard.press("Tab")
        stop = focused(page)
        if stop["tag"] == "body":
            break
        stops.append(stop)
    names = " | ".join(stop["name"] for stop in stops)
    for wanted in ("Skip", "Play", "One step back", "Trailhead", "Export"):
        assert wanted in names
    assert not [stop for stop in stops if not stop["visible"]], "each stop shows the focus"
    assert len({json.dumps(stop) for stop in stops}) > 15


def test_a_walk_by_keyboard_alone(seen):
    page = seen.page
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")
    assert step(page) == 1
    page.keyboard.press("Shift+ArrowRight")
    assert step(page) == 11
    page.keyboard.press("End")
    assert step(page) == 60
    page.keyboard.press("Home")
    assert step(page) == 0
    page.keyboard.press(" ")
    walk_until(page, 2)
    page.keyboard.press(" ")
    handle = page.locator("[data-handle]")
    handle.focus()
    before = handle.get_attribute("aria-valuetext")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Shift+ArrowUp")
    assert handle.get_attribute("aria-valuetext") != before
    tabs = page.get_by_role("tab")
    tabs.first.focus()
    page.keyboard.press("ArrowRight")
    assert focused(page)["role"] == "tab"
    assert tabs.nth(1).get_attribute("aria-selected") == "true"


def test_screen_readers_are_told_each_step(seen):
    seen.page.get_by_role("button", name="One step", exact=True).click()
    seen.page.locator(".unseen[role=status]").filter(has_text="13").wait_for(state="attached")


# --- For everybody --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_lab(scheme, lab, browser):
    with watched(browser, color_scheme=scheme, reduced_motion="reduce") as seen:
        opened(seen, lab.url + "#t=12")
        for tab in ("ledger", "formula", "curves", "whatif", "dialects"):
            seen.page.evaluate("tab => { location.hash = '#t=12&tab=' + tab }", tab)
            seen.page.wait_for_timeout(250)
            assert axe(seen.page) == []
        assert not seen.errors


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious_in_the_report(scheme, homes, browser):
    with watched(browser, color_scheme=scheme, reduced_motion="reduce") as seen:
        opened(seen, homes["report"])
        assert axe(seen.page) == []


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("home", ["lab", "report"])
def test_a_phone_shows_everything_without_scrolling_sideways(home, lang, homes, browser):
    with watched(browser, **PHONE) as seen:
        opened(seen, f"{homes[home]}#lang={lang}")
        for tab in ("ledger", "formula", "curves", "whatif", "dialects") if home == "lab" else ("",):
            seen.page.evaluate(
                "hash => { location.hash = hash }", f"#lang={lang}&t=12&tab={tab}" if tab else f"#lang={lang}"
            )
            seen.page.wait_for_timeout(200)
            assert seen.page.evaluate("document.scrollingElement.scrollWidth") <= 360, tab
        assert not seen.errors


def test_targets_are_large_enough_for_a_finger(lab, browser):
    with watched(browser, **PHONE) as seen:
        opened(seen, lab.url)
        small = seen.page.evaluate(
            """() => [...document.querySelectorAll('button, select, summary, [role=tab], '
                + 'input:not([type=radio]):not([type=checkbox]), label:has(> input:is([type=radio], [type=checkbox]))')]
                .filter((e) => e.checkVisibility({ visibilityProperty: true }) && !e.closest('[inert], .unseen'))
                .map((e) => [e.getBoundingClientRect(), e])
                .filter(([box]) => box.width > 0 && Math.min(box.width, box.height) < 43.5)
                .map(([box, e]) => `${e.outerHTML.slice(0, 90)} ${box.width.toFixed()} x ${box.height.toFixed()}`)"""
        )
        assert small == []


def test_a_projector_shows_map_playback_and_panel_at_once(lab, browser):
    with watched(browser, **PROJECTOR) as seen:
        opened(seen, lab.url + "#t=12")
        page = seen.page
        assert page.evaluate("document.scrollingElement.scrollWidth") <= 1920
        for part in (
            page.locator(".hero svg").first,
            page.get_by_role("button", name="Play"),
            page.get_by_role("tab").first,
        ):
            box = part.bounding_box()
            assert box["y"] + min(box["height"], 300) <= 1080
        assert page.locator(".hero").bounding_box()["width"] > 800


def test_three_dimensions_are_there_and_the_map_comes_back(seen):
    page = seen.page
    page.get_by_role("radio", name="3-D").check()
    page.locator(".stage canvas").first.wait_for()
    page.wait_for_timeout(500)
    page.get_by_role("button", name="One step", exact=True).click()
    page.get_by_role("radio", name="Map").check()
    page.locator("[data-handle]").wait_for()
    seen.errors[:] = [error for error in seen.errors if "GPU stall" not in error]  # software rendering says this


# --- Nothing breaks, nothing is executed ----------------------------------------------------------------------------

NASTY = [
    *("<script>window.hacked=1</script>", "javascript:window.hacked=1", "window.hacked=1", "alert(1)", "x.constructor"),
    *("constructor", "__proto__", "toString", "Adagrad@constructor", "Adagrad,!constructor", "Adagrad,__proto__:1"),
    *("NaN", "Infinity", "-0", "1e999", "1e-999", "SGD,lr:NaN", "1/0", "exp(exp(exp(x)))", "sin(x*1e300)", "sqrt(-x)"),
    *("%", "%zz", "%E3%81", "\u0000", "..", "=", "&&", ";;", "💥", "ぬかるみ", "x" * 500, "(" * 90 + "x" + ")" * 90),
]
PARTS = {
    "lang": ["en", "ja", "de"],
    "words": ["metaphor", "maths"],
    "terrain": ["bowl", "cliff", "saddle", "rastrigin", "ackley"],
    "formula": ["x^2+y^2", "sin(x)*cos(y)", "exp(x)/y", "log(x)"],
    "box": ["-1,1,-1,1", "1,0,0,1"],
    "turn": ["45", "359"],
    "start": ["1,2", "1e6,-1e6", "1"],
    "noise": ["0.1", "100"],
    "seed": ["1", "4294967295"],
    "steps": ["1", "4096", "0"],
    "hikers": ["SGD,lr:0.1", "Adam;Adagrad@torch;Momentum,lr:10", "Adagrad,!no_eps", "Adadelta;RMSprop@keras"],
    "chosen": ["0", "5"],
    "t": ["0", "7", "4096"],
    "line": ["-1", "3"],
    "map": ["2d"],
    "curve": ["memory", "rate"],
    "tab": ["ledger", "formula", "curves", "whatif", "dialects"],
    "logx": ["1"],
    "logy": ["1"],
    "speed": ["60"],
    "theme": ["dark"],
    "hide": ["tabs,hikers", "map"],
    "lock": ["start"],
}


def random_address(dice: random.Random) -> str:
    items = []
    for _ in range(dice.randint(1, 7)):
        name = dice.choice([*PARTS] * 4 + NASTY)
        value = dice.choice(PARTS.get(name, NASTY) * 3 + NASTY)
        items.append(f"{name}={value}" if dice.random() < 0.95 else dice.choice(NASTY))
    text = "&".join(items)
    if dice.random() < 0.2:  # somebody's finger slipped
        at = dice.randrange(len(text))
        text = text[:at] + chr(dice.randint(32, 0x2FF)) + text[at + dice.randint(0, 3) :]
    return text


def test_a_thousand_random_addresses_break_nothing(seen):
    dice = random.Random(20261124)
    addresses = [random_address(dice) for _ in range(1000)]
    alive = seen.page.evaluate(
        """async (addresses) => {
            for (const address of addresses) {
                location.hash = address;
                await new Promise((go) => setTimeout(go));
            }
            location.hash = '#t=5';
            await new Promise((go) => setTimeout(go, 300));
            return { hacked: 'hacked' in window, t: document.querySelector('output.time b').textContent,
                scripts: document.querySelectorAll('script:not([type="application/json"])').length,
                polluted: Object.keys(Object.prototype).length };
        }""",
        addresses,
    )
    assert alive == {"hacked": False, "t": "5", "scripts": 1, "polluted": 0}


def test_a_label_in_a_report_is_never_executed(browser, finished, tmp_path):
    result = finished.to_dict()
    for number, standing in enumerate(result["standings"]):
        standing["optimizer"] = (
            f"<img src=x onerror='window.hacked=1'></script><script>window.hacked=1</script>{number}"
        )
    (tmp_path / "result.json").write_text(json.dumps(result))
    with watched(browser) as seen:
        opened(seen, write_report(tmp_path).as_uri())
        seen.page.wait_for_timeout(300)
        assert seen.page.evaluate("'hacked' in window") is False
        assert not seen.errors


# --- The report, and what can be taken home -------------------------------------------------------------------------


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_report_shows_every_optimizer(lang, homes, browser):
    with watched(browser) as seen:
        opened(seen, f"{homes['report']}#lang={lang}")
        text = seen.page.locator("main").inner_text()
        for name in ("SGD", "Adagrad", "Adam"):
            assert name in text
        assert seen.page.locator("main svg").count() >= 3
        assert not seen.errors


def take(page, what: str) -> str:
    """Export something from the terrain view; its text."""
    page.locator(".tools summary").click()
    with page.expect_download() as waiting:
        page.locator(".tools .menu").get_by_role("button", name=what).click()
    return Path(waiting.value.path()).read_text(encoding="utf-8-sig")


SCENES = {
    "the first": "",
    "noise, turned, dialects": ADDRESS,
    "broken, beyond all numbers": "#steps=300&hikers=SGD,lr:30;Adagrad,lr:1.5,!no_root;Adam,lr:1,!no_eps",
    "a formula": "#formula=x^2/20+%2B+y^2+%2B+x*y^4&steps=90&noise=0.25&seed=3&start=-2,1&hikers=Adagrad;RMSprop@keras",
}


@pytest.mark.parametrize("scene", SCENES)
def test_the_exported_program_walks_the_exported_walk_to_the_last_bit(scene, lab, browser):
    with watched(browser, accept_downloads=True) as seen:
        opened(seen, lab.url + SCENES[scene])
        rows = list(csv.DictReader(io.StringIO(take(seen.page, "CSV"))))
        program = take(seen.page, "Python")
        assert not seen.errors
    done: dict = {}
    with contextlib.redirect_stdout(io.StringIO()):
        exec(compile(program, "exported.py", "exec"), done)
    assert len(rows) > 50
    for number, places in done["walks"].items():
        table = np.array([[float(row["x"]), float(row["y"])] for row in rows if row["hiker"] == str(number)])
        finite = np.isfinite(places).all(axis=1)
        assert np.array_equal(table[: len(places)][finite], places[finite])
        assert len(table) >= finite.sum()


@pytest.mark.parametrize(("what", "start"), [("PNG", b"\x89PNG\r\n\x1a\n"), ("SVG", b"<")])
def test_pictures_can_be_taken_home(what, start, seen):
    seen.page.locator(".tools summary").click()
    with seen.page.expect_download() as waiting:
        seen.page.locator(".tools .menu").get_by_role("button", name=what).click()
    content = Path(waiting.value.path()).read_bytes()
    assert content.startswith(start)
    assert len(content) > 2000
