"""Every chapter builds in both languages, with the same pictures, claims and parts, and says what the walks show."""

import doctest
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nukarumi import cli
from nukarumi._errors import BadInput
from nukarumi.lab.walks import walk as lab_walk
from nukarumi.lessons import build, claims, markdown
from nukarumi.lessons.scenes import SCENES, scene
from nukarumi.lessons.walks import walk
from nukarumi.problems.terrains import terrain

CHAPTERS = build.chapters()
BOTH = [(name, lang) for name in CHAPTERS for lang in build.LANGS]
SOURCES = Path(markdown.__file__).with_name("chapters")


def nodes(tree):
    """Every node of a tree."""
    if isinstance(tree, dict):
        if "type" in tree:
            yield tree
        for value in tree.values():
            yield from nodes(value)
    elif isinstance(tree, list):
        for value in tree:
            yield from nodes(value)


def of(name, lang, kind):
    return [node for node in nodes(CHAPTERS[name][lang].blocks) if node["type"] == kind]


def prose(name, lang):
    return "".join(node["text"] for node in nodes(CHAPTERS[name][lang].blocks) if node["type"] in ("text", "claim"))


def test_there_are_fourteen_in_both_languages():
    assert len(CHAPTERS) == 14
    assert all(set(texts) == {"en", "ja"} for texts in CHAPTERS.values())


@pytest.mark.parametrize(("name", "lang"), BOTH)
def test_a_chapter_has_all_that_a_lesson_needs(name, lang):
    pictures = of(name, lang, "picture")
    live = [picture for picture in pictures if picture["state"]]
    assert live
    assert of(name, lang, "slider"), "a number in the prose to drag"
    assert of(name, lang, "pair"), "a metaphor beside the mathematics"
    assert of(name, lang, "predict"), "predict, then reveal"
    assert of(name, lang, "claim")
    (note,) = of(name, lang, "instructor")
    said = json.dumps(note, ensure_ascii=False)
    for word in {"en": ("Time:", "sharp question"), "ja": ('"時間"', "鋭い質問")}[lang]:
        assert word in said, word
    assert 5 <= CHAPTERS[name][lang].minutes <= 30
    size = len(prose(name, lang))
    assert ({"en": 1500, "ja": 700}[lang]) < size < 9000, f"a few screens, not {size} letters"


@pytest.mark.parametrize(("name", "lang"), BOTH)
def test_pairs_have_both_sides_and_sliders_a_picture(name, lang):
    names = {picture["name"] for picture in of(name, lang, "picture")}
    assert all(pair["metaphor"] and pair["maths"] for pair in of(name, lang, "pair"))
    assert all(slider["picture"] in names for slider in of(name, lang, "slider"))
    assert all(predict["picture"] in names for predict in of(name, lang, "predict"))


@pytest.mark.parametrize("name", CHAPTERS)
def test_the_languages_differ_in_words_only(name):
    en, ja = CHAPTERS[name]["en"], CHAPTERS[name]["ja"]
    assert en.skeleton == ja.skeleton
    assert sorted(en.claims) == sorted(ja.claims)
    assert en.pictures == ja.pictures
    assert re.search(r"[ぁ-ん]", ja.title + ja.metaphor)
    assert not re.search(r"[ぁ-んァ-ン一-龥]", prose(name, "en")), "Japanese in an English chapter"


def test_a_claim_or_a_picture_in_one_language_only_is_refused():
    en = CHAPTERS["01-why-sgd-stumbles"]["en"]
    body = "---\ntitle: あ\nminutes: 15\nmetaphor: い\n---\n\n{{near}}\n"
    with pytest.raises(BadInput, match="same parts"):
        build.same({"en": en, "ja": markdown.read(body, "f", "ja")}, "f")
    one = markdown.read(body, "f", "ja")
    other = markdown.read(body.replace("{{near}}", "{{zigzag_arrival}}"), "f", "en")
    with pytest.raises(BadInput, match="same claims"):
        build.same({"en": other, "ja": one}, "f")


def test_japanese_prose_is_polite_and_full_width():
    for name in CHAPTERS:
        text = (SOURCES / "ja" / f"{name}.md").read_text(encoding="utf-8")
        sentences = [row for row in prose(name, "ja").split("。") if row]
        polite = sum(
            bool(re.search(r"(です|ます|ません|でした|ました|ください|ましょう|でしょうか|ですか)", s))
            for s in sentences
        )
        assert polite > 0.4 * len(sentences), name
        assert not re.search(r"[ぁ-ん一-龥][,.](?=\s|$)", text, re.MULTILINE), f"{name}: half-width punctuation"


