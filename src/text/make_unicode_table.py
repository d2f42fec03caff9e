#!/usr/bin/env python3
"""Writes unicode_table.inc: general category and NFC behaviour of every code point.

    pip install unicodedata2==16.0.0
    python3 src/text/make_unicode_table.py > src/text/unicode_table.inc

The version is that of the regular-expression engine inside `tokenizers`, whose character classes
decide where its pre-tokenizers cut; the library Debian 12 ships knows 5,800 characters fewer.
"""

import sys

import unicodedata2 as ucd

BLOCK = 256
CATEGORIES = (
    "Cn Lu Ll Lt Lm Lo Mn Mc Me Nd Nl No Pc Pd Ps Pe Pi Pf Po Sm Sc Sk So Zs Zl Zp Cc Cf Cs Co"
).split()  # the order of enum class GeneralCategory
NOT_INERT = 32


def composes_backward():
    """Code points that may combine with the character before them."""
    result = set(range(0x1161, 0x1176)) | set(range(0x11A8, 0x11C3))
    for c in range(sys.maxunicode + 1):
        parts = ucd.decomposition(chr(c)).split()
        if len(parts) == 2 and not parts[0].startswith("<"):
            if ucd.normalize("NFC", chr(c)) == chr(c):
                result.add(int(parts[1], 16))
    return result


def value_of(c, backward):
    char = chr(c)
    value = CATEGORIES.index(ucd.category(char))
    if 0xD800 <= c < 0xE000:
        return value
    inert = (
        ucd.combining(char) == 0 and c not in backward and ucd.normalize("NFC", char) == char
    )
    return value if inert else value + NOT_INERT


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
