#!/usr/bin/env python3
"""Writes tests/tokenizer/data: what Hugging Face `tokenizers` makes of many strings.

    python3 tests/oracles/tokenizer_goldens.py MODEL.gguf

- smollm2.golden: the vocabulary inside the SmolLM2 GGUF file, from which a tokenizer.json is built
  here (it is not committed: the test reads the same GGUF file).
- llama3.json, qwen2.json, gpt2.json, other.json with .golden each: small vocabularies trained here
  with the pre-tokenizers of those models; `other` has a pattern that Penstock runs through PCRE2
  and added tokens with every flag.
- spiece.json and .golden: byte fallback and U+2581, as Llama 2 and Gemma have it.
- scores.json and .golden: the same with the merges that follow from scores, as in a GGUF file of
  model "llama"; piece N has the score -N.
- unicode.golden: the classes \\p{L}, \\p{N}, \\s and \\p{M} of the reference, as ranges.

Format of a golden (all integers LEB128): count, then for each string
    size and bytes of the text
    number of ids, ids               the whole text trusted
    1, number of ids, ids            the whole text data, when that differs; else 0
    1, size and bytes of the text    decode() of the ids, when it is not the text; else 0

One rule of ours differs from the reference's: a run of bytes that are no UTF-8 is one U+FFFD, where
it writes one for each ill-formed part of the run (`decode` below).
"""

import codecs
import json
import pathlib
import random
import struct
import sys

import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
from tokenizers import pre_tokenizers, processors, trainers

from tokenizer_strings import CODE, EMOJI, NUMBERS, PROSE, Strings

DATA = pathlib.Path(__file__).resolve().parent.parent / "tokenizer" / "data"

GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace("{1,3}", "")
# The shape of newer patterns: letters by case, marks with letters. PCRE2's Unicode is older, so the
# strings for it leave newer characters out.
OTHER = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
    r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def read_gguf_metadata(path):
    """The key-value pairs of a GGUF file."""
    data = pathlib.Path(path).read_bytes()
    at = 24  # magic, version, tensor count, pair count
    scalars = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}

    def scalar(code):
        nonlocal at
        (value,) = struct.unpack_from("<" + code, data, at)
        at += struct.calcsize("<" + code)
        return value

    def text():
        nonlocal at
        size = scalar("Q")
        at += size
        return data[at - size : at].decode("utf-8")

    def value(kind):
        if kind == 8:
            return text()
        if kind == 9:
            inner, count = scalar("I"), scalar("Q")
            return [value(inner) for _ in range(count)]
        return scalar(scalars[kind])

    assert data[:4] == b"GGUF"
    (count,) = struct.unpack_from("<Q", data, 16)
    pairs = {}
    for _ in range(count):
        key = text()
        pairs[key] = value(scalar("I"))
    return pairs


def smollm2(path):
    meta = read_gguf_metadata(path)
    tokens = meta["tokenizer.ggml.tokens"]
    merges = [tuple(merge.split(" ")) for merge in meta["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE({piece: id for id, piece in enumerate(tokens)}, merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    control = [t for t, kind in zip(tokens, meta["tokenizer.ggml.token_type"]) if kind == 3]
    tokenizer.add_special_tokens([AddedToken(t, special=True, normalized=False) for t in control])
    return tokenizer


def training_texts():
    rng = random.Random(7)
    texts = PROSE + CODE + ["".join(EMOJI)] * 3
    for _ in range(400):
        texts.append(" ".join(rng.sample(PROSE + CODE, 3)))
        texts.append(" ".join(str(rng.randint(0, 99999)) for _ in range(9)))
        texts.append("".join(rng.choice("aeiou ntrs\n") for _ in range(80)))
        texts.append("  " * rng.randint(1, 8) + "x = 1\n\n\tpass\r\n" + NUMBERS)
    return texts


def byte_level(pre_tokenizer, vocab_size, specials):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size, show_progress=False, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        special_tokens=[AddedToken(s, special=True, normalized=False) for s in specials],
    )
    tokenizer.train_from_iterator(training_texts(), trainer)
    return tokenizer


def split_then_bytes(pattern):
    return pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(pattern), "isolated"),
         pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
    )


