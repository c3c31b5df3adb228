"""The machine instructions that these loops need and Numba has no word for; imported only while one is compiled."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

__all__ = ["as_float", "fetch", "high_half", "leading_zeros"]


@intrinsic
def fetch(context: Any, array: Any, index: Any) -> Any:
    """Ask for a line of memory that will be read soon: a hint, which may point anywhere."""
    signature = types.void(array, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        place = builder.bitcast(builder.gep(arguments[0], [arguments[1]]), byte)
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        name = "llvm.prefetch.p0"
        function = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        builder.call(function, [place, word(0), word(2), word(1)])  # for reading, into the second-level cache, data
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def high_half(context: Any, one: Any, other: Any) -> Any:
    """The upper 64 bits of the product of two unsigned 64-bit numbers."""
    signature = types.uint64(types.uint64, types.uint64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide, word = ir.IntType(128), ir.IntType(64)
        product = builder.mul(builder.zext(arguments[0], wide), builder.zext(arguments[1], wide))
        return builder.trunc(builder.lshr(product, wide(64)), word)

    return signature, generate


@intrinsic
def leading_zeros(context: Any, number: Any) -> Any:
    """How many zero bits stand before the first one of an unsigned 64-bit number that is not 0."""
    signature = types.uint64(types.uint64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctlz(arguments[0], ir.IntType(1)(1))

    return signature, generate


@intrinsic
def as_float(context: Any, bits: Any) -> Any:
    """The float64 with these bits."""
    signature = types.float64(types.uint64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], ir.DoubleType())

    return signature, generate
