"""Varied strings for tokenizer oracles, the same for the same seed.

Every kind of text that has its own path through a pre-tokenizer or a byte-level vocabulary: all
scripts, emoji, combining marks, control characters, whitespace runs, long words, code, numbers,
contractions, mixed newlines, and the names of special tokens whole and in parts.
"""

import random

SCRIPTS = [  # first and last code point of the letters of some scripts
    (0x41, 0x5A), (0x61, 0x7A), (0xC0, 0x17F), (0x180, 0x24F), (0x250, 0x2AF), (0x370, 0x3FF),
    (0x400, 0x4FF), (0x531, 0x586), (0x5D0, 0x5EA), (0x620, 0x64A), (0x710, 0x72F), (0x780, 0x7B1),
    (0x7C0, 0x7FF), (0x840, 0x858), (0x8A0, 0x8FF), (0x900, 0x97F), (0x980, 0x9FE), (0xA00, 0xA76),
    (0xA80, 0xAFF), (0xB00, 0xB77), (0xB80, 0xBFA), (0xC00, 0xC7F), (0xC80, 0xCF3), (0xD00, 0xD7F),
    (0xD80, 0xDF4), (0xE01, 0xE5B), (0xE80, 0xEDF), (0xF00, 0xFDA), (0x1000, 0x109F),
    (0x10A0, 0x10FF), (0x1100, 0x11FF), (0x1200, 0x137C), (0x13A0, 0x13FD), (0x1400, 0x167F),
    (0x1680, 0x16F8), (0x1780, 0x17F9), (0x1800, 0x18AA), (0x1900, 0x194F), (0x1E00, 0x1EFF),
    (0x1F00, 0x1FFE), (0x2C00, 0x2C5F), (0x2D30, 0x2D7F), (0x3041, 0x3096), (0x30A0, 0x30FF),
    (0x3105, 0x312F), (0x3400, 0x34FF), (0x4E00, 0x9FFF), (0xA000, 0xA48C), (0xA4D0, 0xA4FF),
    (0xA500, 0xA62B), (0xA640, 0xA69F), (0xA720, 0xA7FF), (0xA840, 0xA877), (0xAC00, 0xD7A3),
    (0xF900, 0xFAD9), (0xFB00, 0xFB4F), (0xFB50, 0xFDFF), (0xFE70, 0xFEFC), (0xFF01, 0xFFDC),
    (0x10000, 0x100FA), (0x10280, 0x1031F), (0x10330, 0x1034A), (0x10400, 0x1049D),
    (0x10800, 0x10855), (0x10900, 0x1091B), (0x10A00, 0x10A58), (0x10D40, 0x10D8F),
    (0x11000, 0x11075), (0x11380, 0x113E2), (0x11A00, 0x11A47), (0x12000, 0x12399),
    (0x13000, 0x1342F), (0x13460, 0x143FA), (0x16A40, 0x16A6D), (0x16D40, 0x16D79),
    (0x17000, 0x187F7), (0x1B000, 0x1B122), (0x1D400, 0x1D7FF), (0x1E900, 0x1E95F),
    (0x20000, 0x2A6DF), (0x2EBF0, 0x2EE5D), (0x30000, 0x323AF),
]
SPACES = " \t\n\r\v\f\x85\xa0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
NUMBERS = "0123456789٠٤٩०५९๓๗①⑳½¾²³Ⅳⅷ〇零𝟘𝟡𑁦"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡¿«»–—‘’“”…‰€£¥§¶†‡•。、「」！？（）،؛؟।॥"
CONTRACTIONS = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'LL", "'D",
                "'\u017f", "’s", "'x", "''s", "'l", "'r", "'v", "' s"]
EMOJI = ["😀", "👍🏽", "👨\u200d👩\u200d👧\u200d👦", "🏳️\u200d🌈", "🇩🇪", "🇺🇸🇫🇷", "❤️", "☎️", "1️⃣", "🧑🏿\u200d🚀", "🤷🏻\u200d♀️",
         "🫠", "🪿", "©️", "🈁", "🀄"]
