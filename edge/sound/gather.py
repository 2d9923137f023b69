"""The gather in 8 bits: of each voxel the level of a row between two samples; a vector of voxels at
once where the processor can.

Processors that shuffle bytes by index (ARM; x86 with AVX-512 VBMI) look up a vector of voxels in
one table held by registers: as many samples of the row as its voxels reach. Others read voxel by
voxel from a finer row. Both give the same codes.
"""

import functools
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import binding, ir
from numba.core import cgutils, codegen, config, types
from numba.extending import intrinsic

from edge.core.arrays import FloatArray
from edge.core.jit import kernel

CodeArray = npt.NDArray[np.uint16]
LevelArray = npt.NDArray[np.uint8]
# Of the codes: no echo at all is the lowest of them.
ZERO_POINT = -128
# A sample is parted into 2 ** MOST_BITS at most: a part must fit into the 7 bits of x86's products
# of bytes.
MOST_BITS = 6
# Times of arrival in a 64-bit word, the first in its lowest bits, as all boards store them.
_IN_WORD = 4
_X86, _ARM = "llvm.x86.avx512.vpermi2var.qi.512", "llvm.aarch64.neon.tbl4.v16i8"


@dataclass(frozen=True)
class Shuffle:
    """One instruction: `lanes` voxels looked up in a table of `reach` samples."""

    instruction: str
    lanes: int
    reach: int


@functools.cache
def shuffle() -> Shuffle | None:
    """The processor's; None where it has none, without the compiler, and where the user names
    another processor to numba.
    """
    if config.DISABLE_JIT or config.CPU_NAME is not None or config.CPU_FEATURES is not None:
        return None
    if binding.get_process_triple().startswith(("aarch64", "arm64")):  # all of them can
        return Shuffle(_ARM, 16, 64)
    return (
        Shuffle(_X86, 64, 128)
        if "+avx512vbmi" in codegen.get_host_cpu_features().split(",")
        else None
    )


class Gather:
    """Look-up of times of arrival (P, V), in 2 ** -bits of a sample; it keeps its working memory:
    one thread at a time.

    reached: first and behind the last sample that any voxel reads.
    """

    def __init__(
        self, code: CodeArray, bits: int, window_samples: int, voxel_by_voxel: bool = False
    ) -> None:
        """voxel_by_voxel: even where the processor can shuffle and the voxels of each vector lie
        close enough together.
        """
        self.reached = int(code.min()) >> bits, min((int(code.max()) >> bits) + 2, window_samples)
        self._bits = bits
        instruction = None if voxel_by_voxel else shuffle()
        self._vectors = _tables(code, bits, instruction) if instruction else None
        # A vector's table goes on behind the samples that its voxels read.
        self._levels = np.zeros(
            window_samples + 2 + (instruction.reach if instruction else 0), np.uint8
        )
        if self._vectors is None:
            more = -code.shape[1] % _IN_WORD
            self._code = np.pad(code, ((0, 0), (0, more))) if more else np.ascontiguousarray(code)
            self._fine = np.full((window_samples << bits) + 1, ZERO_POINT, np.int8)

    @property
    def vectors(self) -> bool:
        """Whether it looks up a vector of voxels at once."""
        return self._vectors is not None

    @property
    def tables(self) -> tuple[npt.NDArray[Any], ...]:
        """What is read for the times of arrival."""
        return self._vectors or (self._code,)

    @property
    def fine_points(self) -> int:
        """Points of the finer row that is made of each row; 0 where a vector of voxels is looked up
        at once.
        """
        return 0 if self.vectors else len(self._fine)

    def __call__(self, rows: FloatArray, per_value: float, out: npt.NDArray[np.int8]) -> None:
        """rows (P, T) times per_value, 0 to 255 within `reached`, rounded to levels -> out (P, V):
        level + ZERO_POINT.

        Between two levels it is interpolated, so a voxel is within one code. out: contiguous, and
        may be written.
        """
        scale = np.float32(per_value)
        if self._vectors is not None:
            start, place = self._vectors
            _gather_vectors(rows, *self.reached, self._bits, place, start, scale, self._levels, out)
        else:
            _gather_words(
                rows, *self.reached, self._bits, self._code, scale, self._levels, self._fine, out
            )


def _tables(
    code: CodeArray, bits: int, instruction: Shuffle
) -> tuple[CodeArray, LevelArray] | None:
    """Of each vector the first sample of its table (P, N), and its voxels' samples in there and
    parts of one (P, N, 2, lanes).

    None where a table is too short. The last vector may overlap the one before.
    """
    lanes, voxels = instruction.lanes, code.shape[1]
    if voxels < lanes:
        return None
    first = np.minimum(np.arange(0, voxels, lanes), voxels - lanes)
    of_vector = code[:, first[:, None] + np.arange(lanes)]
    sample = of_vector >> bits
    start = sample.min(axis=-1)
    sample -= start[..., None]
    if int(sample.max()) >= instruction.reach:
        return None
    place = np.empty((*start.shape, 2, lanes), np.uint8)
    place[:, :, 0], place[:, :, 1] = sample, of_vector & ((1 << bits) - 1)
    return np.ascontiguousarray(start), place


@kernel
def _to_levels(
    row: FloatArray, first: int, last: int, per_value: np.float32, levels: LevelArray
) -> None:
    for t in range(first, last):
        levels[t] = np.uint8(np.int32(row[t] * per_value + np.float32(0.5)))


