"""Which request a path means: `/api/{Dto}`, `/json/reply/{Dto}`, `/json/oneway/{Dto}`, `{Dto}[]`, `{Dto}.csv`, own routes.

Pure. What a newcomer would get wrong: `/api/` is Ollama's too. Its words are small and no DTO's name, so whatever is
neither a DTO nor written like one goes on to the other doors.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from schemas.dtos._model import Api

_FORMATS = ("json", "csv", "jsonl")
_BEFORE = {
    "/api/": ("", False),
    **{f"/{name}/reply/": (name, False) for name in _FORMATS},
    **{f"/{name}/oneway/": (name, True) for name in _FORMATS},
}
"""What stands before a DTO's name -> (format, one-way)."""
_ELSEWHERE = frozenset({"OpenAiChatCompletion", "OllamaGeneration", "GetArtifact", "GetVariant"})
"""Their own routes lead to doors of their own."""
_NARROW = {"DeleteFile": ("DELETE", 5)}
"""Whose own route is taken by one verb alone, and from so many pieces of the path on: `/files/{id}` is another's."""

_INSIDE = frozenset({"files"})
"""First words of a route that the house uses too: only a DELETE of what lies inside of something is the dialect's."""


class Found(NamedTuple):
    """What a path means. `api` None: it looks like a DTO and there is none of that name."""

    api: Api | None
    name: str
    batch: bool = False
    oneway: bool = False
    said: str = ""
    """The format that the path names."""
    fields: Mapping[str, str] = {}  # a NamedTuple's default; nobody changes it


class Route(NamedTuple):
    """A path of a DTO's own: `{Name}` is a field, `{**Path}` all that follows."""

    api: Api
    verb: str
    """Empty: any that the DTO takes."""
    parts: tuple[str, ...]

    def fits(self, path: str, method: str) -> bool:
        verb, least = _NARROW.get(self.api.request.__name__, (self.verb, 0))
        return verb in ("", method) and path.strip("/").count("/") + 1 >= least


class Paths:
    """Finds requests. `apis`: those that are answered here."""

    def __init__(self, apis: Iterable[Api]) -> None:
        self._named = {api.request.__name__.lower(): api for api in apis}
        self._exact = {
            before + api.request.__name__: Found(api, api.request.__name__, oneway=oneway, said=said)
            for before, (said, oneway) in _BEFORE.items()
            for api in self._named.values()
        }
        self._routes: dict[str, list[Route]] = {}
        for api in self._named.values():
            for route in api.routes if api.request.__name__ not in _ELSEWHERE else ():
                verb, _, path = route.rpartition(" ")
                parts = tuple(path.strip("/").split("/"))
                self._routes.setdefault(parts[0], []).append(Route(api, verb, parts))
        for routes in self._routes.values():
            routes.sort(key=lambda route: [part.startswith("{") for part in route.parts])  # fixed words go first

    def find(self, path: str, method: str) -> Found | None:
        """None: no request of this dialect."""
        if (found := self._exact.get(path)) is not None:
            return found
        head, _, _ = path[1:].partition("/")
        if head == "api":
            return self._word(path, "/api/")
        if head in _FORMATS:
            return next((self._word(path, before) for before in _BEFORE if path.startswith(before)), None)
        if head in _INSIDE and (method != "DELETE" or path.count("/") < 3 or path.startswith("/files/tus/")):
            return None
        for route in self._routes.get(head.lower(), ()):
            if (fields := _match(route, path)) is not None and route.fits(path, method):
                return Found(route.api, route.api.request.__name__, fields=fields)
        return None

    def _word(self, path: str, before: str) -> Found | None:
        """A DTO by name, in any case, with what may follow it."""
        said, oneway = _BEFORE[before]
        word = name = path[len(before) :]
        if "/" in word:
            return None
        batch = name.endswith("[]")
        name = name.removesuffix("[]")
        stem, dot, ending = name.rpartition(".")
        if dot and stem:
            name, said = stem, ending
        api = self._named.get(name.lower())
        if api is None and before == "/api/" and not word[:1].isupper():
            return None
        return Found(api, name, batch, oneway, said)


def _match(route: Route, path: str) -> dict[str, str] | None:
    said = path.strip("/").split("/")
    fields: dict[str, str] = {}
    for place, part in enumerate(route.parts):
        if part.startswith("{**"):
            rest = "/".join(said[place:])
            return fields | {part[3:-1]: rest} if rest else None
        if place >= len(said) or not said[place]:
            return None
        if part.startswith("{"):
            fields[part[1:-1]] = said[place]
        elif part.lower() != said[place].lower():
            return None
    return fields if len(said) == len(route.parts) else None
