"""Pictures on their way to a provider and back: are they whole, how large are they, what does a mask mean. Blocks: call it
from a thread.

What a newcomer would get wrong: OpenAI paints where its mask is transparent, Stable Diffusion's kin where theirs is white.
A mask of ours says in one channel where to paint (`mask_channel`), and becomes either.
"""

from typing import Any

from agents._media import sniff
from schemas.problem import Code, Problem

SIDE = 1568
"""Pixels of the longer side that a model sees: Anthropic's own limit before it scales down itself, and near to the others'
(platform.claude.com/docs/en/build-with-claude/vision)."""
SMALL = 1_500_000
"""Bytes of a picture that is sent as it is, if it is not too large."""
MOST_PIXELS = 100_000_000
SEEN = frozenset({"image/png", "image/jpeg", "image/webp", "image/gif"})
"""What every vision model takes."""
_READ = SEEN | {"image/avif", "image/tiff"}
"""What is decoded here: nothing that draws (svg, pdf) or that libvips hands to other programs."""


def whole(data: bytes, kind: str) -> bool:
    """Whether the file ends where its format says: a picture cut short still begins like one."""
    match kind:
        case "image/png":
            return b"IEND" in data[-16:]
        case "image/jpeg":
            return b"\xff\xd9" in data[-1024:]  # some writers leave padding behind it
        case "image/webp":
            return int.from_bytes(data[4:8], "little") + 8 <= len(data)
    return True


def sides(data: bytes) -> tuple[int | None, int | None]:
    """Width and height in pixels, by the header; None for what libvips can't read."""
    if sniff(data[:4096]) not in _READ:
        return None, None
    import pyvips

    try:
        picture = pyvips.Image.new_from_buffer(data, "")
    except pyvips.Error:
        return None, None
    return int(picture.width), int(picture.height)


def seen(data: bytes) -> tuple[str, bytes]:
    """The picture as a model is shown it: content type and bytes. Raises `Problem` about `image`."""
    kind = sniff(data[:4096])
    picture = _opened(data, kind, "image")
    if kind in SEEN and max(picture.width, picture.height) <= SIDE and len(data) <= SMALL and whole(data, kind):
        return kind, data
    import pyvips

    try:
        # thumbnail_buffer would be quicker, but shrinks a jpeg that is cut short without a word
        opened = pyvips.Image.new_from_buffer(data, "", access="sequential", fail_on="truncated")
        small = opened.thumbnail_image(SIDE, height=SIDE, size="down")
        if small.hasalpha():
            small = small.flatten(background=255)
        return "image/jpeg", small.jpegsave_buffer(Q=85)
    except pyvips.Error as error:
        raise _broken("image") from error


def see_through(image: bytes, mask: bytes, channel: str) -> bytes:
    """OpenAI's mask: a PNG of the image's size, transparent where it is to be painted."""
    painted = _mask(image, mask, channel)
    return _png(painted.new_from_image([0, 0, 0]).copy(interpretation="srgb").bandjoin(painted.invert()))


def white(image: bytes, mask: bytes, channel: str) -> bytes:
    """The mask of Stable Diffusion's kin: a grey PNG of the image's size, white where it is to be painted."""
    return _png(_mask(image, mask, channel).copy(interpretation="b-w"))


def _mask(image: bytes, mask: bytes, channel: str) -> Any:
    """One band, 255 where it is to be painted, as large as the picture it belongs to."""
    size = _opened(image, sniff(image[:4096]), "image")
    given = _opened(mask, sniff(mask[:4096]), "mask")
    import pyvips

    try:
        found = pyvips.Image.new_from_buffer(mask, "", fail_on="truncated").colourspace("srgb")
        if channel == "alpha":
            if not found.hasalpha():
                raise Problem(Code.INVALID_REQUEST, "The mask has no alpha channel: name another channel", param="mask")
            band = found[found.bands - 1].invert()  # what is transparent is to be painted, as everywhere
        else:
            band = found[("red", "green", "blue").index(channel)]
        if (given.width, given.height) != (size.width, size.height):
            band = band.resize(size.width / given.width, vscale=size.height / given.height, kernel="linear")
        return band.cast("uchar")
    except pyvips.Error as error:
        raise _broken("mask") from error


def _opened(data: bytes, kind: str, param: str) -> Any:
    if kind not in _READ:
        sentence = f"The file in '{param}' is no picture of a kind we know: send png, jpeg, webp, gif, avif or tiff"
        raise Problem(Code.INVALID_REQUEST, sentence, param=param)
    import pyvips

    try:
        picture = pyvips.Image.new_from_buffer(data, "")
    except pyvips.Error as error:
        raise _broken(param) from error
    if picture.width * picture.height > MOST_PIXELS:
        sentence = f"The picture in {param} has more than {MOST_PIXELS / 1e6:.0f} million pixels: send a smaller one"
        raise Problem(Code.TOO_LARGE, sentence, param=param)
    return picture


def _png(picture: Any) -> bytes:
    import pyvips

    try:
        found: bytes = picture.pngsave_buffer(compression=6)
    except pyvips.Error as error:
        raise _broken("mask") from error
    return found


def _broken(param: str) -> Problem:
    return Problem(
        Code.INVALID_REQUEST, f"The picture in {param} cannot be read: it is broken or cut short", param=param
    )
