"""Settings that are changed while everything runs: kept in CONFIG, above what `ai-server.toml` says, with their history.

A change reaches every process within milliseconds and holds from then on; the file stays as it is, and a value that is
taken back lets it speak again. What a newcomer would get wrong: only what is named here can be changed so. An address, a
port, a folder is read once, at the start.
"""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import structlog

from bus.config import Config
from bus.history import versions
from bus.tenants import want_house
from ops.settings import BadSettingsError, Settings, checked
from schemas.problem import Code, Problem

log = structlog.get_logger()

KIND, NAME = "settings", "house"


class Tunable(msgspec.Struct, frozen=True):
    """One setting that can be changed live."""

    path: str
    about: str
    unit: str = ""

    @property
    def section(self) -> str:
        return self.path.partition(".")[0]

    @property
    def field(self) -> str:
        return self.path.partition(".")[2]


TUNABLES = {
    one.path: one
    for one in (
        Tunable("archive.bodies", "Keep the text of requests and answers. A key may say otherwise for its own."),
        Tunable(
            "archive.bodies_days", "That text is emptied after so many days; 0: it stays as long as its row.", "days"
        ),
        Tunable("archive.keep_months", "So many months before the current one are kept; 0: all.", "months"),
        Tunable("archive.redact", "Columns of the archive that stay empty from now on."),
        Tunable("files.public_artifacts", "Whoever knows the address of a new result may read it."),
        Tunable("files.artifact_days", "How long new results of jobs are kept; 0: for ever.", "days"),
        Tunable("files.input_hours", "How long a file that a request brought along is kept.", "hours"),
        Tunable("files.quota_bytes", "What a key without a quota of its own may store; 0: no limit.", "bytes"),
        Tunable("files.total_bytes", "Beyond it the oldest results of all keys are removed; 0: no limit.", "bytes"),
        Tunable("files.base_url", "What stands before the addresses of results, for a CDN; empty: nothing."),
        Tunable("limits.body_bytes", "The largest body of a request.", "bytes"),
        Tunable("limits.sync_seconds", "How long a sync call may take in all.", "seconds"),
        Tunable("limits.queue_seconds", "How long a sync call waits for a free slot.", "seconds"),
        Tunable("limits.job_seconds", "Deadline of a queued job that names none.", "seconds"),
        Tunable("limits.batch_jobs", "How many jobs of one batch are under way at a time."),
    )
}
Values = Mapping[str, Any]
Apply = Callable[[Settings], None]


