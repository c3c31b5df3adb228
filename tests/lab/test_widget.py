"""The lab in a notebook: alive where widgets are, and the same page as plain HTML where they are not."""

import html
import json
import re
import subprocess
import sys

import pytest
from lab_browser import watched

from nukarumi._errors import BadInput
from nukarumi.lab import Lab
from nukarumi.lab.page import built, page


def test_state_language_and_height_are_traits():
    lab = Lab("#terrain=ravine&t=3", lang="ja", height=500)
    assert (lab.state, lab.lang, lab.height, lab.report) == ("terrain=ravine&t=3", "ja", 500, None)
    lab.state = "t=4"
    assert '"state":"t=4"' in html.unescape(lab.to_html())
    assert lab._esm == built("widget.js")


def test_html_is_the_whole_page_in_a_sandbox():
    shown = Lab("t=3", lang="ja").to_html()
    (inside,) = re.findall(r'srcdoc="([^"]*)"', shown)
    assert html.unescape(inside) == page("widget", lang="ja", state="t=3")
    assert 'sandbox="allow-scripts allow-downloads"' in shown


def test_a_race_is_shown_in_place_of_the_lab(finished):
    lab = Lab(race=finished)
    assert lab.report["result"]["problem"] == "digits"
    assert '"mode":"report"' in html.unescape(lab.to_html())
    assert Lab(race=finished.folder).report == lab.report


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"lang": "de"}, "lang must be"),
        ({"state": 3}, "state must be"),
        ({"state": "x" * 8193}, "state must be"),
        ({"height": 100}, "height must be"),
        ({"height": "tall"}, "height must be"),
        ({"height": True}, "height must be"),
        ({"race": "nowhere"}, "folder of a race"),
    ],
)
def test_bad_input_is_refused(options, says):
    with pytest.raises(BadInput, match=says):
        Lab(**options)


def test_a_missing_anywidget_is_said():
    code = "import sys; sys.modules['anywidget'] = None; from nukarumi.lab import Lab"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith("Cure: pip install 'nukarumi[notebook]'.")


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A notebook with one cell, executed and exported as somebody would do it; the notebook and the HTML."""
    folder = tmp_path_factory.mktemp("notebook")
    cell = {
        "cell_type": "code", "id": "one", "metadata": {}, "execution_count": None, "outputs": [],
        "source": "from nukarumi.lab import Lab\nLab('terrain=bowl&t=7', lang='en')",
    }  # fmt: skip
    notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    (folder / "one.ipynb").write_text(json.dumps(notebook))
    for form in ("notebook", "html"):
        words = ["--to", form, "--execute", "one.ipynb", "--output", "done"]
        done = subprocess.run(
            [sys.executable, "-m", "nbconvert", *words], cwd=folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
    return json.loads((folder / "done.ipynb").read_text()), folder / "done.html"


def test_a_cell_shows_the_page_and_the_widget(exported):
    outputs = exported[0]["cells"][0]["outputs"]
    kinds = [set(output["data"]) for output in outputs]
    assert kinds[0] == {"text/html", "text/plain"}
    assert "application/vnd.jupyter.widget-view+json" in kinds[1]
    assert "text/html" not in kinds[1]


def test_an_exported_notebook_shows_the_lab_without_a_network(exported, browser):
    with watched(browser, offline=True) as seen:
        seen.page.goto(exported[1].as_uri(), wait_until="domcontentloaded")
        frame = seen.page.frame_locator('iframe[title="nukarumi"]')
        frame.locator("#nukarumi .nukarumi").wait_for()
        assert "t=7" in frame.locator("#nukarumi-data").text_content()


def test_the_living_widget_takes_the_place_of_the_page(browser):
    """What a frontend does with the module: it calls render with a model and an element."""
    lab = Lab("terrain=bowl&t=7", lang="en")
    with watched(browser) as seen:
        seen.page.set_content(f"<!doctype html><body>{lab.to_html()}<div id=cell></div>")
        seen.page.frame_locator("iframe").locator("#nukarumi .nukarumi").wait_for()
        seen.page.evaluate(
            """async ([code, state]) => {
                const module = await import(URL.createObjectURL(new Blob([code], { type: "text/javascript" })));
                const model = {
                    get: (name) => state[name], set: (name, value) => { state[name] = value; }, save_changes: () => {},
                    on: () => {}, off: () => {},
                };
                window.state = state;
                window.end = await module.default.render({ model, el: document.getElementById("cell") });
            }""",
            [lab._esm, {"state": lab.state, "lang": "en", "report": None, "height": 720, "twin": lab.twin}],
        )
        seen.page.locator("#cell .nukarumi").wait_for()
        assert seen.page.locator("iframe").count() == 0
        assert not seen.errors
