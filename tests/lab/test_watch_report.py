"""A watched script's report says what was found, in both languages, and shows what its steps did."""

import csv
import io
import json
import os
import re
import subprocess
import sys
import textwrap
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from lab_browser import axe, watched
from lab_running import Running

from nukarumi import SGD, Adagrad, cli
from nukarumi._errors import BadInput
from nukarumi.lab import page
from nukarumi.lab.reports import LARGEST, report, watch_report
from nukarumi.lab.reports import watched as gather
from nukarumi.sensor import Finding, Kind, diagnose, watch
from nukarumi.trail import Trail

# Sparse embeddings with settings that one finds in many recommenders: the loss stays where it is.
SCRIPT = """
    import torch

    torch.manual_seed(0)
    torch.set_num_threads(1)
    table, head = torch.nn.EmbeddingBag(300, 8, sparse=True, mode="mean"), torch.nn.Linear(8, 1)
    model = torch.nn.ModuleDict(dict(table=table, head=head))
    optimizer = torch.optim.Adagrad(model.parameters(), lr=0.001, initial_accumulator_value=0.1)
    free = torch.nn.Parameter(torch.ones(3))
    descent = torch.optim.SGD([free], lr=0.2)
    other = torch.optim.LBFGS([torch.nn.Parameter(torch.zeros(1))])
    truth = torch.randn(300)
    for _ in range(150):
        x = torch.randint(0, 300, (64, 10))
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            head(table(x)).squeeze(1), (truth[x].mean(1) > 0).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        descent.zero_grad()
        (free * free).sum().backward()
        descent.step()
    other.step(lambda: 0.0 * truth.sum())
"""


