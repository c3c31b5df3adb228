"""Reads a chapter into a tree, and refuses it if anything in it is not proved.

A chapter is CommonMark with a few additions (``docs/lessons.md`` describes them). A numeral in its prose must be a
claim ``{{name}}``, a slider, stand in code or maths, or be marked by the author as a setting or a count, ``[[3]]``;
so must a factor in words ("twice", 三倍). Unknown claims, pictures and formulas are refused with the file and the line.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_inline import StateInline
from markdown_it.token import Token

from nukarumi._errors import BadInput
from nukarumi.lessons import claims, figures, learner
from nukarumi.lessons.scenes import SCENES
from nukarumi.lessons.walks import HIKERS, Hiker, State, read_state, rule_of
from nukarumi.translate import lines
from nukarumi.translate.mutations import mutated

__all__ = ["Chapter", "formula", "inline", "read"]

Node = dict[str, Any]

VIEWS = ("terrain", "ledger", "formula", "curves", "whatif", "dialects", "stepper", "race", "reviews")
MEASURED = ("race", "reviews")
PARTS = ("noise", "rotation", "steps", "t", "seed", "start.x", "start.y")
SCALES = ("linear", "log", "whole")
BLOCKS = ("metaphor", "maths", "instructor", "predict")

FACTORS = {
    "en": re.compile(
        r"\b(twice|thrice|doubl\w*|tripl\w*|halv\w*|half(?! precision)|quarter|hundredfold|thousandfold|tenfold"
        r"|(two|three|four|five|six|seven|eight|nine|ten|hundreds?|thousands?|millions?)( \w+)? (times|percent))\b",
        re.IGNORECASE,
    ),
    "ja": re.compile(r"[二三四五六七八九十百千万億]+(倍|分の|割|パーセント)|半分|倍増|半減"),
}
"""Numbers in words that claim something."""


@dataclass
class Chapter:
    """One chapter in one language.

    Attributes
    ----------
    title, minutes, metaphor, prerequisites
        From its front matter.
    blocks
        The tree, as ``web/src/views/lesson/types.ts`` describes it.
    pictures
        The state of every live picture, by its name.
    skeleton
        Pictures, pairs, questions, notes and formulas in order: the same in both languages.
    claims
        The claims made, in order.
    """

    title: str
    minutes: int
    metaphor: str
    prerequisites: list[int]
    blocks: list[Node]
    pictures: dict[str, State | None]
    skeleton: list[str]
    claims: list[str]


@dataclass
class _Context:
    file: str
    lang: str
    pictures: dict[str, State | None] = field(default_factory=dict)
    skeleton: list[str] = field(default_factory=list)
    claims: list[str] = field(default_factory=list)
    sliders: list[tuple[Node, str, int, int]] = field(default_factory=list)
    predictions: list[tuple[str, int]] = field(default_factory=list)
    seen: int = 0

    def refuse(self, line: int, rule: str, received: object, cure: str) -> BadInput:
        return BadInput(f"{self.file}:{line}: {rule}", received, cure)


# Inline ------------------------------------------------------------------------------------------------------------

_MARKS: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("claim", re.compile(r"\{\{\s*([a-z0-9_.]+)\s*(?::([^|}]*)|\|([^}]*))?\}\}")),
    ("author", re.compile(r"\[\[([^\]]+)\]\]")),
    ("slider", re.compile(r"\{slider ([a-z0-9_.]+)(?::(\d))? ([-+\d.e]+)\.\.([-+\d.e]+)( \w+)?\}")),
    ("formula", re.compile(r"\{formula ([A-Za-z]+)(?:@(\w+))?(?:!(\w+))?:(\d)\}")),
    ("chapter", re.compile(r"\{chapter (\d+)\}")),
    ("maths", re.compile(r"\$([^$\n]+)\$")),
)


def _mark(state: StateInline, silent: bool) -> bool:
    text = state.src[state.pos : state.posMax]
    for name, pattern in _MARKS:
        found = pattern.match(text)
        if found:
            if not silent:
                token = state.push(f"mark_{name}", "", 0)
                token.meta = {"groups": found.groups(), "text": found[0]}
            state.pos += found.end()
            return True
    return False


def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    parser.inline.ruler.before("escape", "mark", _mark)
    return parser


_PARSER = _parser()


def _inline(tokens: list[Token], line: int, context: _Context) -> list[Node]:
    """Inline tokens as nodes; marks are looked up and prose is proved."""
    out: list[Node] = []
    stack: list[list[Node]] = [out]
    for token in tokens:
        here = stack[-1]
        match token.type:
            case "text":
                _prove(token.content, line, context)
                if token.content:
                    here.append({"type": "text", "text": token.content})
            case "softbreak":
                line += 1
                here.append({"type": "soft"})
            case "hardbreak":
                line += 1
                here.append({"type": "break"})
            case "code_inline":
                here.append({"type": "code", "text": token.content})
            case "em_open" | "strong_open" | "link_open":
                kind = {"em_open": "emphasis", "strong_open": "strong", "link_open": "link"}[token.type]
                node: Node = {"type": kind, "content": []}
                if kind == "link":
                    node["href"] = str(token.attrs["href"])
                here.append(node)
                stack.append(node["content"])
            case "em_close" | "strong_close" | "link_close":
                stack.pop()
            case mark if mark.startswith("mark_"):
                here.append(_MAKERS[mark.removeprefix("mark_")](token.meta["groups"], line, context))
            case other:
                raise context.refuse(line, "a chapter has text, emphasis, code and links", other, "leave it out")
    return _joined(out, context.lang)


def _joined(nodes: list[Node], lang: str) -> list[Node]:
    """Neighbouring texts made one; a line's end is a space, in Japanese only between a letter and a word of it."""
    out: list[Node] = []
    for k, node in enumerate(nodes):
        if "content" in node:
            node["content"] = _joined(node["content"], lang)
        kind, text = node["type"], node.get("text", "")
        if kind == "soft":
            before, after = _edge(nodes[k - 1], -1), _edge(nodes[k + 1], 0)
            spaced = lang == "en" or {_script(before), _script(after)} == {"letter", "word"}
            kind, text = "text", " " if spaced else ""
        if kind == "text" and out and out[-1]["type"] == "text":
            out[-1]["text"] += text
        elif kind == "text":
            out.append({"type": "text", "text": text})
        else:
            out.append(node)
    return [node for node in out if node["type"] != "text" or node["text"]]


