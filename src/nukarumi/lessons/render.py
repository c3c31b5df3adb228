"""A lesson's inline tree as HTML: formulas as MathML for a page, or as LaTeX for a learning platform."""

from __future__ import annotations

import html
from typing import Any, Literal

from nukarumi._errors import BadInput

__all__ = ["as_html"]


def as_html(nodes: list[dict[str, Any]], formulas: Literal["mathml", "latex"] = "mathml") -> str:
    r"""Inline nodes as HTML; every text is escaped.

    Examples
    --------
    >>> from nukarumi.lessons.markdown import inline
    >>> as_html(inline("Is `h < 0` *ever*?", "en"))
    'Is <code>h &lt; 0</code> <em>ever</em>?'
    >>> as_html(inline("{formula SGD:1}", "en"), "latex")
    '\\(w \\leftarrow w - \\mathrm{lr}\\, g\\)'
    """
    return "".join(_html(node, formulas) for node in nodes)


def _html(node: dict[str, Any], formulas: Literal["mathml", "latex"]) -> str:  # noqa: PLR0911
    match node["type"]:
        case "text" | "claim":
            return html.escape(node["text"], quote=False)
        case "code":
            return f"<code>{html.escape(node['text'], quote=False)}</code>"
        case "maths":
            return f"<i>{html.escape(node['text'], quote=False)}</i>"
        case "emphasis":
            return f"<em>{as_html(node['content'], formulas)}</em>"
        case "strong":
            return f"<strong>{as_html(node['content'], formulas)}</strong>"
        case "link":
            return as_html(node["content"], formulas)
        case "break":
            return "<br>"
        case "formula" if formulas == "latex":
            return rf"\({html.escape(node['line']['latex'], quote=False)}\)"
        case "formula":
            return f"<math>{node['line']['mathml']}</math>"
        case other:
            raise BadInput("this part of a lesson cannot be printed", other, "leave it out of questions")