CONTROLS = [chr(c) for c in list(range(0x20)) + list(range(0x7F, 0xA0))] + list(
    "\u00ad\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2060\ufeff\ufffe\uffff\ufffd\ue000\U000f0000"
    "\U0010ffff\U000e0001\u0378\U0001ffff")
MARKS = list("\u0300\u0301\u0308\u0323\u0327\u0345\u0483\u0591\u064b\u0651\u093c\u094d\u0bcd\u0e48"
             "\u1ab0\u20dd\u20e3\u3099\u309a\ufe20\ufe0f\U0001d165\U000e0100")
PROSE = [
    "The quick brown fox jumps over the lazy dog, and nobody minds.",
    "I can't believe it's already 7:45; we'll be late, won't we?",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.",
    "Voix ambiguë d'un cœur qui, au zéphyr, préfère les jattes de kiwis.",
    "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia y frío.",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "いろはにほへと ちりぬるを。東京は今日も雨です。",
    "天地玄黃，宇宙洪荒。日月盈昃，辰宿列張。",
    "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.",
    "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر.",
    "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश।",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน",
    "Γαζίες καὶ μυρτιὲς δὲν θὰ βρῶ πιὰ στὸ χρυσαφὶ ξέφωτο.",
    "דג סקרן שט בים מאוכזב ולפתע מצא חברה.",
    "Tiếng Việt có nhiều dấu: ắ ằ ẳ ẵ ặ, và cả đ nữa.",
]
CODE = [
    "def f(x: int) -> int:\n    return x**2 + 1  # done\n",
    "for (size_t i = 0; i < n; ++i) {\n\tsum += a[i] * b[i];\n}\r\n",
    "SELECT id, name FROM users WHERE age >= 21 AND name LIKE '%son' ORDER BY 2;",
    '{"a": [1, 2.5e-3, null, true], "b": {"c": "\\u00e9\\n"}}',
    "<div class=\"x\"><a href='https://example.com/?q=1&amp;r=2'>link</a></div>",
    "## Title\n\n- item *one*\n- item **two**\n\n```sh\nls -la | grep '^d'\n```\n",
    "let v: Vec<Option<&'static str>> = vec![Some(\"a\"), None];",
    "0xDEADBEEF 1_000_000 3.14159 -42 1e10 0b1010 50% $9.99 #1 2024-02-29T23:59:60Z",
    "user.name+tag@example.co.uk https://a.b-c.de:8080/path/to/file.tar.gz?x=%20#frag",
    "x = a if b else c;\n\n\n    y += 1\n  \t  z--;   \n",
]