def llama3():
    names = ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"]
    tokenizer = byte_level(split_then_bytes(LLAMA3), 1500, names)
    bos = tokenizer.token_to_id(names[0])
    tokenizer.post_processor = processors.Sequence([
        processors.ByteLevel(trim_offsets=True),
        processors.TemplateProcessing(single=f"{names[0]} $A", special_tokens=[(names[0], bos)]),
    ])
    spec = json.loads(tokenizer.to_str())
    spec["model"]["ignore_merges"] = True
    # Without these merges the pieces are reached by ignore_merges alone.
    spec["model"]["merges"] = [m for i, m in enumerate(spec["model"]["merges"]) if i % 7 != 3 or i < 200]
    known = set(spec["model"]["vocab"])
    assert all("".join(m) in known for m in spec["model"]["merges"])
    return Tokenizer.from_str(json.dumps(spec)), names


def qwen2():
    names = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    tokenizer = byte_level(split_then_bytes(QWEN2), 1500, names)
    tokenizer.normalizer = normalizers.NFC()
    plain = ["<tool_call>", "</tool_call>", "<think>", "</think>"]
    tokenizer.add_tokens([AddedToken(t, special=False, normalized=False) for t in plain])
    return tokenizer, names + plain


def gpt2():
    tokenizer = byte_level(pre_tokenizers.ByteLevel(add_prefix_space=True), 1200, [])
    tokenizer.add_special_tokens([AddedToken("<|endoftext|>", special=True, normalized=True)])
    return tokenizer, ["<|endoftext|>"]


def other():
    tokenizer = byte_level(split_then_bytes(OTHER), 1200, ["<s>", "</s>"])
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.add_tokens([
        AddedToken("<left>", lstrip=True, normalized=False),
        AddedToken("<right>", rstrip=True, normalized=False),
        AddedToken("<both>", lstrip=True, rstrip=True, normalized=False, special=True),
        AddedToken("word", single_word=True, normalized=False),
        AddedToken("\u00e9t\u00e9 x", normalized=True),
        AddedToken("g\u030cx", normalized=True),
        AddedToken("<", normalized=True),
        AddedToken("<le", normalized=False),
        AddedToken("\n\n", normalized=True),
        AddedToken(" \t", rstrip=True, normalized=False),
    ])
    names = ["<left>", "<right>", "<both>", "word", "sword", "wordy", "word-", "\u00e9t\u00e9 x", "e\u0301te\u0301 x", "g\u030cxy", "\u01e7x",
             "<<left>>", "<le<left>", "<right> \t <both> <left>", " <left> <right>  <both>\n", "<s>", " word word"]
    return tokenizer, names


