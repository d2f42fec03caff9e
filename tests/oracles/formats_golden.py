"""Writes tests/formats/data/golden.gguf with the reference implementation's own writer.

For each element encoding T it holds a tensor "T" of random blocks and a tensor "T.f32" of the same
values as the reference dequantizes them. Scales are random halves: normal, subnormal, zero and
negative, but neither infinite nor NaN. F16 holds every half, BF16 every 16-bit pattern. The
metadata holds one key of every value type.

Needs the PyPI packages gguf and numpy:  python3 tests/oracles/formats_golden.py OUTPUT
"""

import sys

import gguf
import numpy as np
from gguf import GGMLQuantizationType as Type
from gguf import GGUFValueType as Value

ROWS = 8
# Offsets of the 16-bit floats in a block.
SCALES = {
    Type.Q4_0: [0],
    Type.Q4_1: [0, 2],
    Type.Q5_0: [0],
    Type.Q5_1: [0, 2],
    Type.Q8_0: [0],
    Type.Q4_K: [0, 2],
    Type.Q5_K: [0, 2],
    Type.Q6_K: [208],
}


def random_halves(rng, count):
    """Uniform over all bit patterns but those of infinity and NaN; a quarter is subnormal."""
    exponent = rng.integers(0, 31, count)
    exponent[rng.random(count) < 0.25] = 0
    sign = rng.integers(0, 2, count)
    fraction = rng.integers(0, 1024, count)
    return (sign << 15 | exponent << 10 | fraction).astype("<u2")


def random_blocks(rng, kind):
    block_values, block_bytes = gguf.GGML_QUANT_SIZES[kind]
    per_row = 512 // block_values
    blocks = rng.integers(0, 256, (ROWS * per_row, block_bytes), dtype=np.uint8)
    for at in SCALES[kind]:
        blocks[:, at : at + 2] = random_halves(rng, len(blocks)).view(np.uint8).reshape(-1, 2)
    return blocks.reshape(ROWS, per_row * block_bytes)


def add_metadata(writer):
    writer.add_uint8("golden.u8", 200)
    writer.add_int8("golden.i8", -100)
    writer.add_uint16("golden.u16", 60000)
    writer.add_int16("golden.i16", -30000)
    writer.add_uint32("golden.u32", 4000000000)
    writer.add_int32("golden.i32", -2000000000)
    writer.add_uint64("golden.u64", 2**64 - 1)
    writer.add_int64("golden.i64", -(2**63))
    writer.add_float32("golden.f32", 0.1)
    writer.add_float64("golden.f64", 0.1)
    writer.add_bool("golden.true", True)
    writer.add_bool("golden.false", False)
    writer.add_string("golden.string", "Grüße, 世界")
    writer.add_array("golden.i32s", [1, -2, 3])
    writer.add_array("golden.floats", [0.5, -0.25])
    writer.add_array("golden.bools", [True, False, True])
    writer.add_array("golden.strings", ["", "a", "日本"])
    writer.add_key_value("golden.u8s", [0, 255], Value.ARRAY, sub_type=Value.UINT8)


def main():
    rng = np.random.default_rng(20)
    writer = gguf.GGUFWriter(sys.argv[1], "golden")
    add_metadata(writer)
    for kind in SCALES:
        blocks = random_blocks(rng, kind)
        writer.add_tensor(kind.name, blocks, raw_dtype=kind)
        writer.add_tensor(kind.name + ".f32", gguf.dequantize(blocks, kind).astype("<f4"))
    every = np.arange(65536, dtype="<u2").reshape(256, 256)
    writer.add_tensor("F16", every.view("<f2"))
    writer.add_tensor("F16.f32", every.view("<f2").astype("<f4"))
    writer.add_tensor("BF16", every.view(np.uint8), raw_dtype=Type.BF16)
    writer.add_tensor("BF16.f32", gguf.dequantize(every.view(np.uint8), Type.BF16).astype("<f4"))
    plain = rng.standard_normal((4, 8), dtype=np.float32)
    writer.add_tensor("F32", plain)
    writer.add_tensor("F32.f32", plain)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()


main()
