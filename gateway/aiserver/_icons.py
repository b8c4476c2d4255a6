"""Icons of models, drawn here: a coloured disc with the family's initials. No maker's logo is used.

What a newcomer would get wrong: the name comes from the address, so nothing of it may stand in the picture unescaped; of it
only letters and digits are drawn.
"""

import hashlib
import re

_WORDS = re.compile(r"[A-Za-z]+|\d+")
_DISC = '<circle cx="32" cy="32" r="32" fill="{fill}"/>'
_TILE = '<rect width="64" height="64" rx="14" fill="{fill}"/>'
_TEXT = (
    '<text x="32" y="32" fill="#fff" font-family="system-ui,sans-serif" font-size="{size}" font-weight="600" '
    'text-anchor="middle" dominant-baseline="central">{text}</text>'
)
FALLBACK = "#8a8f98"


def icon(name: str, *, known: bool, custom: bool) -> bytes:
    """SVG. `known`: a family of the catalogue; `custom`: a model of somebody's own server; neither: the grey one."""
    family = name.partition(":")[0].rpartition("/")[2]
    letters = initials(family)
    fill = _colour(family) if known or custom else FALLBACK
    shape = (_TILE if custom else _DISC).format(fill=fill)
    text = _TEXT.format(size=28 if len(letters) < 2 else 24, text=letters if known or custom else "AI")
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64" width="64" height="64">{shape}{text}</svg>'.encode()


def initials(family: str) -> str:
    """`llama3.3` is L3, `gpt-oss` GO."""
    words = _WORDS.findall(family)
    return "".join(word[0].upper() for word in words[:2]) or "?"


def _colour(family: str) -> str:
    """The same for all versions of a family: its letters decide."""
    root = "".join(re.findall(r"[a-z]+", family.lower()))[:12] or family
    hue = int.from_bytes(hashlib.sha256(root.encode()).digest()[:2], "big") % 360
    return f"hsl({hue} 55% 42%)"