def _edge(node: Node, place: int) -> str:
    """The first or the last letter of what a node shows."""
    if "content" in node:
        return _edge(node["content"][place], place) if node["content"] else ""
    if node["type"] in ("text", "claim"):
        return str(node["text"][place:][:1]) if node["text"] else ""
    return "x"


def _script(letter: str) -> str:
    """``"word"``: kana or kanji; ``"letter"``: Latin letters, digits and signs; else punctuation."""
    if re.match(r"[ぁ-んァ-ヶー一-龥々]", letter):
        return "word"
    return "letter" if (letter.isascii() and letter.strip()) or letter in ("−", "√", "ε") else ""


def _prove(text: str, line: int, context: _Context) -> None:
    """Refuse numerals and factors that nothing proves, and marks that were not understood."""
    numerals = [letter for letter in text if unicodedata.category(letter) in ("Nd", "No", "Nl")]
    factor = FACTORS[context.lang].search(text)
    if numerals or factor:
        found = factor[0] if factor else "".join(numerals)
        raise context.refuse(
            line,
            "a number in prose must be proved",
            f"{found!r} in {text.strip()[:60]!r}",
            "make it a claim {{name}}, put it in code or maths, or mark an author's setting as [[3]]",
        )
    for mark in ("{{", "}}", "[[", "]]", "{slider", "{formula", "{chapter", "$", "**", ":::"):
        if mark in text:
            raise context.refuse(line, "this mark was not understood", f"{mark} in {text.strip()[:60]!r}", "mend it")


def _claim(groups: tuple[str | None, ...], line: int, context: _Context) -> Node:
    name, form, words = groups
    assert name is not None
    try:
        found = claims.value(name)
        if words is not None:
            if found is not True:
                raise BadInput("words may only stand for a truth", f"{name} = {found!r}", "mend the words or the claim")
            _prove(words, line, context)
            text = (" " if context.lang == "en" else "").join(row.strip() for row in words.splitlines())
        else:
            if isinstance(found, bool):
                raise BadInput("a truth needs words", name, f"write {{{{{name}|the words}}}}")
            text = claims.told(found, form or "")
    except (BadInput, ValueError) as wrong:
        raise context.refuse(line, str(wrong).split(". ")[0], f"{{{{{name}}}}}", "mend the claim") from wrong
    context.claims.append(name)
    return {"type": "claim", "name": name, "text": text, "value": found}


def _author(groups: tuple[str | None, ...], line: int, context: _Context) -> Node:
    return {"type": "text", "text": groups[0]}


