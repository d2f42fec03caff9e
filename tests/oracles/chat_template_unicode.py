"""Writes tests/chat_template/data/unicode.json: digests of what Python's str methods say about
every code point.

    python3 tests/oracles/chat_template_unicode.py
"""

import hashlib
import json
import pathlib
import unicodedata

OUT = pathlib.Path(__file__).parent.parent / "chat_template" / "data" / "unicode.json"
CLASSES = ["isalpha", "isdecimal", "isdigit", "isnumeric", "isspace", "isupper", "islower",
           "isprintable", "isalnum"]  # fmt: skip
MAPPINGS = ["upper", "lower", "title", "casefold"]


def digest(texts):
    return hashlib.sha256("".join(texts).encode()).hexdigest()


def main():
    chars = [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]
    document = {"unicode": unicodedata.unidata_version}
    for name in CLASSES:
        document[name] = digest("1" if getattr(c, name)() else "0" for c in chars)
    for name in MAPPINGS:
        document[name] = digest(getattr(c, name)() + "\n" for c in chars)
    # The final form of sigma, which hangs on what stands around it.
    document["final_sigma"] = digest(("A" + c + "\u03a3" + c + "B").lower() for c in chars)
    OUT.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main()
