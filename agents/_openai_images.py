"""What OpenAI's image models and their kin take: sizes, numbers, words. Pure.

Servers differ in what they refuse, so a wish that another server knows (`seed`) is tried and left out once it was refused.
What a newcomer would get wrong: gpt-image always answers base64 and refuses to be asked for it; all others are asked.
Sources: developers.openai.com/api/reference/resources/images (generate, edit, create_variation) and the types of
openai-python 3.54; docs.together.ai/docs/inference/images/overview. The limits of gpt-image-2 are those of its guide.
"""

import math
import re
from typing import Any

import msgspec

from agents import _native
from agents._media import PATIENCE, bearer
from agents._multipart import Field, Form
from agents.agent import Call, Tools
from schemas.media import ImageToImage, TextToImage
from schemas.problem import Code, Problem

VARIATION = "variation"
"""In `arguments` of an image_to_image: no prompt counts, another picture like this one is wanted."""
LOOSE = (
    "response_format", "seed", "negative_prompt", "steps", "guidance_scale", "style", "quality", "background",
    "output_format",
)  # fmt: skip
"""Fields that are left out when a server names them in its refusal (OpenAI's own words only where it is not OpenAI)."""


_ONE = re.compile(r"(?<![\w.-])['\"`]?n['\"`]? ?(=|must|is|should|cannot|>|<)")
"""`You must provide n=1 for this model.`"""


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """What a family of models takes."""

    sizes: tuple[tuple[int, int], ...] = ()
    """Empty: any."""
    step: int = 1
    """Sides are multiples of it."""
    pixels: tuple[int, int] = (0, 0)
    """At least and at most; 0: no limit known."""
    most: int = 10
    """Pictures a call."""
    asks: bool = True
    """Is told in which form to answer."""
    qualities: dict[str, str] = {}
    """Another family's words for it."""
    styles: bool = False
    formats: bool = True
    """Knows `output_format` and `background`."""
    more: bool = False
    """Takes a seed and the like."""


_GPT = {"standard": "medium", "hd": "high"}
_FAMILIES: tuple[tuple[str, Family], ...] = (
    (r"dall-e-3", Family(sizes=((1024, 1024), (1792, 1024), (1024, 1792)), most=1, styles=True, formats=False,
                         qualities={"high": "hd", "medium": "standard", "low": "standard", "auto": "standard"})),
    (r"dall-e-2", Family(sizes=((256, 256), (512, 512), (1024, 1024)), formats=False)),
    (r"gpt-image-1(?!\d)|chatgpt-image", Family(sizes=((1024, 1024), (1536, 1024), (1024, 1536)), asks=False, qualities=_GPT)),
    (r"gpt-image", Family(step=16, pixels=(655_360, 8_294_400), asks=False, qualities=_GPT)),
)  # fmt: skip
_OTHER = Family(more=True, styles=True)


def family(model: str) -> Family:
    return next((found for name, found in _FAMILIES if re.search(name, model.lower())), _OTHER)


def together(tools: Tools) -> bool:
    """Together has sides of their own and calls base64 so."""
    return "together" in (tools.url("").host or "")


def size(width: int | None, height: int | None, takes: Family) -> tuple[int, int] | None:
    """The size to ask for: the shape that was wished for comes first, then how large it is. None: as the model likes."""
    if width is None and height is None:
        return None
    wide, high = width or height or 1024, height or width or 1024
    if takes.sizes:
        return min(takes.sizes, key=lambda one: _distance(one, (wide, high)))
    least, most = takes.pixels
    scale = 1.0
    if least and wide * high < least:
        scale = math.sqrt(least / (wide * high))
    elif most and wide * high > most:
        scale = math.sqrt(most / (wide * high))
    up = math.ceil if scale > 1 else round
    return tuple(max(takes.step, up(side * scale / takes.step) * takes.step) for side in (wide, high))  # type: ignore[return-value]


def calls(request: TextToImage, model: str, tools: Tools) -> list[Call]:
    """One call, or as many as it takes for `batch_size` pictures."""
    takes, wanted = family(model), request.batch_size
    body: dict[str, Any] = {"model": model, "prompt": prompt(request, takes)}
    if found := size(request.width, request.height, takes):
        body |= {"width": found[0], "height": found[1]} if together(tools) else {"size": _said(found)}
    if request.style and takes.styles:
        body["style"] = request.style
    body |= _wishes(request, takes)
    if takes.asks:
        body["response_format"] = "base64" if together(tools) else "b64_json"
    body = less(_native.added(body, request.arguments), model, tools)
    return [
        Call("/images/generations", {**body, "n": n}, bearer(tools), patience=PATIENCE)
        for n in numbers(wanted, takes, model, tools)
    ]