def spiece():
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, fuse_unk=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")])
    fallback = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=1400, show_progress=False, max_token_length=12,
        special_tokens=["<unk>", "<s>", "</s>"] + fallback,
    )
    words = [word for text in training_texts() for word in text.split(" ") if word.isascii()]
    words += " ".join(PROSE[2:6]).split(" ") * 40
    tokenizer.train_from_iterator(words, trainer)
    spec = json.loads(tokenizer.to_str())
    spec["added_tokens"] = [t for t in spec["added_tokens"] if t["content"] not in fallback]
    spec["decoder"] = {
        "type": "Sequence",
        "decoders": [
            {"type": "Replace", "pattern": {"String": "\u2581"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"},
            {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ],
    }
    spec["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [1], "tokens": ["<s>"]}},
    }
    return Tokenizer.from_str(json.dumps(spec)), ["<s>", "</s>", "<unk>", "\u2581", "<0x0A>"]


def scores():
    tokenizer, names = spiece()
    spec = json.loads(tokenizer.to_str())
    # More pieces that overlap: halves of equal scores are told apart by their lengths.
    vocab = spec["model"]["vocab"]
    for piece in ["hehe", "heh", "ehe", "\u2581\u2581", "\u2581\u2581\u2581", "ab", "bc", "abc"]:
        vocab.setdefault(piece, len(vocab))
    candidates = []
    for piece, id in vocab.items():
        for at in range(1, len(piece)):
            left, right = piece[:at], piece[at:]
            if left in vocab and right in vocab:
                candidates.append((id, -len(left), -len(right), vocab[left], vocab[right], left, right))
    spec["model"]["merges"] = [[left, right] for *_, left, right in sorted(candidates)]
    return Tokenizer.from_str(json.dumps(spec)), names


def number(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def sized(data):
    return number(len(data)) + data


def id_list(ids):
    return number(len(ids)) + b"".join(map(number, ids))


def byte_alphabet():
    characters, spare = {}, 0
    for byte in range(256):
        itself = 0x21 <= byte <= 0x7E or 0xA1 <= byte <= 0xAC or byte >= 0xAE
        characters[chr(byte if itself else 0x100 + spare)] = byte
        spare += not itself
    return characters


BYTE_OF = byte_alphabet()


def bytes_of(piece):
    """The bytes of a piece, in the byte-level alphabet or as they are."""
    if all(c in BYTE_OF for c in piece):
        return bytes(BYTE_OF[c] for c in piece)
    return piece.encode("utf-8")


def replace_runs(data):
    last_end = None

    def replace(error):
        nonlocal last_end
        text = "" if error.start == last_end else "\ufffd"
        last_end = error.end
        return text, error.end

    codecs.register_error("runs", replace)
    return data.decode("utf-8", "runs")


def decode(tokenizer, ids):
    decoded = tokenizer.decode(ids, skip_special_tokens=False)
    if "\ufffd\ufffd" not in decoded or not isinstance(tokenizer.decoder, decoders.ByteLevel):
        return decoded
    data = b"".join(bytes_of(tokenizer.id_to_token(id)) for id in ids)
    assert data.decode("utf-8", "replace") == decoded
    return replace_runs(data)


def golden(tokenizer, strings):
    out = [number(len(strings))]
    for text in strings:
        tokenizer.encode_special_tokens = False
        ids = tokenizer.encode(text, add_special_tokens=False).ids
        tokenizer.encode_special_tokens = True
        data_ids = tokenizer.encode(text, add_special_tokens=False).ids
        decoded = decode(tokenizer, ids)
        out.append(sized(text.encode("utf-8")) + id_list(ids))
        out.append(b"\0" if data_ids == ids else b"\1" + id_list(data_ids))
        out.append(b"\0" if decoded == text else b"\1" + sized(decoded.encode("utf-8")))
    return b"".join(out)


def byte_pieces(tokenizer):
    pieces = tokenizer.get_vocab(with_added_tokens=False)
    return sorted(bytes_of(piece).replace("\u2581".encode(), b" ") for piece in pieces)


def write(name, tokenizer, names, seed, count, num_long, keep=lambda text: True):
    strings = Strings(seed, names, byte_pieces(tokenizer)).draw(count, num_long)
    strings = [text for text in strings if keep(text)]
    data = golden(tokenizer, strings)
    (DATA / f"{name}.golden").write_bytes(data)
    print(f"{name}: {len(strings)} strings, {len(data)} bytes")


def write_json(name, tokenizer):
    spec = json.loads(tokenizer.to_str())
    (DATA / f"{name}.json").write_text(json.dumps(spec, ensure_ascii=False, separators=(",", ":")) + "\n")


def is_old(text):
    """All its characters were in Unicode 14, the version of PCRE2 10.42."""
    import unicodedata

    assert unicodedata.unidata_version == "14.0.0", "run this with Python 3.11"
    return all(unicodedata.category(c) != "Cn" for c in text)


def write_classes():
    chars = [c for c in range(0x110000) if not 0xD800 <= c < 0xE000]
    out = []
    for pattern in (r"\p{L}", r"\p{N}", r"\s", r"\p{M}"):
        removes = normalizers.Replace(Regex(pattern), "")
        members = []
        for start in range(0, len(chars), 4096):
            block = chars[start : start + 4096]
            kept = set(map(ord, removes.normalize_str("".join(map(chr, block)))))
            members += [c for c in block if c not in kept]
        ranges = []
        for c in members:
            if ranges and ranges[-1][1] == c:
                ranges[-1][1] = c + 1
            else:
                ranges.append([c, c + 1])
        out.append(number(len(ranges)) + b"".join(number(a) + number(b) for a, b in ranges))
    (DATA / "unicode.golden").write_bytes(b"".join(out))


def main():
    DATA.mkdir(parents=True, exist_ok=True)
    print("tokenizers", tokenizers.__version__)
    write_classes()
    model = smollm2(sys.argv[1])
    specials = [t.content for t in model.get_added_tokens_decoder().values()]
    write("smollm2", model, specials, seed=1, count=24000, num_long=240)
    for seed, (name, make) in enumerate(
        [("llama3", llama3), ("qwen2", qwen2), ("gpt2", gpt2), ("other", other), ("spiece", spiece),
         ("scores", scores)], 2
    ):
        tokenizer, names = make()
        write_json(name, tokenizer)
        keep = is_old if name == "other" else lambda text: True
        write(name, tokenizer, names, seed=seed, count=4000, num_long=60, keep=keep)


if __name__ == "__main__":
    main()
