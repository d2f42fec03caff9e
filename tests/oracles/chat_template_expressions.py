"""Writes tests/chat_template/data/expressions.json: what jinja2 makes of thousands of one-line
templates over one set of variables.

    python3 tests/oracles/chat_template_expressions.py

A case is [template, output], with null for a template that fails. Left out are results that
differ between runs (addresses), need what our engine refuses (integers above 64 bits, complex
numbers), or hang on how jinja2 folds constants: a slice of a number is undefined when the whole
expression is constant and an error otherwise, and `-1 ** n` binds the other way round.
"""

import itertools
import json
import pathlib
import random
import re
import warnings

from chat_template_env import NOW_UNIX_US, make_environment, render

OUT = pathlib.Path(__file__).parent.parent / "chat_template" / "data" / "expressions.json"

UNFOLDED = make_environment(optimized=False)
VARIABLES = {
    "n": 7,
    "neg": -3,
    "zero": 0,
    "big": 9007199254740993,
    "f": 2.5,
    "t": True,
    "no": False,
    "nil": None,
    "s": "Hello, World",
    "e": "",
    "sp": "  padded\t\n",
    "u": "Grüße, Welt! ΑΣΣ ß ﬁ 你好 🙂",
    "q": "it's \"quoted\" \\ back\nline\ttab \x01\u2028",
    "html": "<b>&'\"</b>",
    "num": "42",
    "fnum": " 3.75 ",
    "hexa": "0x1F",
    "lines": "one\ntwo\r\n\nfour\n",
    "words": "the quick-brown (fox) jumps_over [lazy] dogs",
    "l": [3, 1, 2],
    "ls": ["b", "A", "c", "a"],
    "mixed": [1, "1", 1.0, None, True, [2], {"k": 1}],
    "empty": [],
    "nested": [[1, 2], [3, [4, 5]], []],
    "d": {"b": 1, "a": 2, "C": 3},
    "ed": {},
    "deep": {"x": {"y": [10, {"z": "end"}]}, "items": "shadow", "1": "one"},
    "users": [
        {"name": "Zoe", "age": 31, "tags": ["x", "y"], "city": "Rome"},
        {"name": "adam", "age": 25, "tags": [], "city": "Oslo"},
        {"name": "Bob", "age": 31, "tags": ["y"], "city": "rome", "admin": True},
        {"name": "Ann", "age": 4.5, "tags": ["z"], "city": None},
    ],
    "long": "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu " * 5,
}
ATOMS = [
    "n", "neg", "zero", "f", "t", "no", "nil", "s", "e", "u", "l", "ls", "empty", "d", "ed",
    "missing", "'x'", "2", "-1", "1.0", "0.1", "(1, 2)", "[1, 'a']", "{'k': 'v'}", "range(4)",
    "num", "mixed", "none", "true", "1e3", "()",
]  # fmt: skip
STRINGS = ["s", "e", "sp", "u", "q", "html", "num", "fnum", "lines", "words", "'ab,cd,,ef'", "'Σ'"]
BINARY = ["+", "-", "*", "/", "//", "%", "**", "~", "==", "!=", "<", "<=", ">", ">=", "in",
          "not in", "and", "or"]  # fmt: skip
