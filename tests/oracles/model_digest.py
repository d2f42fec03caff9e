"""Prints the model digest of one small model, as tests/model/digest_cache_test.cc has it.

The byte stream is that of docs/formats.md, "Model digest". Needs the PyPI package xxhash.
"""

import hashlib
import struct

import xxhash


def text(data):
    return struct.pack("<Q", len(data)) + data


def digest(configuration, tensors):
    stream = text(b"penstock model 1") + text(configuration) + struct.pack("<Q", len(tensors))
    for name, dtype, shape, data in sorted(tensors):
        stream += text(name) + text(dtype) + struct.pack("<Q", len(shape))
        stream += b"".join(struct.pack("<Q", dim) for dim in shape)
        stream += struct.pack("<Q", len(data)) + xxhash.xxh3_128_intdigest(data).to_bytes(16, "little")
    return "sha256:" + hashlib.sha256(stream).hexdigest()


print(digest(b'{"a":1}', [(b"w", b"F32", (1, 3), struct.pack("<3f", 1, 2, 3))]))
