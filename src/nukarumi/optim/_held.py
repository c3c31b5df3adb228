"""The arrays of one letter of a state, by parameter: to be read, and to be changed in place, but not to be exchanged.

Updates go on in the arrays that an optimizer has laid out once. Another array put in their place would be looked at by
nobody, so that putting one there is refused instead of ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from nukarumi._errors import BadType

__all__ = ["Held"]

Array = np.ndarray[Any, Any]


class Held(dict[Any, Array]):
    """What ``opt.h`` is: a dict that only its optimizer adds to.

    Parameters
    ----------
    letter
        What the arrays are called, for what is said.

    Raises
    ------
    BadType
        If an entry is put in, exchanged or taken out.

    Examples
    --------
    >>> import numpy as np
    >>> from nukarumi import Adagrad
    >>> opt, params = Adagrad(lr=0.1), {"W": np.ones(2)}
    >>> opt.update(params, {"W": np.ones(2)})
    >>> opt.h["W"][:] = 4  # in place: the next update goes on from here
    >>> opt.h["W"] = np.zeros(2)
    Traceback (most recent call last):
    nukarumi._errors.BadType: the arrays in h belong to the optimizer. Received: h['W'] = .... \
Cure: change the array in place, h['W'][...] = values, or hand one in with opt.use_state('W', h=array).
    """

    __slots__ = ("letter",)

    def __init__(self, letter: str) -> None:
        super().__init__()
        self.letter = letter

    @classmethod
    def all(cls, state: Mapping[str, Mapping[Any, Array]]) -> dict[str, Held]:
        """A whole state, from letter to name to array."""
        made = {letter: cls(letter) for letter in state}
        for letter, arrays in state.items():
            for name, array in arrays.items():
                made[letter].keep(name, array)
        return made

    def keep(self, name: Any, array: Array) -> None:
        """For the optimizer itself: this is the array from now on."""
        super().__setitem__(name, array)

    def _refuse(self, what: str, name: Any = "W") -> NoReturn:
        raise BadType(
            f"the arrays in {self.letter} belong to the optimizer",
            what,
            f"change the array in place, {self.letter}[{name!r}][...] = values, "
            f"or hand one in with opt.use_state({name!r}, {self.letter}=array)",
        )

    def __setitem__(self, name: Any, array: Any) -> NoReturn:
        self._refuse(f"{self.letter}[{name!r}] = ...", name)

    def __delitem__(self, name: Any) -> NoReturn:
        self._refuse(f"del {self.letter}[{name!r}]", name)

    def __ior__(self, other: Any) -> NoReturn:  # type: ignore[misc]
        self._refuse(f"{self.letter} |= ...")

    def clear(self) -> NoReturn:
        """Refused."""
        self._refuse(f"{self.letter}.clear()")

    def pop(self, name: Any, *default: Any) -> NoReturn:
        """Refused."""
        self._refuse(f"{self.letter}.pop({name!r})", name)

    def popitem(self) -> NoReturn:
        """Refused."""
        self._refuse(f"{self.letter}.popitem()")

    def setdefault(self, name: Any, default: Any = None) -> NoReturn:
        """Refused."""
        self._refuse(f"{self.letter}.setdefault({name!r}, ...)", name)

    def update(self, *others: Any, **named: Any) -> NoReturn:
        """Refused."""
        self._refuse(f"{self.letter}.update(...)")

    def __reduce__(self) -> tuple[type[dict[Any, Array]], tuple[dict[Any, Array]]]:
        """Copies and pickles are plain dicts: they belong to nobody."""
        return dict, (dict(self),)