def _maths(groups: tuple[str | None, ...], line: int, context: _Context) -> Node:
    return {"type": "maths", "text": groups[0]}


def _chapter(groups: tuple[str | None, ...], line: int, context: _Context) -> Node:
    number = int(groups[0] or 0)
    if not 1 <= number <= CHAPTERS:
        raise context.refuse(line, f"chapters are 1 to {CHAPTERS}", number, "name one of them")
    words = f"chapter {number}" if context.lang == "en" else f"第 {number} 章"
    return {"type": "link", "href": f"#lesson={number}", "content": [{"type": "text", "text": words}]}


CHAPTERS = 14
"""How many there are."""


def _formula(groups: tuple[str | None, ...], line: int, context: _Context) -> Node:
    name, library, mistake, number = groups
    rule, shown = formula(_reference(name, library, mistake), line, context)
    k = int(number or 1) - 1
    if k >= len(shown):
        raise context.refuse(line, f"{rule} has {len(shown)} lines", number, "name one of them")
    context.skeleton.append(f"formula {rule}:{k}")
    return {"type": "formula", "rule": rule, "line": shown[k]}


def _reference(name: str | None, library: str | None, mistake: str | None) -> str:
    return f"{name}" + (f"@{library}" if library else "") + (f"!{mistake}" if mistake else "")


def formula(reference: str, line: int = 0, context: _Context | None = None) -> tuple[str, list[Node]]:
    """A rule's name and its lines for reading, by such as ``"Adagrad"``, ``"Adagrad@keras"``, ``"Adam!no_eps"``.

    Examples
    --------
    >>> rule, shown = formula("Adagrad!no_root")
    >>> rule, shown[1]["python"]
    ('adagrad!no_root', 'w = w - lr * g / (h + eps)')
    """
    found = re.fullmatch(r"([A-Za-z]+)(?:@(\w+))?(?:!(\w+))?", reference.strip())
    try:
        if not found or found[1] not in HIKERS:
            raise BadInput("a formula is an optimizer's", repr(reference), f"name one of {', '.join(HIKERS)}")
        rule = rule_of(Hiker(found[1], found[2] or "book"))
        if found[3]:
            rule = mutated(rule, found[3])
    except BadInput as wrong:
        if context is None:
            raise
        raise context.refuse(line, wrong.rule, wrong.received, wrong.cure) from wrong
    shown = [{"python": each.python, "latex": each.latex, "mathml": each.mathml} for each in lines.numbered(rule)]
    return f"{found[1].lower()}" + (f"@{found[2]}" if found[2] else "") + (f"!{found[3]}" if found[3] else ""), shown


def _slider(groups: tuple[str | None, ...], line: int, context: _Context) -> Node:
    target, hiker, low, high, scale = groups
    assert target is not None
    node: Node = {
        "type": "slider",
        "picture": "",
        "target": target,
        "hiker": int(hiker) - 1 if hiker else None,
        "value": 0.0,
        "min": float(low or 0),
        "max": float(high or 0),
        "scale": (scale or " linear").strip(),
    }
    if node["scale"] not in SCALES or not node["min"] < node["max"] or (node["scale"] == "log" and node["min"] <= 0):
        raise context.refuse(line, "a slider is {slider TARGET LOW..HIGH SCALE}", groups, f"scales are {SCALES}")
    context.sliders.append((node, target, context.seen, line))
    return node


_MAKERS: dict[str, Callable[[tuple[str | None, ...], int, _Context], Node]] = {
    "claim": _claim,
    "author": _author,
    "slider": _slider,
    "formula": _formula,
    "chapter": _chapter,
    "maths": _maths,
}


def inline(text: str, lang: str, file: str = "text") -> list[Node]:
    """One line of prose as nodes, proved like a chapter's.

    Examples
    --------
    >>> inline("Without `eps` it is [[3]] times *worse*.", "en")[1]
    {'type': 'code', 'text': 'eps'}
    """
    context = _Context(file, lang)
    tokens = _PARSER.parseInline(text)
    return _inline(tokens[0].children or [], 1, context)


# Blocks ------------------------------------------------------------------------------------------------------------