class Tuning:
    """The settings of this process, as file and CONFIG say together. `apply` is called with them now and at each change."""

    def __init__(self, config: Config, settings: Settings, apply: Apply) -> None:
        self.config, self.settings, self.apply = config, settings, apply
        self.now = settings
        self._last: Values = {}
        config.changed.append(self._renew)
        self._renew(first=True)

    def view(self) -> list[dict[str, Any]]:
        """Each tunable with its value, where that comes from (live, file, default), its type and its bounds."""
        plain = Settings(data=self.settings.data)
        return [self._shown(one, plain) for one in TUNABLES.values()]

    async def change(self, values: Values, by: str) -> dict[str, Any]:
        """Set some; null takes one back. Raises `Problem(INVALID_REQUEST)` that names the first that can't be."""
        want_house(self.config, by, "Settings")
        merged = {**self.config.settings, **values}
        _tuned(self.settings, {path: merged[path] for path in merged if path in TUNABLES or path in values})
        wanted = {path: value for path, value in merged.items() if value is not None}
        if wanted != self.config.settings:
            await self.config.put_settings(wanted, by)
        return wanted

    async def history(self) -> list[dict[str, Any]]:
        """The kept versions, the newest first, each with what changed: path -> [before, after]."""
        found, before = [], dict[str, Any]()
        for one in await versions(self.config.bus, KIND, NAME):
            values = one.value if isinstance(one.value, dict) else {}
            changes = {
                path: [before.get(path), values.get(path)]
                for path in sorted({*before, *values})
                if before.get(path) != values.get(path)
            }
            told = {"revision": one.revision, "at": one.at, "by": one.by, "note": one.note}
            found.append({**told, "values": values, "changes": changes})
            before = values
        return found[::-1]

    async def roll_back(self, revision: int, by: str) -> dict[str, Any]:
        """As they were at `revision` (0: as the file says). Raises `Problem(NOT_FOUND)`."""
        want_house(self.config, by, "Settings")
        wanted: dict[str, Any] | None = {} if revision == 0 else None
        for one in await versions(self.config.bus, KIND, NAME):
            if one.revision == revision and isinstance(one.value, dict):
                wanted = one.value
        if wanted is None:
            raise Problem(Code.NOT_FOUND, f"The settings have no revision {revision}.", param="revision")
        _tuned(self.settings, wanted)
        if wanted != self.config.settings:
            await self.config.put_settings(wanted, by, f"rollback to {revision}")
        return wanted

    def _renew(self, first: bool = False) -> None:
        if not first and self.config.settings == self._last:
            return
        self._last = self.config.settings
        known = {path: value for path, value in self._last.items() if path in TUNABLES}  # a newer version may know more
        try:
            self.now = _tuned(self.settings, known)
        except Problem as problem:  # the file was changed, and both together can't be
            log.warning("settings.live_ignored", error=str(problem))
            self.now = self.settings
        self.apply(self.now)

    def _shown(self, one: Tunable, plain: Settings) -> dict[str, Any]:
        said, default = _value(self.settings, one), _value(plain, one)
        source = "live" if one.path in self.config.settings else "file" if said != default else "default"
        return {
            "path": one.path, "about": one.about, "unit": one.unit, "value": _value(self.now, one), "from": source,
            "file": said, "default": default, **_bounds(one),
        }  # fmt: skip


def pour(source: Any, *vessels: Any) -> None:
    """Give the fields of `source` to those of `vessels` of the same name, in place: whoever holds one sees the change."""
    for vessel in vessels:
        for name in vessel.__struct_fields__:
            if hasattr(source, name):
                setattr(vessel, name, getattr(source, name))


def _tuned(settings: Settings, values: Values) -> Settings:
    """The settings with these above them; None: as they are. Raises `Problem(INVALID_REQUEST)`."""
    for path in values:
        if path not in TUNABLES:
            known = ", ".join(sorted(TUNABLES))
            raise Problem(Code.INVALID_REQUEST, f"`{path}` can't be changed live; these can: {known}.", param=path)
    changed = settings
    for path, value in values.items():
        if value is None:
            continue
        one = TUNABLES[path]
        section = getattr(changed, one.section)
        try:
            fields = {**msgspec.structs.asdict(section), one.field: value}
            changed = checked(msgspec.structs.replace(changed, **{one.section: msgspec.convert(fields, type(section))}))
        except (msgspec.ValidationError, BadSettingsError) as error:
            said = str(error).partition(" - at ")[0]
            raise Problem(Code.INVALID_REQUEST, f"{path}: {said[:1].lower()}{said[1:]}.", param=path) from None
    return changed


def _value(settings: Settings, one: Tunable) -> Any:
    return msgspec.to_builtins(getattr(getattr(settings, one.section), one.field))


def _bounds(one: Tunable) -> dict[str, Any]:
    """`type` (boolean, integer, number, string, array) with `minimum`, `maximum`, `choices`, from the settings' own types."""
    section = next(field for field in msgspec.structs.fields(Settings) if field.name == one.section).type
    field = next(field for field in msgspec.structs.fields(section) if field.name == one.field)
    schema = msgspec.json.schema(field.type)
    told = {"type": schema.get("type", "string")}
    for name, word in (
        ("minimum", "minimum"),
        ("exclusiveMinimum", "above"),
        ("maximum", "maximum"),
        ("enum", "choices"),
    ):
        if name in schema:
            told[word] = schema[name]
    return told