def test_code_that_learners_see_runs():
    for name, lang in BOTH:
        for code in of(name, lang, "code"):
            if "language" not in code:
                continue  # a code span
            if code["language"] == "pycon":
                examples = doctest.DocTestParser().get_doctest(code["text"], {}, name, None, None)
                assert examples.examples
                assert doctest.DocTestRunner(verbose=False).run(examples).failed == 0
            elif code["language"] == "python":
                compile(code["text"], name, "exec")


def test_commands_that_learners_see_exist():
    found = set()
    for name, lang in BOTH:
        for node in nodes(CHAPTERS[name][lang].blocks):
            if node["type"] == "code" and node["text"].startswith("nukarumi race"):
                found.add(node["text"].strip())
    assert "nukarumi race --problem reviews" in found
    for command in found:
        assert cli.parser().parse_args(command.split()[1:]).command == "race"


@pytest.mark.parametrize("name", SCENES)
def test_the_lessons_walk_is_the_labs_walk(name):
    state = scene(name)
    for k, hiker in enumerate(state.hikers):
        if hiker.mistake is not None:
            continue
        ours, labs = (
            walk(state, k),
            lab_walk(
                hiker.optimizer(), terrain(state.terrain), state.start, state.steps, state.noise, state.seed, state.turn
            ),
        )
        for letter in ("x", "y", "loss"):
            assert (getattr(ours, letter) == labs[letter]).tolist() == [True] * len(labs["x"]) or name == "airbag"
        assert len(ours.x) == len(labs["x"])


def test_every_scene_is_shown_and_every_claim_is_made():
    """Nothing is computed that nobody reads."""
    shown = {str(state.but(more=())) for texts in CHAPTERS.values() for state in texts["en"].pictures.values() if state}
    assert {str(scene(name).but(more=())) for name in SCENES} == shown
    made = {claim.partition(".")[0] for texts in CHAPTERS.values() for claim in texts["en"].claims}
    assert set(claims.names()) - made == set()


def test_the_build_writes_the_tree_with_numpy_and_the_reader_alone(tmp_path):
    out = tmp_path / "new" / "lessons.json"
    heavy = ("numba", "sklearn", "scipy", "safetensors", "rich", "pandas", "torch", "starlette")
    script = f"""
import sys
for name in {heavy}:
    sys.modules[name] = None
from nukarumi.lessons.build import main
assert main([{str(out)!r}]) == 0
assert main([]) == 2
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    tree = json.loads(out.read_text(encoding="utf-8"))
    assert [chapter["number"] for chapter in tree["chapters"]] == list(range(1, 15))
    assert len(tree["glossary"]) >= 25
    for chapter in tree["chapters"]:
        for lang in ("en", "ja"):
            assert [q["id"] for q in chapter["quiz"][lang]] == [q["id"] for q in chapter["quiz"]["en"]]
    assert tree == json.loads(json.dumps(build.lessons(), ensure_ascii=False))


def test_the_tree_keeps_to_its_boundary():
    """The kinds of nodes are those that types.ts names."""
    types = Path(markdown.__file__).parents[3] / "web" / "src" / "views" / "lesson" / "types.ts"
    known = set(re.findall(r"type: '([a-z]+)'", types.read_text(encoding="utf-8")))
    found = {node["type"] for name, lang in BOTH for node in nodes(CHAPTERS[name][lang].blocks)}
    assert found <= known
    views = set(re.findall(r"\| '([a-z]+)'", types.read_text(encoding="utf-8")))
    assert set(markdown.VIEWS) <= views


def test_states_are_what_the_lab_can_read():
    """The names of the address's parts, and the limits of the lab, as url.ts and types.ts have them."""
    web = Path(markdown.__file__).parents[3] / "web" / "src" / "state"
    parts = set(re.findall(r"\w+: \['(\w+)',", (web / "url.ts").read_text(encoding="utf-8")))
    most = dict(re.findall(r"(\w+): (\d[\de]*)", re.search(r"MOST = \{(.*?)\}", (web / "types.ts").read_text())[1]))
    for texts in CHAPTERS.values():
        for state in filter(None, texts["en"].pictures.values()):
            written = dict(item.split("=", 1) for item in str(state).split("&"))
            assert set(written) <= parts
            assert state.steps <= int(most["steps"])
            assert len(state.hikers) <= int(most["hikers"])


def test_views_that_walk_the_chosen_hiker_have_it_chosen():
    """`whatif` takes the mistake, and both `whatif` and `dialects` the settings, from the chosen hiker alone."""
    for name, texts in CHAPTERS.items():
        for picture in of(name, "en", "picture"):
            if picture["view"] not in ("whatif", "dialects"):
                continue
            state = texts["en"].pictures[picture["name"]]
            chosen = int(dict(state.more)["chosen"])
            if picture["view"] == "whatif":
                assert state.hikers[chosen].mistake is not None
            for slider in of(name, "en", "slider"):
                if slider["picture"] == picture["name"]:
                    assert slider["hiker"] in (None, chosen), (name, slider)