def read(text: str, file: str, lang: str) -> Chapter:
    """Read a chapter.

    Parameters
    ----------
    text
        The chapter's source.
    file
        Its name, for messages.
    lang
        ``"en"`` or ``"ja"``.

    Raises
    ------
    BadInput
        If something in it is unknown or unproved; the message begins with the file and the line.

    Examples
    --------
    >>> source = "---\\ntitle: T\\nminutes: 5\\nmetaphor: M\\nprerequisites:\\n---\\n\\nIt stops after 7 steps.\\n"
    >>> try:
    ...     read(source, "t.md", "en")
    ... except ValueError as refused:
    ...     print(str(refused)[:44])
    t.md:8: a number in prose must be proved. Re
    """
    context = _Context(file, lang)
    rows = text.splitlines()
    front, at = _front(rows, context)
    blocks = list(_blocks(rows[at:], at + 1, context))
    _bind(context)
    return Chapter(
        front["title"],
        int(front["minutes"]),
        front["metaphor"],
        [int(each) for each in front["prerequisites"].replace(",", " ").split()],
        blocks,
        context.pictures,
        context.skeleton,
        context.claims,
    )


def _front(rows: list[str], context: _Context) -> tuple[dict[str, str], int]:
    if not rows or rows[0].strip() != "---" or "---" not in [row.strip() for row in rows[1:]]:
        raise context.refuse(1, "a chapter begins with front matter between two lines of ---", rows[:1], "add it")
    end = [row.strip() for row in rows[1:]].index("---") + 1
    front = {}
    for number, row in enumerate(rows[1:end], 2):
        name, colon, value = row.partition(":")
        if not colon or name.strip() not in ("title", "minutes", "metaphor", "prerequisites"):
            raise context.refuse(number, "front matter has title, minutes, metaphor, prerequisites", row, "mend it")
        front[name.strip()] = value.strip()
        if name.strip() in ("title", "metaphor"):
            _prove(value, number, context)
    for name in ("title", "minutes", "metaphor"):
        if not front.get(name):
            raise context.refuse(1, "front matter has title, minutes, metaphor, prerequisites", f"no {name}", "add it")
    if not front["minutes"].isdigit():
        raise context.refuse(1, "minutes is a whole number", front["minutes"], "write such as 15")
    return {"prerequisites": "", **front}, end + 1


def _blocks(rows: list[str], at: int, context: _Context) -> Iterator[Node]:
    """The blocks of some lines; ``at`` is the number of the first."""
    start, k, fence = 0, 0, False
    waiting: tuple[Node, int] | None = None
    while k < len(rows):
        row = rows[k]
        if row.lstrip().startswith("```"):
            fence = not fence
        if fence or not row.startswith("::: "):
            k += 1
            continue
        plain = list(_commonmark(rows[start:k], at + start, context))
        if plain and waiting:
            raise context.refuse(waiting[1], "metaphor is followed by maths at once", "other text", "move it")
        yield from plain
        end = _end(rows, k, at, context)
        kind, _, rest = row[4:].strip().partition(" ")
        inside, line = rows[k + 1 : end], at + k
        if kind not in BLOCKS:
            raise context.refuse(line, f"a block is one of {', '.join(BLOCKS)}", repr(kind), "name one of them")
        if kind == "metaphor":
            context.skeleton.append("metaphor")
            waiting = ({"type": "pair", "metaphor": list(_blocks(inside, line + 1, context)), "maths": []}, line)
        elif kind == "maths":
            if waiting is None:
                raise context.refuse(
                    line, "maths stands right after its metaphor", "none before it", "add ::: metaphor"
                )
            context.skeleton.append("maths")
            waiting[0]["maths"] = list(_blocks(inside, line + 1, context))
            yield waiting[0]
            waiting = None
        elif kind == "instructor":
            context.skeleton.append("instructor")
            yield {"type": "instructor", "blocks": list(_blocks(inside, line + 1, context))}
        else:
            yield _predict(rest, inside, line, context)
        start = k = end + 1
    plain = list(_commonmark(rows[start:], at + start, context))
    if waiting:
        raise context.refuse(waiting[1], "metaphor is followed by maths at once", "none", "add ::: maths")
    yield from plain


def _end(rows: list[str], k: int, at: int, context: _Context) -> int:
    """Where a block that begins at row k ends; blocks may stand in blocks."""
    depth, fence = 0, False
    for end in range(k, len(rows)):
        fence ^= rows[end].lstrip().startswith("```")
        if fence:
            continue
        if rows[end].startswith("::: "):
            depth += 1
        elif rows[end].strip() == ":::":
            depth -= 1
            if depth == 0:
                return end
    raise context.refuse(at + k, "a block ends with :::", rows[k], "add the end")


