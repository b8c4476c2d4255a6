"""Sizes of pictures: what fits where, and how large things come out. Pure arithmetic.

What a newcomer would get wrong: a side that comes out of a ratio is rounded, and is never 0.
"""

from schemas.media import CropImage, Variant
from schemas.problem import Code, Problem

MARGIN = 10
"""Pixels between a watermark and the edges."""


def check_inside(request: CropImage, width: int, height: int) -> None:
    """Raises `Problem` that names the first field that leads out of the picture."""
    sides = (("x", request.x, "width", request.width, width), ("y", request.y, "height", request.height, height))
    for at, start, side, length, whole in sides:
        if start + length > whole:
            param = at if start >= whole else side
            sentence = f"{at} + {side} = {start + length} lies outside of the picture, which is {width} x {height}."
            raise Problem(Code.INVALID_REQUEST, sentence, param=param)


def sides_of(width: int, height: int, to_width: int | None, to_height: int | None) -> tuple[int, int]:
    """The side that was not given keeps the aspect."""
    if to_width is None:
        to_width = max(1, round(width * (to_height or height) / height))
    return to_width, to_height if to_height is not None else max(1, round(height * to_width / width))


def fitted(request: Variant, width: int, height: int) -> tuple[tuple[int, int], tuple[int, int]]:
    """The size a picture of `width` x `height` is brought to, and the size of what comes out. Pure."""
    asked_width, asked_height = request.width, request.height
    if request.fit == "inside" or asked_width is None or asked_height is None:
        ratio = min((asked_width or width) / width, (asked_height or height) / height)
        if asked_width is None or asked_height is None:
            ratio = (asked_width or 0) / width or (asked_height or 0) / height or 1.0
        ratio = min(1.0, ratio)
        inner = (max(1, round(width * ratio)), max(1, round(height * ratio)))
        return inner, inner
    outer = (asked_width, asked_height)
    if request.fit == "fill":
        return outer, outer
    best = max if request.fit == "cover" else min
    ratio = best(asked_width / width, asked_height / height)
    return (max(1, round(width * ratio)), max(1, round(height * ratio))), outer


def place_of(position: str, whole: tuple[int, int], part: tuple[int, int]) -> tuple[int, int]:
    """Where the upper left corner goes: `MARGIN` from the edges, less where there is no room for it."""
    room = (whole[0] - part[0], whole[1] - part[1])
    if position == "Center":
        return room[0] // 2, room[1] // 2
    right, down = position.endswith("Right"), position.startswith("Bottom")
    x, y = (min(MARGIN, space) for space in room)
    return (room[0] - x if right else x), (room[1] - y if down else y)
