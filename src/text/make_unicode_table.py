#!/usr/bin/env python3
"""Writes unicode_table.inc: general category and NFC behaviour of every code point.

    pip install unicodedata2==16.0.0 tokenizers==0.23.3
    python3 src/text/make_unicode_table.py > src/text/unicode_table.inc

Both are those of the reference whose tokens ours must equal, and which mixes versions. Its regular
expressions, which cut the text, know Unicode 16; the library that Debian 12 ships knows 5,800
characters fewer. Its NFC knows Unicode 9, so it is asked itself which characters it leaves alone:
marks added since then, 120 of them, stay where they are.
"""

import sys

import unicodedata2 as ucd
from tokenizers import normalizers

BLOCK = 256
CATEGORIES = (
    "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co"
).split()  # the order of enum class GeneralCategory
NOT_INERT = 32


NFC = normalizers.NFC().normalize_str


def composes_backward():
    """Code points that the reference may combine with the character before them."""
    result = set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    for c in range(sys.maxunicode + 1):
        parts = ucd.decomposition(chr(c)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            pair = "".join(chr(int(part, 16)) for part in parts)
            if NFC(pair) != pair:
                result.add(ord(pair[1]))
    return result


def is_inert(char, backward):
    """It is the same in NFC and neither moves, lets others pass, nor joins what is before it."""
    probes = (char, f"a{char}\u0334", f"a\u0345{char}")  # marks of the classes 1 and 240
    return ord(char) not in backward and all(NFC(probe) == probe for probe in probes)


def value_of(c, backward):
    value = CATEGORIES.index(ucd.category(chr(c)))
    if 0xD800 <= c < 0xE000 or is_inert(chr(c), backward):
        return value
    return value + NOT_INERT


def quoted(block, start):
    text = "".join(chr(ord("!") + value) for value in block[start : start + 64])
    return '"' + "".join("\\" + c if c in '"\\?' else c for c in text) + '"'


def main():
    backward = composes_backward()
    blocks, index = {}, []
    for start in range(0, sys.maxunicode + 1, BLOCK):
        block = tuple(value_of(c, backward) for c in range(start, start + BLOCK))
        index.append(blocks.setdefault(block, len(blocks)))

    print(f"// Unicode {ucd.unidata_version}, by make_unicode_table.py; not for editing.")
    print(f"// {len(blocks)} blocks of {BLOCK} code points, one character each: '!' + value.")
    print("constinit const char kUnicodeBlocks[] =")
    lines = [quoted(block, start) for block in blocks for start in range(0, BLOCK, 64)]
    print("    " + "\n    ".join(lines) + ";\n")
    print(f"constinit const unsigned char kUnicodeBlockOf[{len(index)}] = {{")
    for start in range(0, len(index), 24):
        print("    " + ", ".join(map(str, index[start : start + 24])) + ",")
    print("};")


if __name__ == "__main__":
    main()