def _predict(rest: str, rows: list[str], line: int, context: _Context) -> Node:
    """``::: predict PICTURE CLAIM``: the question, options ``- [word] text``, ``---``, the reveal."""
    picture, _, claim = rest.partition(" ")
    context.predictions.append((picture, line))
    options: list[Node] = []
    question: list[str] = []
    reveal: list[Node] = []
    right = _claim((claim.strip(), "", None), line, context)["value"]
    keys: list[str] = []
    for number, row in enumerate(rows, line + 1):
        found = re.match(r"- \[([\w.-]+)\] (.+)", row)
        if row.strip() == "---":
            reveal = list(_blocks(rows[number - line :], number + 1, context))
            break
        if found:
            keys.append(found[1])
            tokens = _PARSER.parseInline(found[2])[0].children or []
            options.append({"content": _inline(tokens, number, context), "right": found[1] == str(right)})
        elif row.strip():
            question.append(row.strip())
    joint = " " if context.lang == "en" else ""
    asked = _inline(_PARSER.parseInline(joint.join(question))[0].children or [], line + 1, context)
    if [option["right"] for option in options].count(True) != 1 or len(options) < 2 or not asked or not reveal:
        raise context.refuse(
            line,
            "predict has a question, options of which the walk shows one, and a reveal",
            f"{right} of {keys}",
            "mend",
        )
    context.skeleton.append(f"predict {picture} {claim.strip()} {','.join(keys)}")
    return {"type": "predict", "question": asked, "options": options, "reveal": reveal, "picture": picture}


def _commonmark(rows: list[str], at: int, context: _Context) -> Iterator[Node]:
    tokens = _PARSER.parse("\n".join(rows))
    yield from _tree(tokens, at, context)


def _tree(tokens: list[Token], at: int, context: _Context) -> Iterator[Node]:
    k = 0
    while k < len(tokens):
        token = tokens[k]
        line = at + (token.map[0] if token.map else 0)
        end = _closing(tokens, k)
        inside = tokens[k + 1 : end]
        match token.type:
            case "heading_open":
                if token.tag not in ("h2", "h3"):
                    raise context.refuse(line, "headings are ## and ###", token.tag, "change its level")
                yield {"type": "heading", "level": int(token.tag[1]), "content": _text(inside, line, context)}
            case "paragraph_open":
                yield {"type": "paragraph", "content": _text(inside, line, context)}
            case "bullet_list_open" | "ordered_list_open":
                yield {"type": "list", "ordered": token.tag == "ol", "items": list(_items(inside, at, context))}
            case "table_open":
                yield _table(inside, line, context)
            case "fence":
                yield _fence(token, line, context)
            case other:
                raise context.refuse(line, "a chapter has headings, text, lists, tables and fences", other, "change it")
        k = end + 1


def _closing(tokens: list[Token], k: int) -> int:
    if tokens[k].nesting == 0:
        return k
    depth = 0
    for end in range(k, len(tokens)):
        depth += tokens[end].nesting
        if depth == 0:
            return end
    raise AssertionError("tokens are balanced")


def _text(tokens: list[Token], line: int, context: _Context) -> list[Node]:
    return [node for token in tokens for node in _inline(token.children or [], line, context)]


def _items(tokens: list[Token], at: int, context: _Context) -> Iterator[list[Node]]:
    k = 0
    while k < len(tokens):
        end = _closing(tokens, k)
        yield list(_tree(tokens[k + 1 : end], at, context))
        k = end + 1


def _table(tokens: list[Token], line: int, context: _Context) -> Node:
    rows: list[list[list[Node]]] = []
    for token in tokens:
        if token.type == "tr_open":
            rows.append([])
            line = line + 1 if len(rows) > 1 else line
        elif token.type == "inline":
            rows[-1].append(_inline(token.children or [], line, context))
    return {"type": "table", "head": rows[0], "rows": rows[1:]}


def _fence(token: Token, line: int, context: _Context) -> Node:
    kind, _, rest = token.info.strip().partition(" ")
    if kind == "picture":
        return _picture(rest.strip(), token.content, line, context)
    if kind == "rule":
        rule, shown = formula(rest, line, context)
        context.skeleton.append(f"formula {rule}")
        return {"type": "formula", "rule": rule, "lines": shown}
    if kind == "class":
        name, _, mistake = rest.strip().partition("!")
        if name not in HIKERS:
            raise context.refuse(line, "a class is an optimizer's", repr(rest), f"name one of {', '.join(HIKERS)}")
        context.skeleton.append(f"class {rest.strip()}")
        return {"type": "code", "language": "python", "text": learner.listing(name, mistake or None).source}
    if kind not in ("python", "pycon", "text"):
        raise context.refuse(line, "a fence is picture, rule, class, python, pycon or text", repr(kind), "name one")
    context.skeleton.append(f"code {kind}")
    return {"type": "code", "language": kind, "text": token.content}