def edit(
    request: ImageToImage, model: str, files: list[Field], sides: tuple[int | None, int | None], tools: Tools
) -> list[Call]:
    """The same from pictures: a form. `sides`: of the first picture, for what has no size of its own."""
    takes, varied = family(model), bool(request.arguments.get(VARIATION))
    fields: dict[str, Any] = {"model": model}
    if not varied:
        fields["prompt"] = prompt(request, takes)
        fields |= _wishes(request, takes)
    wide, high = (request.width, request.height) if request.width or request.height else sides
    if (request.width or request.height or takes.sizes) and (found := size(wide, high, takes)):
        fields["size"] = _said(found)
    if takes.asks:
        fields["response_format"] = "b64_json"
    more = {name: value for name, value in request.arguments.items() if name != VARIATION}
    fields = less(_native.added(fields, more), model, tools)
    path = "/images/variations" if varied else "/images/edits"
    made = []
    for n in numbers(request.batch_size, takes, model, tools):
        said: list[Field] = [(name, written(value)) for name, value in {**fields, "n": n}.items()]
        made.append(Call(path, Form([*said, *files]), bearer(tools), patience=PATIENCE))
    return made


def numbers(wanted: int, takes: Family, model: str, tools: Tools) -> list[int]:
    """How many pictures each call asks for."""
    most = 1 if f"single {model}" in tools.quirks else takes.most
    return [most] * (wanted // most) + ([wanted % most] if wanted % most else [])


def prompt(request: TextToImage | ImageToImage, takes: Family) -> str:
    """What is not wanted has no field at OpenAI, but its models read."""
    if request.negative_prompt and not takes.more:
        return f"{request.positive_prompt}\n\nAvoid: {request.negative_prompt}"
    return request.positive_prompt


def otherwise(call: Call, refused: Problem, tools: Tools) -> Call | None:
    """The same call without the fields that the refusal names; remembered for the calls to come."""
    if refused.code is not Code.PROVIDER_REFUSED or refused.fault.provider_status not in (400, 422):
        return None
    told = f"{refused.fault.message} {refused.fault.param or ''}"
    body = call.body
    if isinstance(body, Form):
        gone = [name for name in _loose(body.text("model")) if body.text(name) and _names(told, name)]
        tools.quirks |= {f"less {name} {body.text('model')}" for name in gone}
        return msgspec.structs.replace(call, body=body.without(*gone)) if gone else None
    if not isinstance(body, dict):
        return None
    gone = [name for name in _loose(str(body["model"])) if name in body and _names(told, name)]
    tools.quirks |= {f"less {name} {body['model']}" for name in gone}
    left = {name: value for name, value in body.items() if name not in gone}
    return msgspec.structs.replace(call, body=left) if gone else None


def single(call: Call, refused: Problem, model: str, tools: Tools) -> bool:
    """Whether a refusal means that the model draws one picture a call. Remembered."""
    if refused.code is not Code.PROVIDER_REFUSED or refused.fault.provider_status not in (400, 422):
        return False
    body, fault = call.body, refused.fault
    n = body.text("n") if isinstance(body, Form) else str(body.get("n", "")) if isinstance(body, dict) else ""
    if n in ("", "1") or not (fault.param == "n" or _ONE.search(fault.message)):
        return False
    tools.quirks.add(f"single {model}")
    return True


def less(body: dict[str, Any], model: str, tools: Tools) -> dict[str, Any]:
    """Without what this model turned out not to know."""
    return {name: value for name, value in body.items() if f"less {name} {model}" not in tools.quirks}


def written(value: Any) -> str:
    """A value as a field of a form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else msgspec.json.encode(value).decode()


def _wishes(request: TextToImage | ImageToImage, takes: Family) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if request.quality:
        found["quality"] = takes.qualities.get(request.quality, request.quality)
    if takes.formats:
        found |= {name: value for name in ("background", "output_format") if (value := getattr(request, name))}
    if takes.more:
        named = {"seed": request.seed or None, "negative_prompt": request.negative_prompt, "steps": request.steps,
                 "guidance_scale": request.cfg_scale}  # fmt: skip
        found |= {name: value for name, value in named.items() if value is not None}
    return found


def _loose(model: str) -> tuple[str, ...]:
    """A caller who names gpt-image's own field wrongly shall hear so; other servers only pretend to know them."""
    return LOOSE if family(model) is _OTHER else LOOSE[:1]


def _names(told: str, field: str) -> bool:
    return re.search(rf"(?<![\w.-]){re.escape(field)}(?![\w-])", told) is not None


def _distance(one: tuple[int, int], wanted: tuple[int, int]) -> tuple[float, float]:
    shape = abs(math.log(one[0] / one[1]) - math.log(wanted[0] / wanted[1]))
    return round(shape, 6), abs(math.log(one[0] * one[1] / (wanted[0] * wanted[1])))


def _said(sides: tuple[int, int]) -> str:
    return f"{sides[0]}x{sides[1]}"
