"""Small things that several emitters say alike."""

from collections.abc import Iterator

from gateway.types.options import OFF, ON
from gateway.types.shapes import Field, Shape

COMMON = {
    "MakePropertiesOptional": OFF,
    "AddServiceStackTypes": ON,
    "AddResponseStatus": OFF,
    "AddImplicitVersion": "",
    "AddDescriptionAsComments": ON,
    "IncludeTypes": "",
    "ExcludeTypes": "",
    "DefaultImports": "",
}
"""Options that most languages know."""


def one_line(text: str) -> str:
    """A description as one line that no block comment can be closed by."""
    return " ".join(text.split()).replace("*/", "* /").replace("/*", "/ *")


def routes(shape: Shape) -> Iterator[tuple[str, str]]:
    """Path and verb of each custom route: `("/v1/chat/completions", "POST")`; the verb is empty if any will do."""
    for route in shape.routes:
        verb, _, path = route.rpartition(" ")
        yield path, verb


def route_lines(shape: Shape, mark: str = "//") -> list[str]:
    """The custom routes as comments, the way the reference writes them."""
    return [f'{mark} @Route("{path}"' + (f', "{verb}")' if verb else ")") for path, verb in routes(shape)]


def starts_filled(field: Field) -> bool:
    """Whether clients find an empty list or dictionary there, not nothing."""
    return field.kind.name in ("List", "Dictionary") and not field.nullable and not field.ref


def block(text: str, indent: str = "") -> list[str]:
    """A description as a JSDoc comment of one line; nothing for no description."""
    return [f"{indent}/** @description {one_line(text)} */"] if text else []


def indented(lines: list[str], by: str = "    ") -> list[str]:
    """Lines moved to the right; empty ones stay empty."""
    return [by + line if line else line for line in lines]