def _picture(name: str, text: str, line: int, context: _Context) -> Node:
    parts: dict[str, str] = {}
    for number, row in enumerate(text.splitlines(), line + 1):
        key, colon, value = row.partition(":")
        if not colon or key.strip() not in ("view", "state", "scene", "caption", "figure") or key.strip() in parts:
            raise context.refuse(number, "a picture has view, state or scene, caption, figure", row, "mend it")
        parts[key.strip()] = value.strip()
    view, caption = parts.get("view", ""), parts.get("caption", "")
    if not re.fullmatch(r"[a-z][a-z0-9-]*", name) or name in context.pictures:
        raise context.refuse(line, "a picture has a name of its own, in small letters", repr(name), "name it")
    if view not in VIEWS or not caption:
        raise context.refuse(line, f"a picture has a caption and a view of {', '.join(VIEWS)}", repr(view), "mend it")
    state = _state(parts, view, line, context)
    context.pictures[name] = state
    context.seen = len(context.pictures)
    context.skeleton.append(f"picture {name} {view} {state or parts.get('figure')}")
    listed = figure = None
    if view == "stepper":
        assert state is not None
        listed = learner.listing(state.hikers[0].name, state.hikers[0].mistake)
    if view in MEASURED:
        try:
            figure = figures.figure(parts.get("figure", ""), context.lang)
        except BadInput as wrong:
            raise context.refuse(line, wrong.rule, wrong.received, wrong.cure) from wrong
    tokens = _PARSER.parseInline(caption)[0].children or []
    return {
        "type": "picture",
        "name": name,
        "view": view,
        "state": str(state or ""),
        "caption": _inline(tokens, line, context),
        "listing": listed
        and {"source": listed.source, "steps": [{"line": at, "rule": rule} for at, rule in listed.steps]},
        "figure": figure,
    }


def _state(parts: dict[str, str], view: str, line: int, context: _Context) -> State | None:
    if view in MEASURED:
        if "state" in parts or "scene" in parts or "figure" not in parts:
            raise context.refuse(line, f"a {view} shows a figure, not a state", parts, "write figure: NAME")
        return None
    scene = parts.get("scene", "")
    if scene and scene not in SCENES:
        raise context.refuse(line, f"a scene is one of {', '.join(SCENES)}", repr(scene), "name one")
    text = SCENES[scene] if scene else parts.get("state", "")
    try:
        state = read_state(text)
    except BadInput as wrong:
        raise context.refuse(line, wrong.rule, wrong.received, wrong.cure) from wrong
    tab = view if view in ("ledger", "formula", "curves", "whatif", "dialects") else None
    return state.but(more=tuple({**dict(state.more), **({"tab": tab} if tab else {})}.items()))


def _bind(context: _Context) -> None:
    """Bind each slider to the picture before it, or to the first one if it comes before all; look predictions up."""
    names = list(context.pictures)
    for name, line in context.predictions:
        if context.pictures.get(name) is None:
            raise context.refuse(line, "predict names a live picture of the chapter", repr(name), "name one")
    for node, target, seen, line in context.sliders:
        if not names:
            raise context.refuse(line, "a slider needs a picture", target, "add one")
        name = names[max(seen - 1, 0)]
        state = context.pictures[name]
        if state is None:
            raise context.refuse(line, "a slider is bound to a live picture", name, "move it behind one")
        value = _setting(state, target, node["hiker"])
        if value is None or not node["min"] <= value <= node["max"]:
            raise context.refuse(
                line, f"a slider sets a part of picture {name!r} that is in its range", f"{target} = {value}", "mend it"
            )
        node["picture"], node["value"] = name, value
        context.skeleton.append(f"slider {name} {target} {node['hiker']} {node['min']}..{node['max']} {node['scale']}")


def _setting(state: State, target: str, hiker: int | None) -> float | None:
    if hiker is not None:
        if hiker >= len(state.hikers):
            return None
        settings = state.hikers[hiker].optimizer().settings
        return float(settings[target]) if target in settings else None
    if target not in PARTS:
        return None
    parts = {"start.x": state.start[0], "start.y": state.start[1], "rotation": state.turn}
    return float(parts[target] if target in parts else getattr(state, target))
