"""A workflow with a caller's arguments in it.

What a newcomer would get wrong: a ComfyUI server answers a wrong value with a list of node errors that no caller understands.
So everything is checked here, against what the server said of its nodes, and a refusal names the argument as it was written.
"""

import copy
import difflib
import math
import random
import re
from collections.abc import Callable, Mapping
from typing import Any

from agents._flow_fields import SEED, SHORT, Field, fields_of
from agents._flow_form import Flow
from agents._flow_info import COMBO, DYNAMIC, ObjectInfo
from schemas.problem import Code, Problem

SEEDS = 2**53
_TRUE, _FALSE = ("true", "1", "yes", "on"), ("false", "0", "no", "off")
_KNOWN = 20  # names that a refusal lists


def fill(flow: Flow, args: Mapping[str, Any], files: Mapping[str, str], info: ObjectInfo, seed: int | None) -> Flow:
    """Raises `Problem` (INVALID_REQUEST) that names the argument."""
    fields = fields_of(flow, info)
    named = _Names(fields)
    given: dict[tuple[str, str], Any] = {}
    for name, value in args.items():
        for field in named.find(name, f"arguments.{name}"):
            given[field.place] = check(field, value, f"arguments.{name}")
    for name, stored in files.items():
        for field in named.find(name, name):
            if not field.file:
                raise _wrong(name, f"'{name}' of this workflow is {_kind(field)} and no file")
            given[field.place] = stored
    for field in fields:
        if field.place not in given and is_missing(flow, field):
            raise _wrong(field.name, f"This workflow needs a file for '{field.name}' ({field.file})")
    given |= {place: value for place, value in _seeds(flow, fields, seed).items() if place not in given}
    nodes = copy.deepcopy(flow.nodes)
    for (node, name), value in given.items():
        nodes[node]["inputs"][name] = {"__value__": value} if isinstance(value, list) else value
    return Flow(nodes=nodes, loose=flow.loose - set(given))


def is_missing(flow: Flow, field: Field) -> bool:
    """It names a file that this server does not have."""
    if not field.file:
        return False
    value = flow.inputs(field.node).get(field.spec.name)
    if not isinstance(value, str) or not value:
        return True
    return field.spec.choices is not None and re.sub(r" \[(input|output|temp)\]$", "", value) not in field.spec.choices


class _Names:
    """Fields by every name they have, as written or nearly so (`cfgScale`, `CFG scale`)."""

    def __init__(self, fields: list[Field]) -> None:
        self.fields = fields
        self.exact: dict[str, list[Field]] = {}
        for field in fields:
            for name in dict.fromkeys(field.names):
                self.exact.setdefault(name, []).append(field)
        self.nearly = {_squeezed(name): name for name in reversed(self.exact)}

    def find(self, name: str, param: str) -> list[Field]:
        """Several where one name stands for all of them: the texts of one prompt. Raises `Problem`."""
        short = SHORT.get(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower(), "")
        for spelt in (name, self.nearly.get(_squeezed(name), ""), short, "unet_name" if short == "ckpt_name" else ""):
            if spelt in self.exact:
                return self.exact[spelt]
        known = [field.name for field in self.fields]
        near = difflib.get_close_matches(name, [*self.exact], n=3, cutoff=0.6)
        hint = f" Did you mean {' or '.join(near)}?" if near else f" It has: {', '.join(known[:_KNOWN]) or 'none'}."
        raise _wrong(param, f"This workflow has no input '{name[:100]}'.{hint}")


def _squeezed(name: str) -> str:
    return re.sub(r"[\s_-]", "", name).lower()


def _seeds(flow: Flow, fields: list[Field], seed: int | None) -> dict[tuple[str, str], int]:
    """The seeds of this run. Without one, only those are drawn that the UI would draw anew too."""
    found: dict[tuple[str, str], int] = {}
    for field in fields:
        is_seed = field.spec.type == "INT" and field.name.partition("_")[0] == SEED
        if (seed is not None and is_seed) or (seed is None and field.place in flow.loose):
            low, high = _range(field)
            value = random.randrange(SEEDS) if seed is None else seed
            found[field.place] = int(min(max(value, low), high)) if value <= high else int(value % (int(high) + 1))
    return found