@kernel
def _gather_vectors(
    rows: FloatArray,
    first: int,
    last: int,
    bits: int,
    place: LevelArray,
    start: CodeArray,
    per_value: np.float32,
    levels: LevelArray,
    out: npt.NDArray[np.int8],
) -> None:
    lanes = place.shape[3]
    for p in range(out.shape[0]):
        _to_levels(rows[p], first, last, per_value, levels)
        for n in range(start.shape[1]):
            table = levels[np.int64(start[p, n]) :]
            v = min(n * lanes, out.shape[1] - lanes)
            _look_up(table, np.int64(bits), place[p, n], out[p, v:])


@kernel
def _gather_words(
    rows: FloatArray,
    first: int,
    last: int,
    bits: int,
    code: CodeArray,
    per_value: np.float32,
    levels: LevelArray,
    fine: npt.NDArray[np.int8],
    out: npt.NDArray[np.int8],
) -> None:
    mask = np.uint64(0xFFFF)
    one, two, three = np.uint64(16), np.uint64(32), np.uint64(48)
    points = 1 << bits
    whole = out.shape[1] // _IN_WORD
    for p in range(out.shape[0]):
        _to_levels(rows[p], first, last, per_value, levels)
        for t in range(first, last):
            before = np.int32(levels[t])
            step = np.int32(levels[t + 1]) - before
            part = fine[t << bits : (t + 1) << bits]
            for k in range(points):
                part[k] = np.int8(((before * points + step * k + points // 2) >> bits) + ZERO_POINT)
        row, words, values = code[p], code[p].view(np.uint64), out[p]
        for i in range(whole):
            word = words[i]
            v = _IN_WORD * i
            values[v] = fine[word & mask]
            values[v + 1] = fine[(word >> one) & mask]
            values[v + 2] = fine[(word >> two) & mask]
            values[v + 3] = fine[word >> three]
        for v in range(_IN_WORD * whole, values.shape[0]):
            values[v] = fine[np.uint32(row[v])]


@intrinsic  # type: ignore[untyped-decorator]
def _look_up(_: Any, table: Any, bits: Any, place: Any, out: Any) -> Any:
    """One vector: out[v] = table[s] * (1 - w) + table[s + 1] * w + ZERO_POINT; s = place[0, v], w =
    place[1, v] / 2 ** bits.
    """
    instruction = shuffle()
    assert instruction is not None
    lanes = instruction.lanes
    narrow, wide = ir.VectorType(ir.IntType(8), lanes), ir.VectorType(ir.IntType(16), lanes)

    def generate(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        def at(argument: int, offset: int) -> Any:
            data = context.make_array(signature.args[argument])(
                context, builder, args[argument]
            ).data
            return builder.bitcast(builder.gep(data, [ir.IntType(64)(offset)]), narrow.as_pointer())

        def load(argument: int, offset: int) -> Any:
            return builder.load(at(argument, offset), align=1)

        def call(name: str, result: Any, *given: Any) -> Any:
            kind = ir.FunctionType(result, [g.type for g in given])
            return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), given)

        sample, part = load(2, 0), load(2, lanes)
        neighbours = []
        for offset in (0, 1):
            tables = [load(0, offset + k) for k in range(0, instruction.reach, lanes)]
            given = (
                [tables[0], sample, tables[1]]
                if instruction.instruction == _X86
                else [*tables, sample]
            )
            neighbours.append(call(instruction.instruction, narrow, *given))
        one = ir.IntType(64)(1)
        points = builder.shl(one, args[1])
        rest = builder.sub(_everywhere(builder, points, narrow), part)
        if instruction.instruction == _X86:
            level = _between_x86(builder, call, neighbours, [rest, part], args[1])
        else:
            before, after, rest, part = (builder.zext(x, wide) for x in (*neighbours, rest, part))
            total = builder.add(builder.mul(before, rest), builder.mul(after, part))
            level = builder.trunc(_rounded(builder, total, args[1]), narrow)
        builder.store(builder.add(level, narrow([ZERO_POINT] * lanes)), at(3, 0), align=1)
        return context.get_dummy_value()

    return types.void(table, bits, place, out), generate


def _everywhere(builder: Any, value: Any, vector: Any) -> Any:
    empty = ir.Constant(vector, ir.Undefined)
    first = builder.insert_element(empty, builder.trunc(value, vector.element), ir.IntType(32)(0))
    return builder.shuffle_vector(
        first, empty, ir.VectorType(ir.IntType(32), vector.count)([0] * vector.count)
    )


def _rounded(builder: Any, total: Any, bits: Any) -> Any:
    """total / 2 ** bits."""
    half = builder.lshr(builder.shl(bits.type(1), bits), bits.type(1))
    return builder.lshr(
        builder.add(total, _everywhere(builder, half, total.type)),
        _everywhere(builder, bits, total.type),
    )


def _between_x86(
    builder: Any, call: Any, neighbours: list[Any], weights: list[Any], bits: Any
) -> Any:
    """Sums of products of neighbouring bytes; what is interleaved for them in each 16 bytes,
    packing puts back.
    """
    products = ir.VectorType(ir.IntType(16), 32)
    totals = []
    for half in (0, 8):
        order = [
            k + 64 * which
            for lane in range(0, 64, 16)
            for k in range(lane + half, lane + half + 8)
            for which in (0, 1)
        ]
        interleaved = ir.VectorType(ir.IntType(32), 64)(order)
        levels, parts = (
            builder.shuffle_vector(*pair, interleaved) for pair in (neighbours, weights)
        )
        totals.append(
            _rounded(builder, call("llvm.x86.avx512.pmaddubs.w.512", products, levels, parts), bits)
        )
    return call("llvm.x86.avx512.packuswb.512", neighbours[0].type, *totals)