class Strings:
    """Draws strings. `specials`: names of special tokens; `pieces`: bytes of vocabulary pieces."""

    def __init__(self, seed, specials, pieces):
        self.rng = random.Random(seed)
        self.specials = specials
        self.pieces = pieces
        self.kinds = [self.script, self.script, self.prose, self.code, self.vocabulary, self.spaces,
                      self.numbers, self.emoji, self.marks, self.controls, self.contractions,
                      self.special, self.any_code_point, self.mixture, self.mixture, self.mixture]

    def script(self):
        first, last = self.rng.choice(SCRIPTS)
        words = []
        for _ in range(self.rng.randint(1, 4)):
            length = self.rng.randint(1, 7)
            words.append("".join(chr(self.rng.randint(first, last)) for _ in range(length)))
        return self.rng.choice([" ", " ", "", "  ", ", ", "\n", "-"]).join(words)

    def prose(self):
        text = self.rng.choice(PROSE)
        start = self.rng.randrange(len(text))
        return text[start : start + self.rng.randint(3, 40)]

    def code(self):
        text = self.rng.choice(CODE)
        start = self.rng.randrange(len(text))
        return text[start : start + self.rng.randint(3, 40)]

    def vocabulary(self):
        data = b"".join(self.rng.choice(self.pieces) for _ in range(self.rng.randint(1, 8)))
        return data.decode("utf-8", "ignore")

    def spaces(self):
        if self.rng.random() < 0.5:
            run = self.rng.choice(SPACES) * self.rng.randint(1, 20)
        else:
            run = "".join(self.rng.choice(SPACES) for _ in range(self.rng.randint(1, 9)))
        return self.rng.choice(["", "a", "1", "!", "é"]) + run + self.rng.choice(["", "b", "2", "?", "世"])

    def numbers(self):
        digits = "0123456789" if self.rng.random() < 0.6 else NUMBERS
        parts = ["".join(self.rng.choice(digits) for _ in range(self.rng.randint(1, 9)))
                 for _ in range(self.rng.randint(1, 3))]
        return self.rng.choice(["", " ", ".", ",", "/", "-", "x"]).join(parts)

    def emoji(self):
        return "".join(self.rng.choice(EMOJI + [" "]) for _ in range(self.rng.randint(1, 4)))

    def marks(self):
        base = self.rng.choice(["a", "e", "o", "A", "ư", "क", "க", "ก", "が", "か", "ᄀ", "가", " ", "1", "-", ""])
        return base + "".join(self.rng.choice(MARKS) for _ in range(self.rng.randint(1, 6)))

    def controls(self):
        return "".join(self.rng.choice(CONTROLS + ["x", " "]) for _ in range(self.rng.randint(1, 6)))

    def contractions(self):
        stem = self.rng.choice(["I", "we", "don", "IT", " ", "", "L", "été", "9"])
        return stem + self.rng.choice(CONTRACTIONS) + self.rng.choice(["", "s", " ", "!", "L", "é"])

    def special(self):
        name = self.rng.choice(self.specials)
        part = self.rng.random()
        if part < 0.2:
            name = name[self.rng.randint(0, len(name)) :]
        elif part < 0.4:
            name = name[: self.rng.randint(0, len(name))]
        elif part < 0.5:
            name = name[:2] + name
        return self.rng.choice(["", "", " ", "a", "\n", "  "]) + name + self.rng.choice(["", "", " ", "b", "\n"])

    def any_code_point(self):
        drawn = []
        for _ in range(self.rng.randint(1, 6)):
            c = self.rng.randrange(0x110000)
            drawn.append(chr(c) if not 0xD800 <= c < 0xE000 else "\ufffd")
        return "".join(drawn)

    def punctuation(self):
        return "".join(self.rng.choice(PUNCTUATION) for _ in range(self.rng.randint(1, 5)))

    def mixture(self):
        kinds = self.kinds[:-3] + [self.punctuation]
        glue = self.rng.choice(["", "", " "])
        return glue.join(self.rng.choice(kinds)() for _ in range(self.rng.randint(2, 3)))

    def long_word(self):
        unit = self.rng.choice(["a", "ab", "abc", "haha", "=", "-=", " ", "\n", "é", "の", "世界", "xX", "1",
                                "https", "ACGT", "😀", "\u0301", "\t"])
        if self.rng.random() < 0.4:
            letters = self.rng.choice(["abcdefghijklmnopqrstuvwxyz", "ACGT", "01", "天地玄黃宇宙洪荒", "αβγδε"])
            return "".join(self.rng.choice(letters) for _ in range(self.rng.randint(50, 600)))
        return unit * self.rng.randint(20, 300)

    def draw(self, count, num_long):
        """`count` different strings, about `num_long` of them with one very long word."""
        drawn = dict.fromkeys(["", " ", "\n", "\x00"] + [self.long_word() for _ in range(num_long)])
        while len(drawn) < count:
            drawn[self.rng.choice(self.kinds)()] = None
        strings = list(drawn)
        self.rng.shuffle(strings)
        return strings