# ---- values ----------------------------------------------------------------------------------------------------------


def check(field: Field, value: Any, param: str) -> Any:
    """The value as the server wants it. Raises `Problem` that names `param`."""
    if isinstance(value, dict) and field.spec.type in _CHECKS:
        raise _wrong(param, f"'{param}' must be {_kind(field)}")
    if field.file:
        return _stored(field, value, param)
    check = _CHECKS.get(field.spec.type)
    return check(field, value, param) if check else value


def _stored(field: Field, value: Any, param: str) -> str:
    """A file that is on the ComfyUI server already."""
    if isinstance(value, str) and (field.spec.choices is None or value in field.spec.choices):
        return value
    raise _wrong(param, f"'{param}' is a file: give it in 'files', not in 'arguments'")


def _whole(field: Field, value: Any, param: str) -> int:
    if isinstance(value, str) and re.fullmatch(r"\s*[+-]?\d{1,25}\s*", value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool):
        raise _wrong(param, f"'{param}' must be a whole number")
    _within(field, value, param)
    return value


def _number(field: Field, value: Any, param: str) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            value = None
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        raise _wrong(param, f"'{param}' must be a number")
    _within(field, value, param)
    return value


def _within(field: Field, value: float, param: str) -> None:
    low, high = _range(field)
    if not low <= value <= high:
        bounds = (
            f"from {low:g} to {high:g}"
            if math.isfinite(low) and math.isfinite(high)
            else (f"at least {low:g}" if math.isfinite(low) else f"at most {high:g}")
        )
        raise _wrong(param, f"'{param}' must be {bounds}")


def _range(field: Field) -> tuple[float, float]:
    def bound(name: str, without: float) -> float:
        said = field.spec.options.get(name)
        return said if isinstance(said, int | float) and not isinstance(said, bool) else without

    return bound("min", -math.inf), bound("max", math.inf)


def _flag(field: Field, value: Any, param: str) -> bool:
    if isinstance(value, bool):
        return value
    said = str(value).strip().lower() if isinstance(value, str | int) else ""
    if said in _TRUE or said in _FALSE:
        return said in _TRUE
    raise _wrong(param, f"'{param}' must be true or false")


def _text(field: Field, value: Any, param: str) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise _wrong(param, f"'{param}' must be text")


def _choice(field: Field, value: Any, param: str) -> Any:
    """One of the choices; for text also by another case, or a file's name without its folder or ending."""
    choices = field.spec.choices
    if choices is None or (not isinstance(value, list) and value in choices):
        return value
    several = field.spec.options.get("multiselect") or field.spec.options.get("multi_select")
    if isinstance(value, list) and several and all(one in choices for one in value):
        return value
    if isinstance(value, str):
        for spelt in _SPELT:
            same = [one for one in choices if isinstance(one, str) and spelt(one) == spelt(value)]
            if len(same) == 1:
                return same[0]
    near = difflib.get_close_matches(str(value), [str(one) for one in choices], n=3, cutoff=0.4)
    hint = " or ".join(near) if near else ", ".join(str(one) for one in choices[:_KNOWN]) or "(none on this server)"
    raise _wrong(param, f"'{param}' can't be '{str(value)[:100]}'; there is {hint}")


def _bare(text: str) -> str:
    name = re.split(r"[/\\]", text)[-1].lower()
    return re.sub(r"\.(safetensors|sft|ckpt|pth?|bin|gguf|onnx)$", "", name)


_SPELT: tuple[Callable[[str], str], ...] = (str.lower, _bare)
_CHECKS: dict[str, Callable[[Field, Any, str], Any]] = {
    "INT": _whole,
    "FLOAT": _number,
    "BOOLEAN": _flag,
    "STRING": _text,
    COMBO: _choice,
    DYNAMIC: _choice,
}


def _kind(field: Field) -> str:
    known = {"INT": "a whole number", "FLOAT": "a number", "BOOLEAN": "true or false", "STRING": "text"}
    return known.get(field.spec.type, "a choice")


def _wrong(param: str, sentence: str) -> Problem:
    return Problem(Code.INVALID_REQUEST, sentence if sentence.endswith((".", "?")) else sentence + ".", param=param)
