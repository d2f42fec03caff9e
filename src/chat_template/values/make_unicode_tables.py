"""Writes unicode_tables.inc: the character data behind Python's string methods.

    python3 make_unicode_tables.py > unicode_tables.inc

The data is the running interpreter's own (its Unicode version is written into the file), so the
string methods here agree with that Python on every code point.
"""

import textwrap
import unicodedata


def chars():
    return [chr(c) for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def runs(rows):
    """Joins (code point, delta) rows at distance 1 or 2 into (first, last, stride, delta)."""
    out, i = [], 0
    while i < len(rows):
        best, stride = i, 1
        for step in (1, 2):
            j = i
            while (
                j + 1 < len(rows)
                and rows[j + 1][0] - rows[j][0] == step
                and rows[j + 1][1] == rows[i][1]
            ):
                j += 1
            if j > best:
                best, stride = j, step
        if stride == 2 and best - i < 2:
            best, stride = i, 1
        out.append((rows[i][0], rows[best][0], stride, rows[i][1]))
        i = best + 1
    return out


def write(kind, name, cells):
    print(f"constexpr {kind} k{name}[] = {{")
    print(textwrap.fill(", ".join(cells), 98, break_long_words=False))
    print("};")


def write_class(name, predicate):
    rows = runs([(ord(c), 0) for c in chars() if predicate(c)])
    write("CharRange", name, ["{%d,%d,%d}" % row[:3] for row in rows])


def write_case(name, convert):
    single, longer = [], []
    for c in chars():
        to = convert(c)
        if len(to) > 1:
            longer.append((ord(c), [ord(t) for t in to]))
        elif to != c:
            single.append((ord(c), ord(to) - ord(c)))
    write("CaseRange", name, ["{%d,%d,%d,%d}" % row for row in runs(single)])
    cells = ["{%d,{%s}}" % (c, ",".join(map(str, to))) for c, to in longer]
    write("CaseSpecial", name + "Special", cells)


def ends_a_word_with_sigma(before):
    return (before + "\u03a3").lower()[-1] == "\u03c2"


def main():
    print(f"// Unicode {unicodedata.unidata_version}; written by make_unicode_tables.py.")
    write_class("Alpha", str.isalpha)
    write_class("Decimal", str.isdecimal)
    write_class("Digit", str.isdigit)
    write_class("Numeric", str.isnumeric)
    write_class("Space", str.isspace)
    write_class("Upper", str.isupper)
    write_class("Lower", str.islower)
    write_class("Title", lambda c: unicodedata.category(c) == "Lt")
    write_class("Printable", str.isprintable)
    # The final form of sigma shows which characters Python sees as cased and as case-ignorable.
    write_class("Cased", lambda c: ends_a_word_with_sigma(c))
    write_class(
        "CaseIgnorable",
        lambda c: ends_a_word_with_sigma("A" + c) and not ends_a_word_with_sigma(c),
    )
    write_case("ToUpper", str.upper)
    write_case("ToLower", str.lower)
    write_case("ToTitle", str.title)
    write_case("ToFolded", str.casefold)


if __name__ == "__main__":
    main()
