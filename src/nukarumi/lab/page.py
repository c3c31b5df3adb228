"""The page as text: the built file with data put into its one empty slot, and a policy that forbids it every request.

A browser enforces the policy: only the page's own scripts and styles run, each known by its hash, and nothing is
fetched from anywhere. Data is text in a ``<script type="application/json">``, which no browser executes.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, TypeAlias

from nukarumi._errors import BadInput

__all__ = ["LANGUAGES", "Mode", "built", "page", "policy"]

Mode: TypeAlias = Literal["lab", "handout", "report", "widget", "class"]
Role: TypeAlias = Literal["teacher", "learner"]

LANGUAGES = ("both", "en", "ja")
"""``both``: the page follows the reader's browser and lets it be changed."""

STATIC = Path(__file__).parent / "static"
SLOT = '<script type="application/json" id="nukarumi-data">{}</script>'
SCRIPT = re.compile(r"<script(?P<about>[^>]*)>(?P<text>.*?)</script>", re.DOTALL | re.IGNORECASE)
STYLE = re.compile(r"<style[^>]*>(?P<text>.*?)</style>", re.DOTALL | re.IGNORECASE)


def page(
    mode: Mode,
    *,
    lang: str = "both",
    report: Mapping[str, Any] | None = None,
    state: str = "",
    role: Role | None = None,
) -> str:
    """Give the whole page for one of its homes.

    Parameters
    ----------
    mode
        Which home it is shown in.
    lang
        One of `LANGUAGES`.
    report
        For the mode ``report``: what `nukarumi.lab.reports.report` gives.
    state
        What the lab shows at first: the part after ``#`` in the address of a lab; empty for its beginning.
    role
        For the mode ``class``: whose page it is. It may talk to its own server; every other page may talk to nobody.

    Raises
    ------
    BadInput
        For an unknown language, or when the page has not been built.

    Examples
    --------
    >>> page("lab", lang="de")
    Traceback (most recent call last):
        ...
    nukarumi._errors.BadInput: lang must be one of both, en, ja. Received: 'de'. Cure: pass lang='both'.
    """
    if lang not in LANGUAGES:
        raise BadInput(f"lang must be one of {', '.join(LANGUAGES)}", repr(lang), "pass lang='both'")
    data: dict[str, Any] = {"mode": mode, "lang": lang}
    if report is not None:
        data["report"] = report
    if state:
        data["state"] = state
    if role is not None:
        data["role"] = role
    text = built("lab.html")
    if text.count(SLOT) != 1:
        raise BadInput("the lab's page must have one slot for data", f"{text.count(SLOT)} of them", _CURE)
    text = text.replace(SLOT, SLOT.replace("{}", in_script(data)))
    meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(text, talks=role is not None)}">'
    return text.replace('<meta charset="utf-8">', f'<meta charset="utf-8">\n{meta}', 1)


_CURE = "install nukarumi again from its sources: pip install ."


@lru_cache(maxsize=4)
def built(name: str) -> str:
    """Read what the build put into the package: ``lab.html`` or ``widget.js``.

    Raises
    ------
    BadInput
        If it was not built; that happens only where the sources are used without an installation.
    """
    try:
        return (STATIC / name).read_text(encoding="utf-8")
    except OSError:
        raise BadInput("the lab needs its page, which is built when nukarumi is installed",
                       f"no {STATIC / name}", _CURE) from None  # fmt: skip


def in_script(data: Any) -> str:
    """Write data as JSON that may stand inside a script element: nothing in it can close one or open a comment.

    Examples
    --------
    >>> in_script({"label": "</script><!--"})
    '{"label":"\\\\u003c/script>\\\\u003c!--"}'
    """
    return json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")


def policy(text: str, *, talks: bool = False) -> str:
    """Write the content security policy of a page: its own scripts and styles by their hashes, and no request at all.

    A page that ``talks`` may open connections to the server that it came from, and to no other.

    Style attributes are allowed, because they cannot run anything and the policy lets them fetch nothing.

    Examples
    --------
    >>> policy("<script>1</script>").split("; ")[1]
    "script-src 'sha256-a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s='"
    """
    scripts = [found["text"] for found in SCRIPT.finditer(text) if "application/json" not in found["about"]]
    styles = [found["text"] for found in STYLE.finditer(SCRIPT.sub("", text))]
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hashes(scripts)}",
            f"style-src {_hashes(styles)}",
            "style-src-attr 'unsafe-inline'",
            "img-src data: blob:",
            "font-src data:",
            *(["connect-src 'self'"] if talks else []),
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


def _hashes(texts: list[str]) -> str:
    digests = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in texts]
    return " ".join(f"'sha256-{digest}'" for digest in digests) or "'none'"
