"""Routes that are mounted whole and take the rest of the path themselves: artifacts and their variants."""

from gateway.described.notes_files import HEARD, READ
from gateway.described.parts import PERHAPS, answer, binary, errors
from gateway.described.shapes import Schema
from gateway.variant_options import AUTO, FITS, FORMATS

_PATH = {
    "name": "path", "in": "path", "required": True, "schema": {"type": "string"}, "example": "2026/11/23/4f/9a.png",
    "description": "As it stands in `url`: `yyyy/mm/dd/key/sha256.ext`, `private/…` or `t/tenant/area/…`.",
}  # fmt: skip
_EXPIRES = [
    {"name": "expires", "in": "query", "schema": {"type": "integer"}, "description": "Of a signed link."},
    {"name": "signature", "in": "query", "schema": {"type": "string"}, "description": "Of a signed link."},
]
_OPTIONS = {
    "name": "options", "in": "path", "required": True, "schema": {"type": "string"}, "example": "width=256,format=webp",
    "description": f"`width`, `height` (pixels), `fit` ({', '.join(FITS)}), `format` ({', '.join((*FORMATS, AUTO))}), "
    "`quality` (1 to 100), with commas between.",
}  # fmt: skip


def bare_paths() -> Schema:
    """Both, for GET and HEAD."""
    return {
        "/artifacts/{path}": _item("artifact", "A file's bytes", [_PATH, *_EXPIRES, *READ]),
        "/variants/{options}/{path}": _item("variant", "A picture of another size", [_OPTIONS, _PATH, *_EXPIRES]),
    }


def _item(name: str, summary: str, parameters: list[Schema]) -> Schema:
    def operation(method: str) -> Schema:
        content = binary("image/*" if name == "variant" else "*/*") if method == "get" else None
        good = answer("Its bytes" if content else "Its headers", content, "ETag")
        return {
            "operationId": f"{method}_{name}",
            "summary": summary,
            "description": "A public file is anybody's who knows its address, a private one its owner's or a signed link's.",
            "tags": ["Files area"],
            "parameters": parameters,
            "security": PERHAPS,
            "responses": {"200": good, **(HEARD if content else {}), **errors()},
        }

    return {"get": operation("get"), "head": operation("head")}