FILTERS = [
    "abs", "attr('name')", "attr('upper')", "batch(2)|list", "batch(3, 'x')|list", "capitalize",
    "center(12)", "count", "length", "default('D')", "default('D', true)", "d('D', boolean=true)",
    "dictsort", "dictsort(true)", "dictsort(false, 'value')", "dictsort(by='key', reverse=true)",
    "escape", "e", "forceescape", "filesizeformat", "filesizeformat(true)", "first", "float",
    "float(1.5)", "format(1)", "indent", "indent(2)", "indent(2, true)", "indent('> ', true, true)",
    "indent(width=3, blank=true)", "int", "int(9)", "int(base=16)", "int(0, 2)", "items|list",
    "join", "join(', ')", "join('|', 'name')", "join(attribute=0)", "last", "list", "lower",
    "map('upper')|list", "map(attribute='name')|list", "map(attribute='age', default=0)|list",
    "map('length')|list", "map(attribute=0)|list", "map(attribute='x.y.1.z')|list", "max", "min",
    "max(attribute='age')", "min(case_sensitive=true)", "reject|list", "reject('none')|list",
    "reject('equalto', 1)|list", "rejectattr('admin')|list", "rejectattr('age', 'gt', 30)|list",
    "replace('l', 'L')", "replace('o', '0', 1)", "replace('', '-')", "replace(1, 2)", "reverse",
    "reverse|list", "round", "round(1)", "round(-1)", "round(1, 'ceil')", "round(0, 'floor')",
    "round(method='ceil')", "safe", "select|list", "select('string')|list", "select('odd')|list",
    "select('in', [1, 'a'])|list", "selectattr('tags')|list", "selectattr('name', 'equalto', 'Bob')|list",
    "slice(2)|list", "slice(3, 'x')|list", "sort", "sort(true)", "sort(case_sensitive=true)",
    "sort(attribute='name')", "sort(attribute='age,name', reverse=true)", "string", "sum",
    "sum(attribute='age')", "sum(start=10)", "title", "tojson", "tojson(indent=2)", "tojson(true)",
    "tojson(ensure_ascii=true, indent=0)", "tojson(separators=(',', ':'))", "tojson(sort_keys=true)",
    "tojson(indent='\\t')", "trim", "trim('H !d')", "trim(chars='<>')", "truncate(9)",
    "truncate(9, true)", "truncate(5, true, '…', 0)", "unique|list", "unique(true)|list",
    "unique(attribute='age')|list", "upper", "urlencode", "wordcount", "groupby('age')",
    "groupby('city', default='?')", "groupby('city', case_sensitive=true)|map('first')|list",
    "map('default', 'x')|list", "map('string')|map('length')|list", "first|default('none')",
    "xmlattr", "nosuchfilter", "upper('x')", "join(d=1, x=2)",
]  # fmt: skip
TESTS = [
    "boolean", "callable", "defined", "undefined", "none", "false", "true", "integer", "float",
    "number", "string", "mapping", "sequence", "iterable", "odd", "even", "lower", "upper",
    "escaped", "divisibleby 3", "divisibleby(2)", "equalto 7", "eq('x')", "== 2", "ne 1", "lt 3",
    "lessthan(2.5)", "le 7", "gt 0", "greaterthan 'a'", "ge 2", "in [7, 'x', none]", "in 'Hello'",
    "sameas none", "sameas(true)", "nosuchtest", "not defined", "not in l", "divisibleby 0",
]  # fmt: skip
METHODS = [
    "capitalize()", "casefold()", "center(20)", "center(21, '*')", "count('l')", "count('')",
    "count('o', 5)", "endswith('d')", "endswith(('x', '\\n'))", "expandtabs()", "expandtabs(4)",
    "find('o')", "find('o', 5)", "find('zz')", "find('', 3)", "find('o', -4, -1)", "index('l')",
    "isalnum()", "isalpha()", "isascii()", "isdecimal()", "isdigit()", "isidentifier()",
    "islower()", "isnumeric()", "isprintable()", "isspace()", "istitle()", "isupper()",
    "join(['a', 'b'])", "join('xyz')", "join([1])", "ljust(15, '.')", "rjust(15)", "lower()",
    "lstrip()", "lstrip('H <')", "partition(', ')", "partition('')", "removeprefix('Hel')",
    "removesuffix('ld')", "replace('l', 'LL')", "replace('l', '', 2)", "replace('', '.')", "rfind('o')",
    "rfind('o', 0, 6)", "rindex('zz')", "rpartition(' ')", "rsplit()", "rsplit(',', 1)",
    "rsplit(None, 1)", "rstrip()", "rstrip('\\n\\t d')", "split()", "split(',')", "split(' ', 1)",
    "split(none, 1)", "split(maxsplit=2)", "split('')", "split(sep='o')", "splitlines()",
    "splitlines(true)", "startswith('H')", "startswith(('x', 'Gr', '<'))", "startswith('W', 7)",
    "strip()", "strip('Hd ')", "swapcase()", "title()", "upper()", "zfill(20)", "zfill(3)",
    "format(1, 2)", "nosuch()", "nosuch", "__class__", "format_map({})", "upper(1)", "split(1)",
    "isalpha", "strip(1)", "encode", "lower().upper()[0:3]",
]  # fmt: skip
FORMATS = [
    "{}", "{:>8}|{:<8}|{:^8}", "{0}{1}{0}", "{a}-{b}", "{0[k]}{1.x}", "{:05d}", "{:+.2f}", "{:,}",
    "{:x}{:#X}", "{:e}", "{:.3}", "{!r}", "{!s:>6}", "{{}}", "{:*^9}", "{:%}", "{:g}", "{:_}",
    "{:08.3f}", "{:b}", "{:{}}", "{", "}", "{:d}", "{x}", "{:q}", "{0}{}", "{:=+6}", "{:c}",
]  # fmt: skip
FORMAT_ARGS = ["1, 2", "'abc', 'd'", "3.14159, -2", "a=1, b='x'", "{'k': 5}, d", "-7, 12",
               "1234567.891, 10", "none, true", "65, 66"]  # fmt: skip
PERCENTS = ["%s", "%d", "%5.1f|%-6s|", "%s and %s", "%(a)s", "%x %o", "%05d", "%+d", "%r", "%c",
            "%%", "%e", "%g", "%10s|", "%.2s", "%i%%", "%", "%z", "%*d", "plain"]  # fmt: skip
PERCENT_ARGS = ["1", "'abc'", "(1, 2)", "(1.5, 'x')", "{'a': 'A'}", "[1]", "none", "3.99", "(5, 42)",
                "missing", "()", "true"]  # fmt: skip
SLICES = ["0", "-1", "1:", ":2", "::2", "::-1", "-3:-1", "5:2", "1:4:2", "::0", "10", "'a'", "none",
          "1.0", "true", ":-1", "-100:100", "3:0:-1", "[1]", "(1, 2)", ":'x'"]  # fmt: skip
