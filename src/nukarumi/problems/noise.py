"""Random numbers that depend on a seed and a place, never on what was drawn before, and are equal in any language.

Everything here is exact: integer arithmetic modulo 2**32, and sums that a float64 holds without rounding. A program in
JavaScript (``Math.imul``, ``>>>``) that follows the formulas gets the same bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from nukarumi._errors import BadInput

__all__ = ["active", "normals"]

Words = npt.NDArray[np.uint32]

GOLDEN = 0x9E3779B9
NOISE, ACTIVITY = 0, 1


def normals(seed: int, steps: npt.ArrayLike) -> npt.NDArray[np.float64]:
    r"""Two nearly normal numbers of mean 0 and deviation 1 for every step.

    .. math::
        z_{a} = \frac{6 + \sum_{k=0}^{11} r_{32\,step + 12 a + k}}{2^{32}} - 6,
        \quad r_i = \mathrm{mix}(\mathrm{mix}(i) \oplus key),
        \quad key = \mathrm{mix}(\mathrm{mix}(seed + \mathtt{9E3779B9}_{16}) + 0)

    ``mix`` is Wellons' 32-bit finalizer: ``x ^= x >> 16; x *= 0x7feb352d; x ^= x >> 15; x *= 0x846ca68b;
    x ^= x >> 16``. All integers are taken modulo 2**32, so the numbers repeat after 2**27 steps.

    Parameters
    ----------
    seed
        0 to 2**32 - 1.
    steps
        Step numbers, at least 0.

    Returns
    -------
    z
        Float64, (number of steps, 2), between -6 and 6.

    Raises
    ------
    BadInput
        For a seed or a step outside its range.

    Examples
    --------
    >>> normals(seed=0, steps=[0, 1]).shape
    (2, 2)
    >>> bool((normals(seed=5, steps=[7]) == normals(seed=5, steps=[6, 7])[1]).all())
    True

    References
    ----------
    Wellons, "Prospecting for hash functions", 2018 (``lowbias32``). The sum of twelve uniform numbers is the
    Irwin-Hall distribution.
    """
    places = np.add(_steps(steps)[:, None] * np.uint32(32), np.arange(24, dtype=np.uint32), dtype=np.uint32)
    words = _mix(_mix(places) ^ _key(seed, NOISE)).reshape(-1, 2, 12)
    sums: npt.NDArray[np.float64] = words.sum(axis=2, dtype=np.float64)
    return (sums + 6.0) / 4294967296.0 - 6.0


def active(seed: int, steps: npt.ArrayLike, rate: float) -> npt.NDArray[np.bool_]:
    """Whether something rare happens at each step: true where ``r_step < rate * 2**32``, with a key of its own.

    The formula is that of :func:`normals`, with ``key = mix(mix(seed + 9E3779B9) + 1)`` and one number a step.

    Raises
    ------
    BadInput
        For a seed or a step outside its range.

    Examples
    --------
    >>> int(active(seed=0, steps=range(10_000), rate=0.1).sum())
    1021
    """
    return _mix(_mix(_steps(steps)) ^ _key(seed, ACTIVITY)) < rate * 4294967296.0


def _steps(steps: npt.ArrayLike) -> Words:
    numbers = np.atleast_1d(np.asarray(steps))
    if numbers.dtype.kind not in "iu" or (numbers.size and int(numbers.min()) < 0):
        raise BadInput("steps must be integers >= 0", steps, "count the steps from 0")
    return (numbers.astype(np.uint64) & np.uint64(0xFFFFFFFF)).astype(np.uint32)


def _key(seed: object, stream: int) -> Words:
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or not 0 <= seed < 2**32:
        raise BadInput("seed must be an integer from 0 to 2**32 - 1", repr(seed), "pass such as seed=0")
    word = np.array([(int(seed) + GOLDEN) & 0xFFFFFFFF], dtype=np.uint32)
    return _mix(_mix(word) + np.uint32(stream))


def _mix(x: Words) -> Words:
    x = (x ^ (x >> np.uint32(16))) * np.uint32(0x7FEB352D)
    x = (x ^ (x >> np.uint32(15))) * np.uint32(0x846CA68B)
    return x ^ (x >> np.uint32(16))