def shell(*words, cwd):
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "nukarumi", *words], cwd=cwd, env={**os.environ, "LANG": "C.UTF-8"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def data_of(path):
    return json.loads(re.search(r'id="nukarumi-data">(.*?)</script>', Path(path).read_text())[1])


def stuck(rows=40, **options):
    """The trail of an Adagrad whose start value swallows every step."""
    opt, params = Adagrad(lr=0.001, initial_accumulator=10.0), {"W": np.ones((4, 30)), "b": np.ones(3)}
    with watch(opt, every=1, **options) as sensor:
        for step in range(rows):
            sensor.loss = 1.0 - 1e-6 * step
            opt.update(params, {name: np.full(value.shape, 1e-3) for name, value in params.items()})
    return sensor.trail


@pytest.fixture(scope="module")
def seen_folder(tmp_path_factory):
    """What `nukarumi watch` has left of the script, and what it said."""
    pytest.importorskip("torch")
    folder = tmp_path_factory.mktemp("watched")
    (folder / "train.py").write_text(textwrap.dedent(SCRIPT))
    ended = shell("watch", "--every", "3", "--out", "seen", "train.py", cwd=folder)
    assert ended.returncode == 0, ended.stderr
    assert ended.stderr == ""
    assert ended.stdout.splitlines()[-1] == f"→ {Path('seen', 'report.html')}"
    return folder / "seen"


# --- The data --------------------------------------------------------------------------------------------------------


def test_columns_and_findings_are_those_of_the_trail():
    trail = stuck()
    shown = gather(None, {"mine": trail})
    assert (shown["format"], shown["version"], shown["script"]) == ("nukarumi.watch.report", 1, None)
    (run,) = shown["runs"]
    assert (run["name"], run["optimizer"], run["library"]) == ("mine", "Adagrad", "nukarumi")
    assert run["settings"]["initial_accumulator"] == 10.0
    assert run["findings"] == [finding.to_dict() for finding in diagnose(trail)]
    assert [finding["kind"] for finding in run["findings"]] == ["never_started"]
    assert run["step"] == list(range(1, 41))
    np.testing.assert_allclose(run["loss"], trail.loss, rtol=5e-4)
    assert [layer["name"] for layer in run["layers"]] == ["W", "b"]
    for layer in run["layers"]:
        assert set(layer["measures"]) == {"gradient_cosine", "saturated", "unmoved", "swallowed"}
        for name, column in layer["measures"].items():
            wanted = trail.column(layer["name"], name)
            known = np.isfinite(wanted)
            np.testing.assert_allclose(np.array(column, float)[known], wanted[known], rtol=5e-4)
            assert [number is None for number in column] == (~known).tolist()
        for name, fan in layer["fans"].items():
            np.testing.assert_allclose(np.transpose(fan), trail.column(layer["name"], name), rtol=5e-4)
    json.dumps(shown, allow_nan=False)


def test_measures_that_say_nothing_are_left_out():
    opt, params = SGD(lr=0.1), {"W": np.ones((4, 5))}
    with watch(opt, every=1) as sensor:
        for _ in range(10):
            opt.update(params, {"W": params["W"].copy()})
    assert np.isnan(sensor.trail.column("W", "saturated")).all()
    (layer,) = gather(None, {"sgd": sensor.trail})["runs"][0]["layers"]
    assert "saturated" not in layer["measures"]
    assert "nonfinite_states" not in layer["measures"]
    assert layer["measures"]["unmoved"] == [0.0] * 10


def test_infinite_states_are_counted():
    opt, params = Adagrad(lr=0.1, on_nonfinite="ignore"), {"W": np.ones(40, np.float32)}
    with watch(opt, every=1) as sensor, np.errstate(all="ignore"):
        for _ in range(10):
            opt.update(params, {"W": np.full(40, 1e30, np.float32)})
    run = gather(None, {"a": sensor.trail})["runs"][0]
    assert run["layers"][0]["measures"]["nonfinite_states"] == [40.0] * 10
    assert "frozen" in [finding["kind"] for finding in run["findings"]]


def test_findings_can_be_given():
    given = [Finding(Kind.FROZEN, ("W",), {"frozen_share": float("nan")})]
    run = gather(None, {"mine": stuck()}, {"mine": given})["runs"][0]
    assert [finding["kind"] for finding in run["findings"]] == ["frozen"]
    assert run["findings"][0]["evidence"] == {"frozen_share": None}


def test_a_trail_without_measures_has_a_report():
    trail = Trail({"W": (2, 2)}, states=("h",))
    for step in range(1, 12):
        trail.append(step, 1.0 / step, {"W": {"gradient_norm": 1.0 / step, "step_norm": 0.1 / step}})
    (run,) = gather(None, {"bare": trail})["runs"]
    assert (run["optimizer"], run["library"], run["settings"]) == ("bare", None, {})
    assert run["layers"][0]["measures"] == {}


def test_a_large_trail_is_thinned_and_keeps_its_ends():
    trail = Trail({f"W{n}": (100, 10) for n in range(60)}, states=("h",), capacity=4096)
    for step in range(1, 1502):
        trail.append(step, 1.0 / step, {})
    shown = gather(None, {"long": trail})
    assert len(json.dumps(shown)) <= LARGEST
    assert shown["runs"][0]["recorded"] == 1501
    assert shown["runs"][0]["step"][0] == 1
    assert shown["runs"][0]["step"][-1] == 1501
    assert 10 < len(shown["runs"][0]["step"]) < 1501


def test_the_folder_gives_what_the_page_holds(seen_folder):
    shown = data_of(seen_folder / "report.html")
    assert shown["mode"] == "report"
    assert shown["report"] == report(seen_folder) == gather(seen_folder)
    assert shown["report"]["script"] == "train.py"
    assert str(seen_folder.parent) not in (seen_folder / "report.html").read_text()
    adagrad, sgd = shown["report"]["runs"]
    assert [adagrad["name"], sgd["name"]] == ["1-adagrad", "2-sgd"]
    assert (adagrad["updates"], adagrad["recorded"], adagrad["failed"]) == (150, 50, None)
    assert adagrad["findings"][0]["kind"] == "never_started"
    assert adagrad["findings"] == json.loads((seen_folder / "findings.json").read_text())[0]["findings"]
    assert [finding["kind"] for finding in sgd["findings"]] == ["arrived"]
    assert [each["optimizer"] for each in shown["report"]["refused"]] == ["LBFGS"]


def test_the_lab_shows_the_folder_of_a_watched_script(seen_folder):
    running = Running("--port", "0", "--race", str(seen_folder))
    try:
        with urllib.request.urlopen(running.url, timeout=20) as answer:
            text = answer.read().decode()
    finally:
        running.close()
    shown = json.loads(re.search(r'id="nukarumi-data">(.*?)</script>', text)[1])
    assert shown["report"] == data_of(seen_folder / "report.html")["report"]


def test_the_hook_is_handed_over_and_a_page_that_cannot_be_made_is_one_sentence(
    tmp_path, monkeypatch, capsys, seen_folder
):
    (tmp_path / "report.html").mkdir()
    assert cli._watch_report(tmp_path, {"mine": stuck()}) is None
    assert capsys.readouterr().err.startswith("nukarumi: there is no report.html: the page needs the name of a file")
    monkeypatch.setattr(page, "STATIC", tmp_path)  # nobody has built the page
    page.built.cache_clear()
    try:
        assert cli._watch_report(tmp_path, {"mine": stuck()}) is None
        assert "there is no report.html: the lab needs its page" in capsys.readouterr().err
    finally:
        page.built.cache_clear()


def test_what_was_not_watched_is_refused(tmp_path):
    with pytest.raises(BadInput, match="the folder that nukarumi watch has written"):
        watch_report(tmp_path)
    with pytest.raises(BadInput, match="needs the trail of an optimizer"):
        watch_report(tmp_path, {})
    (tmp_path / "findings.json").write_text("[3]")
    with pytest.raises(BadInput, match="a file that nukarumi watch wrote"):
        report(tmp_path)
    (tmp_path / "findings.json").write_text('[{"optimizer": "Adam", "trail": "../gone.safetensors"}]')
    with pytest.raises(BadInput):
        report(tmp_path)
    with pytest.raises(BadInput, match="a folder that exists"):
        watch_report(tmp_path / "nowhere", {"mine": stuck()})
    assert not (tmp_path / "report.html").exists()


# --- The page --------------------------------------------------------------------------------------------------------


def shown_in(browser, path, lang, **options):
    return watched(browser, locale={"ja": "ja-JP", "en": "en-GB"}[lang], **options), Path(path).as_uri()


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_the_page_says_what_was_found(seen_folder, browser, lang):
    finding = json.loads((seen_folder / "findings.json").read_text())[0]["findings"][0]
    opening, url = shown_in(browser, seen_folder / "report.html", lang)
    with opening as seen:
        seen.page.goto(url)
        found = seen.page.locator("#report-found").locator("xpath=ancestor::section")
        found.wait_for()
        text = found.inner_text()
        assert finding["sentence"][lang] in text
        assert finding["cure"][lang] in text
        assert {"ja": "警告", "en": "Alarm"}[lang] in text  # not by colour alone
        assert "table.weight" in text
        assert "LBFGS" in text
        inside = seen.page.locator("#report-inside").locator("xpath=ancestor::section")
        assert inside.locator("h3").all_inner_texts()[0].startswith("table.weight")  # what is named comes first
        assert inside.locator(".plot svg").count() == 3 * 9
        assert "train.py" in seen.page.locator("h2").first.inner_text()
        seen.page.get_by_role("button", name="2-sgd").click()
        assert {"ja": "到着", "en": "Arrived"}[lang] in found.inner_text()
        assert finding["sentence"][lang] not in found.inner_text()
        assert not seen.errors
        assert not seen.beyond(url)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(seen_folder, browser, scheme):
    opening, url = shown_in(browser, seen_folder / "report.html", "en", color_scheme=scheme, reduced_motion="reduce")
    with opening as seen:
        seen.page.goto(url)
        seen.page.locator("#report-found").wait_for()
        assert axe(seen.page) == []


@pytest.mark.parametrize("lang", ["ja", "en"])
def test_a_phone_shows_it_without_scrolling_sideways(seen_folder, browser, lang):
    opening, url = shown_in(browser, seen_folder / "report.html", lang, viewport={"width": 360, "height": 780})
    with opening as seen:
        seen.page.goto(url)
        seen.page.locator("#report-found").wait_for()
        assert seen.page.evaluate("document.scrollingElement.scrollWidth") <= 360
        assert not seen.errors


def test_what_can_be_taken_home_is_what_was_recorded(seen_folder, browser):
    trail = Trail.load(seen_folder / "1-adagrad.safetensors")
    opening, url = shown_in(browser, seen_folder / "report.html", "en", accept_downloads=True)
    with opening as seen:
        seen.page.goto(url)
        section = seen.page.locator("#report-inside").locator("xpath=ancestor::section")
        section.locator("summary").click()
        with seen.page.expect_download() as waiting:
            section.get_by_role("button", name="CSV").click()
        rows = list(csv.DictReader(io.StringIO(Path(waiting.value.path()).read_text(encoding="utf-8-sig"))))
    rows = [row for row in rows if row["layer"] == "table.weight"]
    assert [int(row["step"]) for row in rows] == trail.steps.tolist()
    for name in ("step_norm", "swallowed", "unmoved"):
        np.testing.assert_allclose(
            [float(row[name]) for row in rows], trail.column("table.weight", name), rtol=5e-4, atol=1e-12
        )
    assert "seed" not in rows[0]


def test_many_layers_are_drawn_when_they_are_asked_for(browser, tmp_path):
    trail = Trail({f"W{n}": (2, 2) for n in range(12)})
    for step in range(1, 12):
        trail.append(step, float("nan"), {})
    opening, url = shown_in(browser, watch_report(tmp_path, {"many": trail}), "en")
    with opening as seen:
        seen.page.goto(url)
        section = seen.page.locator("#report-inside").locator("xpath=ancestor::section")
        assert section.locator("h3").count() == 8
        section.get_by_role("button", name="Show all 12 layers").click()
        assert section.locator("h3").count() == 12
        assert "sensor.loss = loss" in seen.page.locator("main").inner_text()
        assert not seen.errors


def test_a_name_cannot_leave_its_place(browser, tmp_path):
    """An array is called whatever somebody called it; in the page it is data."""
    name = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"
    trail = Trail({name: (2, 2)})
    trail.meta["script"] = name
    trail.append(1, 1.0, {})
    opening, url = shown_in(browser, watch_report(tmp_path, {name: trail}), "en")
    with opening as seen:
        seen.page.goto(url)
        seen.page.locator("#report-inside").wait_for()
        assert name in seen.page.locator("main").inner_text()
        assert not seen.errors
        assert not seen.beyond(url)