LITERALS = [
    "1_000", "0x1f", "0b101", "0o17", "1.5e3", "1e-7", "123456789.123456789", "1e16", "1e22",
    "0.0001", "0.00001", "-0.0", "5 // 2", "-5 // 2", "5 // -2", "-5 % 3", "5 % -3", "-5.5 % 2",
    "5.5 // -2", "2 ** 10", "2 ** -1", "-2 ** 2", "2 ** 3 ** 2", "0 ** 0", "7 / 2", "1 / 3",
    "'a' 'b' \"c\"", "'\\x41\\u00e9\\n\\t\\\\\\''", "'\\101\\q'", "[1, 2,]", "(1,)", "(1, 2)", "()",
    "{}", "{'a': 1, 'b': [1, {'c': none}],}", "{1: 'x', true: 'y', none: 'z'}", "{(1, 2): 3}",
    "{[1]: 2}", "{'a': 1, 'a': 2}", "not true", "not not 1", "not 1 == 2", "1 < 2 < 3",
    "1 < 3 < 2", "1 == 1.0", "true == 1", "'a' < 'b'", "[1, 2] < [1, 3]", "(1,) < (1, 0)",
    "1 if true else 2", "1 if false", "(1 if false) is defined", "1 if false else 2 if false else 3",
    "true and 0 or 'x'", "none or false", "'' and missing.x", "1 in [1] and 2 not in [1]",
    "'a' ~ 1 ~ none ~ 2.5 ~ true ~ [1]", "1 + 2 ~ 3 * 4", "'-' * 5", "3 * [1, 2]", "-'a'", "+true",
    "-true", "- n", "--1", "+-1", "1 - -1", "n|string|length + 1", "-n|abs", "(-n)|abs", "2|abs ** 2",
    "n is odd and f is float", "n is not odd", "not n is odd", "n is divisibleby 3 or true",
    "missing", "missing is defined", "missing|default", "missing.x", "missing.x is defined",
    "missing['x']", "d.missing", "d.missing.x", "d['a']", "d.a", "d.get('a')", "d.get('zz')",
    "d.get('zz', 5)", "d.items()", "d.items()|list", "d.keys()|list", "d.values()|list", "d|list",
    "d.copy()", "d.pop('a')", "d.update({})", "d.clear", "l.append(1)", "l.sort", "l.count(1)",
    "l.index(2)", "l.index(9)", "l.pop()", "l.copy()", "l.reverse()", "(1, 2).count(1)", "d.items",
    "deep.items", "deep['items']", "deep.x.y[1].z", "deep.x.y.0", "deep['x']['y'][-1]['z']", "deep.1",
    "d.fromkeys([1, 2], 'v')", "users[0].name", "users[-1]['city']", "users|length", "users.0.age",
    "range(5)|list", "range(2, 8, 3)|list", "range(5, 0, -2)|list", "range(3)", "range(0)|list",
    "range(1, 2, 0)", "range(200000)", "range(10)[2:5]", "range(10)[::3]|list", "range(5)[-1]",
    "3 in range(5)", "range('a')", "range(3) == range(0, 3)", "namespace(a=1).a", "namespace(a=1)",
    "namespace({'x': 2}).x", "dict(a=1, b=2)", "dict([('x', 1)])", "dict({'a': 1}, b=2)", "dict(1)",
    "joiner()()", "cycler(1, 2).next()", "cycler()", "raise_exception('boom')",
    "strftime_now('%d %b %Y')", "strftime_now('%Y-%m-%d %H:%M:%S')", "strftime_now('%A, %B %-d')",
    "strftime_now('%j %U %W %V %G %u %w %y %C %e %k %l %I %p %M %f %%')", "strftime_now('%c|%x|%X|%D|%F|%T|%R')",
    "strftime_now('%q %')", "strftime_now()", "strftime_now('plain')", "strftime_now('%z%Z|%h %a')",
    "s[0]", "s[-1]", "s[100]", "s['x']", "u[5]", "u[-1]", "u[1:4]", "u|length", "u|reverse", "u|upper",
    "u|lower", "u|title", "u|list|length", "s.upper()", "'%s' % s", "'%s' % (s, )", "s | upper | lower",
    "l | sort | first", "l == [3, 1, 2]", "l is sameas l", "[l, l][0] is sameas l", "d == {'a': 2, 'b': 1, 'C': 3}",
    "users|map(attribute='name')|join(', ')", "users|selectattr('admin', 'defined')|map(attribute='name')|list",
    "users|sum(attribute='age')", "users|groupby('city')|length", "users|sort(attribute='city')",
    "(users|groupby('age')|first).grouper", "(users|groupby('age')|first).list|length",
    "users|map(attribute='tags')|map('length')|sum", "users|rejectattr('tags')|map(attribute='name')|first",
    "html|e", "html|safe", "html|e|e", "html|safe|e", "html|e ~ html", "html|e + html", "html + html|e",
    "(html|safe) ~ '<'", "('<%s>'|safe) % html", "('<%s>'|safe).format(html)", "('{}'|safe).format(html)",
    "(html|safe).upper()", "(html|safe)|string", "[html|safe]", "(html|e)|length", "(html|safe) * 2",
    "('a'|safe).join(['<', '>'|safe])", "['<', '>'|safe]|join('&')", "(html|safe).replace('b', '<')",
    "html|forceescape", "(html|e) is escaped", "html|safe|upper|e", "html|e|indent(2, true)", "html|safe|tojson",
    "('x'|safe).split('x')", "(html|safe)[0]", "(html|e).center(40, '<')", "html|safe|replace('<', '[')",
    "{'a': missing}", "[missing]", "missing ~ 'x'", "missing + 1", "missing == missing", "missing == none",
    "missing in [1]", "1 in missing", "missing|length", "missing|list", "missing|upper", "missing|int",
    "missing|tojson", "[missing]|tojson", "missing()", "missing|items|list", "missing is sequence",
    "missing is iterable", "missing is callable", "not missing", "missing < 1", "-missing", "missing[0]",
    "missing[1:]", "missing|join", "missing|first", "missing|default(missing)", "missing|attr('x')",
    "s.x.y", "nil.x", "nil.x.y", "nil['a']", "nil()", "nil|length", "nil|upper", "nil|list", "n.x", "n.real",
    "n()", "f.is_integer", "5|string + '5'", "5 + '5'", "'5' + 5", "[1] + (2,)", "[1] + [2]", "(1,) + (2,)",
    "{} + {}", "'a' - 'b'", "[] * 'a'", "none + 1", "1 < 'a'", "none < none", "[1] < ['a']", "{} < {}",
    "'a' in 1", "1 in 'a'", "none in [none]", "[] in [[]]", "{} in d", "'a' in d", "[1] in d", "1 in d.values()",
    "('a', 2) in d.items()", "'b' in d.keys()", "d.keys()[0]", "d.keys()|first", "d|first", "d|last", "d|length",
    "d|join('-')", "d|map('upper')|list", "d|reverse|list", "d|tojson", "d.items()|length", "d.items()|last",
    "(1, 'a', none)|tojson", "{1: 2, none: 3, true: 4, 1.5: 5}|tojson", "{(1,): 2}|tojson", "1e400", "1e400|tojson",
    "-1e400", "(1e400 - 1e400)|tojson", "1e400|int", "'inf'|float", "'nan'|float", "'1_0'|int", "'1__0'|int",
    "'  12  '|int", "'12.7'|int", "'-12.7'|int", "'abc'|int", "'0b11'|int(base=0)", "'ff'|int(base=16)", "'z'|int(base=36)",
    "''|int", "none|int", "[]|int(3)", "2.999|int", "-2.999|int", "true|int", "'1e3'|int", "'1e3'|float", "'.5'|float",
    "'5.'|float", "'1_0.5'|float", "'+7'|int", "'- 7'|int", "none|float", "2.5|round", "3.5|round", "-2.5|round",
    "2.675|round(2)", "1234.5678|round(-2)", "1234|round(-2)", "15|round(-1)", "25|round(-1)", "2.1|round(0, 'ceil')",
    "-2.1|round(0, 'ceil')", "2.19|round(1, 'floor')", "2|round(1, 'ceil')", "'a'|round", "2.5|round(method='x')", "true|round",
    "0.1 + 0.2", "1e15 + 0.5", "1e300 * 1e10", "100.0", "1e5", "123456789012345680.0", "3.0|int", "10 / 5", "1 // 0.3",
    "1 / 0", "1 // 0", "1 % 0", "1.0 / 0", "0 ** -1", "2 ** 0.5", "9 ** 0.5", "10 ** 18", "7 // 2.0", "-7 // 2.0",
    "7 % -2.5", "2 ** 62", "5 == 5.0 == true", "1 == true", "2 == true", "[true] == [1]", "0.0 == false", "'1' == 1", "none == false",
    "big + 1", "big / 3", "big == 9007199254740993.0", "big > 9007199254740992.0", "'a' * 0", "'a' * -1", "[] * 3", "2 * 'ab' * 2",
    "''.join(['a'] * 3)", "' '.join(ls)", "', '.join(d)", "''.join(1)", "'x'.join(missing)", "ls|sort", "ls|sort(case_sensitive=true)",
    "ls|unique|list", "['a', 'A', 'b']|unique|list", "[1, 1.0, true, '1']|unique|list", "[[1]]|unique|list", "mixed|map('string')|list",
    "mixed|sort", "[3, none]|max", "[]|max", "[]|max is defined", "['b', 'A']|max", "['b', 'A']|min", "[1, 2.5]|max", "{'a': 1}|max",
    "[[2, 1], [1, 5]]|sort", "[(2, 'b'), (1, 'a')]|sort(attribute=1)", "nested|sum(start=[])", "nested|map('first')|list", "nested|map('sum')|list",
    "'abc'|batch(2)|list", "'abcdef'|slice(4)|list", "[1, 2, 3]|batch(2, 0)|map('list')|list", "[1]|batch(0)|list", "[1, 2]|slice(0)|list",
    "l|map('nosuch')|list", "l|map()|list", "l|select('nosuch')|list", "l|selectattr()|list", "l|map('string', 1)|list", "l|map(attribute='x', y=1)|list",
    "(l|map('string'))|length", "(l|map('string')) is iterable", "(l|reverse)|length", "l|first|string", "e|first", "e|first is defined", "e|last is defined", "s|last",
    "long|truncate", "long|truncate(30)", "long|truncate(30, true)", "long|truncate(30, leeway=0)", "'foo bar baz qux'|truncate(11)", "'foo bar baz qux'|truncate(2)",
    "'foo bar baz qux'|truncate(11, False, '...', 0)", "'abc def'|wordcount", "u|wordcount", "'a_b c-d'|wordcount", "'x y/z?=&'|urlencode", "{'a b': 'c&d', 'e': 1}|urlencode",
    "[('a', 1), ('b', 'ü')]|urlencode", "u|urlencode", "3|urlencode", "s|center", "s|format", "'%s-%s'|format(1, 2)", "'%(a)s'|format(a=5)", "'%s'|format", "'%s'|format(1, a=2)",
    "lines|indent", "lines|indent(4, true)", "lines|indent(4, false, true)", "5|indent", "''|indent", "'a\\n'|indent", "'a\\n\\nb'|indent(blank=true)",
    "'{}'.format(d)", "'{a[b][c]}'.format(a={'b': {'c': 1}})", "'{a.b}'.format(a=namespace(b=3))", "'{0.upper}'.format('x') is string", "'{0.__class__}'.format('x')",
    "s.startswith('Hello') and s.endswith('World')", "('He', 'x')|list", "s.__class__", "s.__class__.__name__", "s['__class__']", "d.__class__", "d['__class__']", "l.__len__", "s._x",
    "''.__class__.__mro__", "s.format", "(1).bit_length", "range.__name__", "loop", "caller", "varargs is defined",
    "1 is number and '1' is not number", "1.0 is integer", "true is integer", "true is number", "none is none", "none is not none", "d is mapping", "l is mapping", "s is sequence",
    "d is sequence", "range(3) is sequence", "d.items() is sequence", "d.items() is iterable", "(l|map('string')) is sequence", "n is iterable", "s is iterable", "range is callable",
    "d.get is callable", "s.upper is callable", "namespace is callable", "namespace() is callable", "'upper' is filter", "'nosuch' is filter", "'odd' is test", "5 is test", "s is lower", "'abc' is lower",
    "'ABC1' is upper", "'1' is upper", "3 is odd", "3.0 is odd", "'a' is odd", "4 is even", "none is even", "9 is divisibleby 3", "9 is divisibleby(4)", "1 is in [1]", "1 is in 5", "'a' is in 'abc'",
    "1 is sameas 1", "none is sameas none", "true is sameas true", "1 is sameas true", "1 is sameas 1.0", "5 is 'x'", "5 is", "is 5", "5 is defined is true", "(5 is defined) is true",
    "1 is eq 1", "1 is ne 2", "1 is lt 2 and 2 is gt 1", "1 is equalto 1.0", "1 is lt 'a'", "'a' is in d", "[1, 2] is eq [1, 2]", "x is defined and x.y", "n if n is defined else 0",
    "n.__add__", "{'a': 1}.a", "{'a': 1}['a']", "[1, 2, 3][1]", "(1, 2, 3)[-1]", "'abc'[1]", "[1, 2, 3].1", "'a'.b", "f(1)", "s()", "s(1, 2)", "'a'('b')", "l[0][0]", "l['0']", "d[0]", "d[none]", "d[1, 2]",
    "[1, 2][", "(1, 2", "{'a' 1}", "1 +", "* 2", "a b", "1 2", "'unclosed", "1 |", "1 | upper |", "f(a=1, 2)", "f(**{}, 1)", "f(*[1], 2)", "dict(**{'a': 1}, **{'b': 2})", "dict(a=1, a=2)", "dict(**{'a': 1}, b=2)",
    "dict(*[[('a', 1)]])", "dict(*l)", "range(*[1, 5])|list", "range(1, *[5, 2])|list", "dict(**{1: 2})", "dict(**1)", "range(*1)", "dict(x=1, **{'x': 2})", "'{}{}'.format(*'ab')", "'{a}'.format(**{'a': 9})",
    "$", "a@b", "1 ! 2", "a ? b", "`x`", "a := 1", "lambda x: x", "[x for x in l]", "1 <> 2", "a && b", "a || b", "not", "()()", "..", "a.", "a.'b'", "1.2.3", "1..2", "1.real", "01", "1a", "0x", "1__0", "_", "__x", "é", "变量",
    "n;n", "n,", "n, s", "n, s,", ", n", "(n, s)", "[,]", "{,}", "f(,)", "[1,,2]", "true.x", "True", "None", "False", "TRUE", "null", "nil", "not none", "none.none", "true + true", "true ~ false", "true and none", "true == True",
]  # fmt: skip
TEMPLATES = [
    "{# c #}a", "a{# c", "{{ '}}' }}", "{{ '{{' }}", "{% raw %}{{ x }}{% endraw %}", "{%raw%} {% x {%endraw%}",
    "{% raw -%}  a  {%- endraw %}b", "a\n  {% raw %}\n b{% endraw %}\nc", "{% raw %}", "{{ {'a': {}} }}", "{{ {}}}", "{{{}}}",
    "a\n{% if true %}\nb\n{% endif %}\nc\n", "a\n  {% if true %}\n  b\n  {% endif %}\nc\n\n", "a  {%- if true -%}  b  {%- endif -%}  c",
    "a\n  {%+ if true %}\nb{% endif +%}\nc", "a {{- n -}} b", "a {{+ n }} b", "  {{ n }}\n", "x\n  {# c #}\ny", "x\n  {#- c -#}\n  y",
    "{% if true %} \t\n x{% endif %}", "{%- if true %}\n\n x{% endif %}", "a\r\nb\rc", "a\n", "a\n\n", "", "\n", "{{ 'a\nb' }}",
    "{% for x in l %}{{ x }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for x in l %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.revindex0 }}{{ loop.first }}{{ loop.last }}{{ loop.length }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem }}|{{ loop.nextitem }}|{{ loop.depth }}{{ loop.depth0 }};{% endfor %}",
    "{% for x in l %}{{ loop.previtem is defined }}{{ loop.nextitem is defined }};{% endfor %}",
    "{% for x in [1, 1, 2, 2, 1] %}{% if loop.changed(x) %}{{ x }}{% endif %}{% endfor %}", "{% for x in l %}{{ loop.cycle('a', 'b') }}{% endfor %}",
    "{% for x in l %}{{ loop.cycle() }}{% endfor %}", "{% for x in [] %}a{% else %}empty{% endfor %}", "{% for x in l %}{% break %}{% else %}E{% endfor %}",
    "{% for x in l %}{% continue %}{% else %}E{% endfor %}", "{% for x in l %}{% if x == 1 %}{% break %}{% endif %}{{ x }}{% else %}E{% endfor %}",
    "{% for x in l if x > 1 %}{{ x }}{{ loop.index }}/{{ loop.length }} {% endfor %}", "{% for x in l if x > 5 %}{{ x }}{% else %}none{% endfor %}",
    "{% for k, v in d.items() %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|dictsort %}{{ k }}={{ v }};{% endfor %}", "{% for k, v in d|items %}{{ k }}{{ loop.length }};{% endfor %}",
    "{% for a, b in l %}{% endfor %}", "{% for a, (b, c) in [[1, [2, 3]]] %}{{ a }}{{ b }}{{ c }}{% endfor %}", "{% for a, b in ['xy', 'zw'] if b != 'y' %}{{ a }}{{ b }}{{ loop.index }}{% endfor %}",
    "{% for c in u %}{{ c }}.{% endfor %}", "{% for x in n %}{% endfor %}", "{% for x in nil %}{% endfor %}", "{% for x in missing %}a{% else %}b{% endfor %}", "{% for x in range(3) %}{{ x }}{% endfor %}{{ x }}",
    "{% for x in l recursive %}{{ x }}{% endfor %}", "{% for x in nested recursive %}{% if x is iterable %}[{{ loop(x) }}]{% else %}{{ x }}@{{ loop.depth }}{% endif %}{% endfor %}",
    "{% for x in l %}{{ loop(l) }}{% endfor %}", "{% for x in l %}{% for y in l %}{{ loop.index }}{% endfor %}-{{ loop.index }};{% endfor %}", "{% for x in l %}{% set outer = loop %}{% for y in 'ab' %}{{ outer.index }}{{ y }}{% endfor %}{% endfor %}",
    "{% for x in l|map('string') %}{{ x }}{{ loop.length }}{{ loop.last }} {% endfor %}", "{% for x in l|select('odd') %}{{ loop.revindex }}{{ x }} {% endfor %}", "{% for x in l|reverse %}{{ x }}{{ loop.index }}/{{ loop.length }} {% endfor %}",
    "{% for loop in l %}{% endfor %}", "{% for x in l %}{% set loop = 1 %}{% endfor %}", "{{ loop is defined }}{% for x in l %}{{ loop is defined }}{% endfor %}", "{% for x in l %}{{ loop }} {% endfor %}",
    "{% set x = 1 %}{% for i in l %}{% set x = x + i %}{{ x }} {% endfor %}{{ x }}", "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}",
    "{% set ns = namespace() %}{{ ns.x is defined }}{% set ns.x = 5 %}{{ ns.x }}{{ ns['x'] }}", "{% set d.x = 1 %}", "{% set q.x = 1 %}", "{% set a, b = 1, 2 %}{{ a }}{{ b }}", "{% set a, b = l %}", "{% set (a, b), c = (1, 2), 3 %}{{ a }}{{ b }}{{ c }}",
    "{% set a = 1, 2 %}{{ a }}", "{% set a %}x{{ n }}y{% endset %}{{ a }}", "{% set a | upper | trim %} x{{ s }} {% endset %}[{{ a }}]", "{% set n = n + 1 %}{{ n }}",
    "{% if n %}{% set y = 1 %}{% endif %}{{ y }}", "{% if not n %}{% set s = 1 %}{% endif %}{{ s }}", "{{ z }}{% set z = 1 %}{{ z }}", "{% set s = s|upper %}{{ s }}", "{% if false %}{% set s = 1 %}{% else %}{% set t2 = 2 %}{% endif %}{{ s }}{{ t2 }}",
    "{% macro m() %}{{ s }}{% endmacro %}{{ m() }}{% set s = 1 %}", "{% macro m() %}{{ v }}{% endmacro %}{{ m() }}{% set v = 1 %}{{ m() }}", "{% for x in l %}{% macro m() %}{{ x }}{% endmacro %}{{ m() }}{% endfor %}", "{% set s2 = 1 %}{% for x in l %}{% if x == 1 %}{% set s2 = 2 %}{% endif %}{{ s2 }}{% endfor %}{{ s2 }}",
    "{% for i in l %}{{ y is defined }}{% set y = i %}{% endfor %}", "{% with %}{% set w = 1 %}{{ w }}{% endwith %}{{ w }}", "{% with a = 1, b = n %}{{ a }}{{ b }}{% endwith %}{{ a is defined }}", "{% with n = 1, m = n %}{{ n }}{{ m }}{% endwith %}{{ n }}", "{% with a, b = (1, 2) %}{{ a }}{{ b }}{% endwith %}",
    "{% macro m(a, b=2, *c) %}{% endmacro %}", "{% macro m(a, b=2) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}|{{ m(1, 3) }}|{{ m(b=5, a=4) }}|{{ m() }}", "{% macro m(a, b=a) %}{{ a }}{{ b }}{% endmacro %}{{ m(1) }}", "{% macro m(a=b, b=1) %}{{ a }}{{ b }}{% endmacro %}{{ m() }}", "{% macro m(a=1, b) %}{% endmacro %}",
    "{% macro m(a) %}{{ a }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1, 2, 3, x=4) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, 2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(1, a=2) }}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m(x=2) }}", "{% macro m(a) %}{{ a is defined }}{{ a }}{% endmacro %}{{ m() }}",
    "{% macro m(a) %}{{ a + 1 }}{% endmacro %}{{ m() }}", "{% macro m() %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.catch_varargs }}{{ m.caller }}{% endmacro %}{{ m() }}{{ m }}", "{% macro m(x) %}{% if x > 0 %}{{ x }}{{ m(x - 1) }}{% endif %}{% endmacro %}{{ m(5) }}", "{% macro m() %}{{ n }}{% set n = 3 %}{{ n }}{% endmacro %}{{ m() }}{{ n }}",
    "{% macro m() %}[{{ caller() }}]{% endmacro %}{% call m() %}x{{ n }}{% endcall %}", "{% macro m() %}{% for i in l %}{{ caller(i, k=2) }}{% endfor %}{% endmacro %}{% call(a, k=1) m() %}{{ a }}{{ k }};{% endcall %}", "{% macro m() %}{{ caller() }}{% endmacro %}{{ m() }}", "{% macro m() %}a{% endmacro %}{% call m() %}x{% endcall %}", "{% macro m(caller=none) %}{{ caller is none }}{% endmacro %}{{ m() }}", "{% macro m(caller) %}{{ caller }}{% endmacro %}",
    "{% macro m() %}{{ caller is defined }}{% endmacro %}{{ m() }}{% call m() %}{% endcall %}", "{% call n %}{% endcall %}", "{% call s.upper() %}{% endcall %}", "{% macro m() %}{{ caller.name }}{{ caller }}{% endmacro %}{% call m() %}{% endcall %}", "{% macro outer() %}{% macro inner() %}i{{ n }}{% endmacro %}{{ inner() }}{% endmacro %}{{ outer() }}{{ inner is defined }}",
    "{% filter upper %}a{{ s }}{% endfilter %}", "{% filter replace('a', 'b')|upper %}xay{% endfilter %}", "{% filter trim %}  {% for x in l %}{{ x }} {% endfor %}{% endfilter %}|", "{% filter nosuch %}{% endfilter %}", "{% filter indent(2) %}a\nb{% endfilter %}", "{% filter upper %}{% set z = 1 %}{% endfilter %}{{ z is defined }}",
    "{% generation %}a{{ n }}{% set g = 1 %}{% endgeneration %}{{ g is defined }}", "{% generation %}", "{% for x in l %}{% generation %}{{ x }}{% if x == 1 %}{% break %}{% endif %}{% endgeneration %}{% endfor %}", "{% print n, s %}", "{% print %}", "{% do l.append(1) %}", "{% break %}", "{% continue %}", "{% if true %}{% break %}{% endif %}",
    "{% for x in l %}{% set y %}a{% if x == 1 %}{% continue %}{% endif %}{% endset %}{{ y }}{{ x }}{% endfor %}", "{% if n == 7 %}a{% elif n == 8 %}b{% else %}c{% endif %}", "{% if n == 8 %}a{% elif n == 7 %}b{% elif true %}d{% else %}c{% endif %}", "{% if %}{% endif %}", "{% if n, s %}t{% endif %}", "{% if n %}", "{% endif %}", "{% else %}", "{% for x in l %}", "{% for x l %}{% endfor %}", "{% for in l %}{% endfor %}", "{% for x in %}{% endfor %}", "{% for x.y in l %}{% endfor %}",
    "{% set %}", "{% set x %}", "{% set x = %}", "{% set 1 = 2 %}", "{% set x.y.z = 2 %}", "{% set true = 1 %}", "{% set 'a' = 1 %}", "{% nosuch %}", "{% %}", "{% 'a' %}", "{% if n %}{% endfor %}", "{% for x in l %}{% endif %}", "{% macro %}{% endmacro %}", "{% macro m %}{% endmacro %}", "{% macro m( %}{% endmacro %}", "{% macro m(1) %}{% endmacro %}", "{% call %}{% endcall %}", "{{ }}", "{{", "{{ n", "{{ n }", "{{ n %}", "{% if n }}", "{% if n %}x{% endif", "{{ (n }}", "{{ n) }}", "{{ [n} }}", "}}", "%}", "#}", "{", "{ {", "{n}", "%", "{{ n }}}", "{{{ n }}}",
    "{% if false %}{{ n|nosuch }}{% endif %}ok", "{% if true %}{{ n|nosuch }}{% endif %}ok", "{{ n|nosuch if false else 1 }}", "{{ 1 if n is nosuch else 2 }}", "{% if false %}{% for x in l %}{{ x|nosuch }}{% endfor %}{% endif %}ok", "{% if n is nosuch %}{% endif %}", "{% macro m() %}{{ n|nosuch }}{% endmacro %}ok",
    "{% set j = joiner(', ') %}{% for x in l %}{{ j() }}{{ x }}{% endfor %}", "{% set c = cycler('a', 'b') %}{{ c.next() }}{{ c.next() }}{{ c.current }}{{ c.next() }}{% set _ = c.reset() %}{{ c.current }}{{ c.pos }}", "{% set x = l %}{% set _ = x.append(1) %}", "{% set x = {'a': 1} %}{% set _ = x.update({'b': 2}) %}", "{% set ns = namespace(l=[]) %}{% for x in l %}{% set ns.l = ns.l + [x * 2] %}{% endfor %}{{ ns.l }}",
    "{% set m = l|map('string') %}{{ m|list }}{{ m|list }}", "{% set it = d.items() %}{{ it|list }}{{ it|list }}", "{% for x in l %}{{ x }}{% endfor %}{% for x in l|map('string')|reverse %}{{ x }}{% endfor %}", "{% set a = namespace() %}{% set a.b = a %}{{ a.b.b is sameas a }}", "{% set a = namespace(x=1) %}{% set b = a %}{% set b.x = 2 %}{{ a.x }}", "{% set a = namespace(x=1) %}{{ a._x }}{% set a._x = 5 %}[{{ a._x }}]",
    "{% set ns = namespace(a=1) %}{% set ns.a, ns.b = 5, 6 %}{{ ns.a }}{{ ns.b }}", "{% set ns = namespace(found=false) %}{% for m in users if not ns.found %}{% if m.admin %}{% set ns.found = true %}{% endif %}{{ m.name }}{% endfor %}", "{% for u in users %}{% if u.age is integer %}{{ u.name }}:{{ u.age }}{% else %}{{ u.name }}?{% endif %}{{ ' ' if not loop.last }}{% endfor %}", "{%- for u in users|groupby('age') %}{{ u.grouper }}:{{ u.list|map(attribute='name')|join('+') }};{% endfor %}",
    "{% for k, g in users|groupby('city', default='-') %}{{ k }}{{ g|length }}{% endfor %}", "{% set x = 1 if false %}{{ x is defined }}{{ x }}", "{{ 'a' if n == 7 }}{{ 'b' if n == 8 }}", "{{ n }}{% set n = 1 %}{% macro m() %}{{ n }}{% endmacro %}{% set n = 2 %}{{ m() }}", "{% include 'x' %}", "{% import 'x' as y %}", "{% extends 'x' %}", "{{ self }}{{ super() }}", "{% for x in l %}{{ x }}{% else %}{{ y.z }}{% endfor %}", "{{ l.append(4) or l }}", "{{ [1, 2].append(3) }}", "{{ [].append }}", "{{ {}.update }}",
]  # fmt: skip


