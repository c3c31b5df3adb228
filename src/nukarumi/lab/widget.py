"""The lab in a notebook cell, and beside it the same page as plain HTML for wherever widgets are not alive.

A widget needs a frontend that loads anywidget's code, which some fetch from the network, and an exported notebook has
no frontend at all. So a cell shows two things: an ``<iframe>`` that holds the whole page in its ``srcdoc``, and the
widget. When the widget comes to life it takes the iframe away; where it does not, the iframe is the lab.
"""

from __future__ import annotations

import html
import os
import uuid
from typing import TYPE_CHECKING, Any

from nukarumi._errors import BadInput
from nukarumi.lab.page import LANGUAGES, built, page
from nukarumi.lab.reports import report

try:
    import anywidget
    import traitlets
except ImportError:
    raise BadInput(
        "the lab in a notebook needs anywidget", "it is not installed", "pip install 'nukarumi[notebook]'"
    ) from None

if TYPE_CHECKING:
    from nukarumi.race import RaceResult

__all__ = ["Lab"]

SHORTEST, TALLEST = 200, 4000
LONGEST = 8192


class Lab(anywidget.AnyWidget):
    """The lab in a notebook cell.

    Parameters
    ----------
    state
        What it shows at first: the part after ``#`` in the address of a lab, such as
        ``"terrain=bowl&hikers=SGD,lr:0.95;Adagrad,lr:1.5"``. It follows what is done in the cell while the widget is
        alive, so that it can be read and set.
    lang
        ``"ja"``, ``"en"``, or ``"both"``: then it follows the reader's browser and can be changed in the lab.
    race
        A `nukarumi.race.RaceResult`, or the folder of a race: its report is shown in place of the lab.
    height
        How many pixels high the lab is where the widget is not alive; the widget is as high as it needs to be.

    Raises
    ------
    BadInput
        For a state, language or height that cannot be, a folder without a race, or when anywidget is not installed.

    Examples
    --------
    >>> lab = Lab("terrain=bowl", lang="en")
    >>> lab.state
    'terrain=bowl'
    >>> "<iframe" in lab.to_html()
    True
    """

    _esm = built("widget.js")
    state = traitlets.Unicode("").tag(sync=True)
    lang = traitlets.Unicode("both").tag(sync=True)
    report = traitlets.Dict(None, allow_none=True).tag(sync=True)
    height = traitlets.Int(720).tag(sync=True)
    twin = traitlets.Unicode("").tag(sync=True)

    def __init__(
        self,
        state: str = "",
        *,
        lang: str = "both",
        race: RaceResult | str | os.PathLike[str] | None = None,
        height: int = 720,
    ) -> None:
        if lang not in LANGUAGES:
            raise BadInput(f"lang must be one of {', '.join(LANGUAGES)}", repr(lang), "pass lang='both'")
        if not isinstance(state, str) or len(state) > LONGEST:  # type: ignore[redundant-expr]
            raise BadInput(
                f"state must be the part after # of a lab's address, at most {LONGEST} characters",
                repr(state)[:80],
                "copy it from the address bar of a lab",
            )
        if type(height) is not int or not SHORTEST <= height <= TALLEST:
            raise BadInput(f"height must be from {SHORTEST} to {TALLEST} pixels", repr(height), "pass height=720")
        super().__init__(
            state=state.removeprefix("#"), lang=lang, report=None if race is None else report(race), height=height,
            twin=f"nukarumi-{uuid.uuid4().hex}",
        )  # fmt: skip

    def to_html(self) -> str:
        """Give the whole lab, as it is now, as one ``<iframe>`` that needs nothing else."""
        shown: dict[str, Any] | None = self.report
        text = page("report" if shown else "widget", lang=self.lang, state=self.state, report=shown)
        return (
            f'<iframe id="{self.twin}" title="nukarumi" sandbox="allow-scripts allow-downloads" '
            f'style="width: 100%; height: {self.height}px; border: 0" srcdoc="{html.escape(text)}"></iframe>'
        )

    def _ipython_display_(self) -> None:
        from IPython.display import display  # noqa: PLC0415

        alive = super()._repr_mimebundle_()
        display({"text/html": self.to_html(), "text/plain": repr(self)}, raw=True)  # type: ignore[no-untyped-call]
        if alive is not None:
            display(*alive[:1], metadata=alive[1], raw=True)  # type: ignore[no-untyped-call]
