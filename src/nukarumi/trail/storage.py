"""The trail's file: one safetensors file, columns as tensors, everything else as JSON in its metadata.

``docs/trail.md`` is the description for readers in other languages. A reader refuses what it does not know: another
format, another ``version``, a column that is missing or has another shape than the header says.
"""

from __future__ import annotations

import json
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from nukarumi._errors import BadInput
from nukarumi.trail.columns import QUANTILES, column_shapes
from nukarumi.trail.record import Trail, check_meta

__all__ = ["VERSION", "decode", "encode"]

KEY = "nukarumi.trail"
VERSION = 2
"""The newest version; a trail without measures says nothing new and is written as version 1."""
AnyTrail = TypeVar("AnyTrail", bound=Trail)


def encode(trail: Trail) -> bytes:
    """Give the bytes of a trail file."""
    from safetensors.numpy import save  # noqa: PLC0415

    check_meta(trail.meta)
    header = {
        "version": VERSION if trail.measures else 1,
        "arrays": [[name, list(shape)] for name, shape in trail.arrays.items()],
        "states": list(trail.states),
        **({"measures": list(trail.measures)} if trail.measures else {}),
        "quantiles": list(QUANTILES),
        "capacity": trail.capacity,
        "every": trail.every,
        "small": trail.small,
        "meta": trail.meta,
    }
    tensors: dict[str, NDArray[Any]] = {"step": trail.steps.copy(), "loss": trail.loss.copy()}
    for index, array in enumerate(trail.arrays):
        for name in trail.columns(array):
            tensors[f"{index}/{name}"] = trail.column(array, name).copy()
    # One key only: safetensors writes its metadata in no fixed order, and equal trails must be equal files.
    metadata = {KEY: json.dumps(header, ensure_ascii=False)}
    return bytes(save(tensors, metadata=metadata))


def decode(cls: type[AnyTrail], content: bytes, file: str) -> AnyTrail:
    """Make a trail from the bytes of a trail file; an error calls it ``file``."""
    tensors, metadata = _open(content, file)
    if KEY not in metadata:
        raise _refusal(file, "a safetensors file of another kind")
    try:
        header = json.loads(metadata[KEY])
        version = header["version"]
        if not 1 <= version <= VERSION or version != int(version):
            cure = "update nukarumi" if version > VERSION else "record the walk again"
            raise BadInput(f"{file} must be a trail of version 1 to {VERSION}", f"version {version}", cure)
        if header["quantiles"] != list(QUANTILES):
            raise ValueError(f"quantiles {header['quantiles']}")
        trail = cls(
            {str(name): tuple(shape) for name, shape in header["arrays"]},
            states=tuple(header["states"]),
            measures=tuple(header["measures"]) if version > 1 else (),
            capacity=header["capacity"],
            every=header["every"],
            small=header["small"],
            meta=header["meta"],
        )
        _fill(trail, tensors)
    except BadInput as error:
        if error.rule.startswith(file):
            raise
        raise _refusal(file, f"a damaged one ({error})") from None
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError, MemoryError) as error:
        raise _refusal(file, f"a damaged one ({type(error).__name__}: {error})") from None
    return trail


def _open(content: bytes, file: str) -> tuple[dict[str, NDArray[Any]], dict[str, str]]:
    from safetensors import SafetensorError  # noqa: PLC0415
    from safetensors.numpy import load  # noqa: PLC0415

    try:
        tensors = load(content)
        length = int.from_bytes(content[:8], "little")
        metadata = json.loads(content[8 : 8 + length]).get("__metadata__", {})
    except (SafetensorError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise _refusal(file, f"{len(content)} bytes that are truncated or foreign ({error})") from None
    return tensors, metadata


def _fill(trail: Trail, tensors: dict[str, NDArray[Any]]) -> None:
    """Put the columns into an empty trail, whose own columns say which names, shapes and kinds are right."""
    rows = tensors["step"].shape[0]
    wanted: dict[str, tuple[tuple[int, ...], str]] = {"step": ((rows,), "i"), "loss": ((rows,), "f")}
    for index, (array, shape) in enumerate(trail.arrays.items()):
        for name, row in column_shapes(shape, trail.states, trail.small, trail.measures).items():
            wanted[f"{index}/{name}"] = ((rows, *row), trail.column(array, name).dtype.kind)
    for key, (shape, kind) in wanted.items():
        if tensors[key].shape != shape or tensors[key].dtype.kind != kind or tensors[key].dtype.itemsize != 8:
            raise ValueError(f"column {key} is {tensors[key].dtype} {tensors[key].shape}")
    if rows > trail.capacity or np.any(np.diff(tensors["step"]) <= 0):
        raise ValueError("the steps do not grow, or there are more rows than the capacity")
    trail.restore(tensors["step"], tensors["loss"], {
        array: {name: tensors[f"{index}/{name}"] for name in trail.columns(array)}
        for index, array in enumerate(trail.arrays)
    })  # fmt: skip


def _refusal(file: str, received: str) -> BadInput:
    return BadInput(f"{file} must be a trail file of nukarumi", received, "pass a file written by Trail.save")
