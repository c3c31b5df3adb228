"""The few machine instructions that Numba has no word for; imported only while a loop is being compiled."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils as numba_cgutils
from numba.extending import intrinsic

__all__ = ["NAMESPACE"]

LANES = 16
_int = ir.IntType(32)
cgutils: Any = numba_cgutils  # its functions carry no types


def _typed(element: Any) -> Any:
    """Make an intrinsic that reads an address as a pointer to ``element``."""
    pointer: Any = types.CPointer

    @intrinsic
    def at(context: Any, address: Any) -> Any:
        signature = pointer(element)(types.int64)

        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            return builder.inttoptr(arguments[0], context.get_value_type(signature.return_type))

        return signature, generate

    return at


@intrinsic
def take_one(context: Any, counters: Any, index: Any) -> Any:
    """Atomically add one to a shared counter and give its old value."""
    signature = types.int64(counters, types.intp)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        counter = builder.gep(arguments[0], [arguments[1]])
        return builder.atomic_rmw("add", counter, context.get_constant(types.int64, 1), "acq_rel")

    return signature, generate


@intrinsic
def prefetch(context: Any, address: Any) -> Any:
    """Call the line of an address from memory into the second-level cache, without waiting for it."""
    signature = types.void(types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        line = builder.inttoptr(arguments[0], context.get_value_type(types.voidptr))
        word = context.get_constant
        kinds = [line.type, *[word(types.int32, 0).type] * 3]
        call = builder.module.declare_intrinsic("llvm.prefetch", [line.type], ir.FunctionType(ir.VoidType(), kinds))
        read, near, data = (word(types.int32, k) for k in (0, 2, 1))
        builder.call(call, [line, read, near, data])
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def sqrt(context: Any, x: Any) -> Any:
    """The processor's own square root, correctly rounded, with no call into a library."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind = arguments[0].type
        return builder.call(builder.module.declare_intrinsic("llvm.sqrt", [kind]), arguments)

    return x(x), generate


@intrinsic
def larger_magnitude(context: Any, largest: Any, bits: Any) -> Any:
    """The larger of two bit patterns, the second without its sign: floats in order, infinity and NaN last."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        largest, bits = arguments
        mask = (1 << (bits.type.width - 1)) - 1
        magnitude = builder.and_(bits, bits.type(mask))
        return builder.select(builder.icmp_unsigned(">", largest, magnitude), largest, magnitude)

    return largest(largest, bits), generate


@intrinsic
def mean_square(context: Any, g_at: Any, width: Any) -> Any:
    """`nukarumi.rules.mean_square` of one row: its lanes are those of vector registers."""
    signature = g_at.dtype(g_at, types.int64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        g, width = arguments
        word, number = width.type, context.get_value_type(signature.return_type)
        vector, bits = ir.VectorType(number, LANES), signature.return_type.bitwidth
        nothing = vector([number(0.0)] * LANES)
        sums = cgutils.alloca_once_value(builder, nothing)

        def add(part: Any) -> None:
            builder.store(builder.fadd(builder.load(sums), builder.fmul(part, part)), sums)

        full = builder.and_(width, word(-LANES))
        with cgutils.for_range_slice(builder, word(0), full, word(LANES)) as (start, _):
            add(builder.load(builder.bitcast(builder.gep(g, [start]), vector.as_pointer()), align=bits // 8))
        with builder.if_then(builder.icmp_signed("<", full, width)):  # what is left, zeros behind it
            rest = builder.insert_element(ir.VectorType(word, LANES)(ir.Undefined), builder.sub(width, full), _int(0))
            rest = builder.shuffle_vector(rest, rest, ir.VectorType(_int, LANES)([0] * LANES))
            mask = builder.icmp_unsigned("<", ir.VectorType(word, LANES)([*range(LANES)]), rest)
            at = builder.bitcast(builder.gep(g, [full]), vector.as_pointer())
            kind = ir.FunctionType(vector, [at.type, _int, mask.type, vector])
            load = f"llvm.masked.load.v{LANES}f{bits}.p0"
            add(builder.call(cgutils.get_or_insert_function(builder.module, kind, load), [at, _int(1), mask, nothing]))
        total, half = builder.load(sums), LANES
        while half > 1:
            half //= 2
            low, high = (
                builder.shuffle_vector(total, total, ir.VectorType(_int, half)([*range(first, first + half)]))
                for first in (0, half)
            )
            total = builder.fadd(low, high)
        total = builder.extract_element(total, _int(0))
        some = builder.select(builder.icmp_signed("<", width, word(1)), word(1), width)
        return builder.fdiv(total, builder.sitofp(some, number))

    return signature, generate


@njit(error_model="numpy")
def maximum(x: Any, y: Any) -> Any:
    return x if x >= y or x != x else y


@njit(error_model="numpy")
def minimum(x: Any, y: Any) -> Any:
    return x if x <= y or x != x else y


@njit(error_model="numpy")
def sign(x: Any) -> Any:
    return x if x != x else type(x)(x > 0) - type(x)(x < 0)


NAMESPACE: dict[str, Any] = {
    "float32_at": _typed(types.float32),
    "float64_at": _typed(types.float64),
    "int64_at": _typed(types.int64),
    "uint32_at": _typed(types.uint32),
    "uint64_at": _typed(types.uint64),
    "take_one": take_one,
    "larger_magnitude": larger_magnitude,
    "mean_square": mean_square,
    "prefetch": prefetch,
    "sqrt": sqrt,
    "abs": abs,
    "maximum": maximum,
    "minimum": minimum,
    "sign": sign,
}
"""What the generated loops may call."""