def random_expression(rng, depth):
    if depth == 0 or rng.random() < 0.15:
        return rng.choice(ATOMS + STRINGS)
    kind = rng.randrange(8)
    if kind <= 2:
        left, right = random_expression(rng, depth - 1), random_expression(rng, depth - 1)
        text = f"{left} {rng.choice(BINARY)} {right}"
        return f"({text})" if rng.random() < 0.6 else text
    if kind == 3:
        inner = random_expression(rng, depth - 1)
        return f"({inner})|{rng.choice(FILTERS)}"
    if kind == 4:
        return f"({random_expression(rng, depth - 1)}) is {rng.choice(TESTS)}"
    if kind == 5:
        return f"({random_expression(rng, depth - 1)})[{rng.choice(SLICES)}]"
    if kind == 6:
        a, b, c = (random_expression(rng, depth - 1) for _ in range(3))
        return f"({a} if {b} else {c})"
    return f"({random_expression(rng, depth - 1)}).{rng.choice(METHODS)}"


def sources():
    expressions = list(LITERALS)
    expressions += [f"{a} {op} {b}" for op in BINARY for a, b in itertools.product(ATOMS[:26:1], ATOMS[::3])]
    expressions += [f"{a}|{name}" for name in FILTERS for a in ATOMS[::2] + ["users", "lines", "html", "nested"]]
    expressions += [f"{a} is {test}" for test in TESTS for a in ATOMS]
    expressions += [f"{a}.{method}" for method in METHODS for a in STRINGS]
    expressions += [f"'{p}'.format({a})" for p in FORMATS for a in FORMAT_ARGS]
    expressions += [f"'{p}' % {a}" for p in PERCENTS for a in PERCENT_ARGS]
    expressions += [f"{a}[{i}]" for i in SLICES for a in ["s", "u", "l", "e", "empty", "d", "range(6)", "(1, 2, 3, 4)", "n", "missing"]]
    rng = random.Random(20261103)
    expressions += [random_expression(rng, 3) for _ in range(2500)]
    return TEMPLATES + ["{{ " + e + " }}" for e in dict.fromkeys(expressions)]


def is_portable(source, output):
    if source.startswith("{{ ") and source.count("{{") == 1:
        unfolded = "{% set result = " + source[3:-3] + " %}{{ result }}"
        if render(unfolded, VARIABLES, UNFOLDED)[0] != output:
            return False
    return output is None or not re.search(
        r" at 0x|<built-in|<class|\dj\)|(?<![\d.])\d{19,}", output
    )


def main():
    warnings.simplefilter("ignore")
    cases = []
    for source in sources():
        output, _ = render(source, VARIABLES)
        if is_portable(source, output) and len(output or "") < 4000:
            cases.append([source, output])
    document = {"now_unix_us": NOW_UNIX_US, "variables": VARIABLES, "cases": cases}
    rows = ",\n".join(json.dumps(case, ensure_ascii=False) for case in document.pop("cases"))
    head = json.dumps(document, ensure_ascii=False)
    OUT.write_text(f'{head[:-1]}, "cases": [\n{rows}\n]}}\n')
    failing = sum(1 for case in cases if case[1] is None)
    print(f"{len(cases)} cases, {failing} of them fail, {OUT.stat().st_size} bytes")


if __name__ == "__main__":
    main()
