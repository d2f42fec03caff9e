"""The Jinja environment that chat templates are rendered in, as the oracle of our engine.

The settings are those that model libraries use for chat templates: the immutable sandbox,
trimmed blocks, loop controls, the `generation` tag, a `tojson` that does not escape HTML,
raise_exception and strftime_now. The clock is fixed.
"""

import copy
import datetime
import json

import jinja2
from jinja2.ext import Extension, loopcontrols
from jinja2.sandbox import ImmutableSandboxedEnvironment

NOW = datetime.datetime(2026, 11, 3, 9, 5, 7, 123456)
NOW_UNIX_US = int(NOW.replace(tzinfo=datetime.timezone.utc).timestamp()) * 1_000_000 + 123456


class GenerationTag(Extension):
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        call = self.call_method("_render")
        return jinja2.nodes.CallBlock(call, [], [], body).set_lineno(line)

    def _render(self, caller):
        return caller()


def raise_exception(message):
    raise jinja2.exceptions.TemplateError(message)


def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(
        x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys
    )


def make_environment(**options):
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=[GenerationTag, loopcontrols],
        **options,
    )
    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = NOW.strftime
    return env


ENVIRONMENT = make_environment()


def render(source, variables, environment=ENVIRONMENT):
    """The rendered text and None, or None and the error's text."""
    variables = copy.deepcopy(variables)  # `indent` of a list changes that list
    try:
        text = environment.from_string(source).render(**variables)
        text.encode()
        return text, None
    except Exception as error:  # any failure of a template is one case: it fails
        return None, f"{type(error).__name__}: {error}"
