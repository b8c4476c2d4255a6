"""The settings: one frozen tree, read from `ai-server.toml`, the environment and the command's flags.

The only file that reads settings from files and environment; every other room gets plain values. Later wins:
defaults, file, environment, flags. What a newcomer would get wrong: a provider's secret belongs into the environment
(`key = "env:OPENAI_API_KEY"`, resolved by the agent's process). One that stands in the file is sealed before it reaches
the bus (`ops/seal.py`), and no message of ours may repeat it.
"""

import difflib
import os
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec

from ops import catalogue
from ops.telemetry import TelemetrySettings, endpoint_in
from schemas.checks import provider_faults
from schemas.discretion import Discretion, redact_faults
from schemas.provider import Model, Provider
from schemas.rules import ModelRule, rules_of

Positive = Annotated[float, msgspec.Meta(gt=0)]
Level = Literal["debug", "info", "warning", "error"]


class NatsSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The embedded NATS. `port` -1: any free one. With `NATS_URL` in the environment there is no embedded NATS."""

    port: Annotated[int, msgspec.Meta(ge=-1, le=65535)] = -1
    host: str = "127.0.0.1"
    """The address to listen on. `0.0.0.0` lets agents and direct publishers of other machines in, with their secrets."""


class ArchiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    bodies: bool = False
    """Keep requests and answers too. Off, because prompts are personal data. A key may say otherwise for its own."""
    flush_seconds: Positive = 1.0
    bodies_days: Annotated[float, msgspec.Meta(ge=0)] = 0
    """Requests and answers are emptied after so many days; 0: they stay as long as their row."""
    keep_months: Annotated[int, msgspec.Meta(ge=0)] = 0
    """So many months before the current one are kept; 0: all."""
    redact: tuple[str, ...] = ()
    """Columns that stay empty from now on."""

    def discretion(self, wish: Callable[[str], str]) -> Discretion:
        return Discretion(self.bodies, self.redact, wish)


class LimitSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    body_bytes: Annotated[int, msgspec.Meta(ge=1000, le=7_900_000)] = 7_000_000
    """An HTTP body's size. The ceiling is NATS's largest message, 8 MiB, less the envelope."""
    sync_seconds: Positive = 600
    """How long a sync call may take in all."""
    queue_seconds: Positive = 30
    """How long a sync call waits for a free slot."""
    job_seconds: Positive = 86_400
    """Deadline of a queued job that names none."""
    file_bytes: Annotated[int, msgspec.Meta(ge=1000)] = 2_147_483_648
    """Largest file that can be uploaded."""
    batch_jobs: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 32
    """How many jobs of one batch are under way at a time."""


Bytes = Annotated[int, msgspec.Meta(ge=0)]


class FileSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    public_artifacts: bool = True
    """May whoever knows the address of what a job made read it? False: only its owner, or by a signed link."""
    artifact_days: Annotated[float, msgspec.Meta(ge=0)] = 0
    """How long what jobs made is kept; 0: for ever."""
    input_hours: Positive = 72
    """How long a file that a request brought along is kept."""
    quota_bytes: Bytes = 0
    """What a key without a quota of its own may store; 0: no limit."""
    total_bytes: Bytes = 0
    """Beyond it the oldest artifacts of all keys are removed; 0: no limit."""
    base_url: Annotated[str, msgspec.Meta(pattern=r"^(https?://[^/?#\s]+[^?#\s]*)?$")] = ""
    """What stands before the paths of artifacts in answers, for a CDN; empty: nothing, or the caller's own address."""
    variant_bytes: Bytes = 1_073_741_824
    """How much of the pictures made on the fly is kept."""
    variant_pixels: Annotated[int, msgspec.Meta(ge=1)] = 100_000_000
    """The largest picture that is opened for them."""


class CallbackSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    private: bool | None = None
    """May callbacks go to private and loopback addresses? None: only while the server itself listens on loopback."""


class LogSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    level: Level = "info"


class Settings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    data: Path
    host: str = "127.0.0.1"
    port: Annotated[int, msgspec.Meta(ge=0, le=65535)] = 8080
    durability: Literal["power", "process"] = "power"
    """`power`: what is accepted survives a power cut. `process`: it survives `kill -9` of everything, and is faster."""
    detect: bool = True
    """Look for providers in the environment and on this machine."""
    transforms: bool = True
    """Serve what changes files (the agents `image` and `ffmpeg`) here."""
    nats: NatsSettings = NatsSettings()
    archive: ArchiveSettings = ArchiveSettings()
    limits: LimitSettings = LimitSettings()
    files: FileSettings = FileSettings()
    callbacks: CallbackSettings = CallbackSettings()
    log: LogSettings = LogSettings()
    telemetry: TelemetrySettings = TelemetrySettings()
    overrides: Path | None = None
    """Folder whose `*.toml` extend the catalogue of provider types and models."""
    providers: dict[str, Provider] = {}
    models: dict[str, ModelRule] = {}
    """How a model's requests are spread, and what takes its place: `[models."NAME"]`."""
    nats_url: str = ""
    """From `NATS_URL`, never from the file: it may hold a password."""
    admin_secret: str = ""
    """From `AI_SERVER_ADMIN_SECRET` (or `AUTH_SECRET`), never from the file: whoever shows it is an administrator."""
    file: str = ""
    """Where these settings came from; empty: no file."""

    @property
    def loopback(self) -> bool:
        return self.host in ("localhost", "::1") or self.host.startswith("127.")

    @property
    def overrides_folder(self) -> Path:
        return self.overrides or self.data / catalogue.FOLDER

    @property
    def private_callbacks(self) -> bool:
        return self.loopback if self.callbacks.private is None else self.callbacks.private


class BadSettingsError(Exception):
    """The settings can't be used. The message is a sentence for a person, with the key's path."""


FILE = "ai-server.toml"
_NOT_IN_FILE = ("nats_url", "admin_secret", "file")
_TABLES: dict[str, type[msgspec.Struct]] = {
    "nats": NatsSettings,
    "archive": ArchiveSettings,
    "limits": LimitSettings,
    "files": FileSettings,
    "callbacks": CallbackSettings,
    "log": LogSettings,
    "telemetry": TelemetrySettings,
}


def load(
    config: str | Path | None = None,
    flags: Mapping[str, Any] | None = None,
    env: Mapping[str, str] | None = None,
) -> Settings:
    """The settings of this process. `flags` that are None count as not given. Raises BadSettingsError."""
    env = os.environ if env is None else env
    path = _file(config, env)
    table = _read(path) if path else {}
    _check_keys(table, path)
    merged = table | _from_env(env) | {name: value for name, value in (flags or {}).items() if value is not None}
    merged["data"] = str(Path(str(merged.get("data") or default_data(env))).expanduser().absolute())
    if merged.get("overrides"):
        merged["overrides"] = str(Path(str(merged["overrides"])).expanduser().absolute())
    merged["providers"] = _providers(table.get("providers", {}), _folder(merged))
    try:
        merged["models"] = rules_of(table.get("models", {}))
    except ValueError as error:
        raise BadSettingsError(f"{path or FILE}: {error}") from error
    secret = env.get("AI_SERVER_ADMIN_SECRET") or env.get("AUTH_SECRET") or ""
    if (
        (traces := endpoint_in(env))
        and isinstance(told := merged.get("telemetry", {}), dict)
        and not told.get("traces")
    ):
        merged["telemetry"] = told | {"traces": traces}
    merged |= {"nats_url": env.get("NATS_URL", ""), "admin_secret": secret}
    merged["file"] = str(path.absolute()) if path else ""
    try:
        settings = msgspec.convert(merged, Settings, dec_hook=_path, strict=True)
    except msgspec.ValidationError as error:
        raise BadSettingsError(_sentence(error, path)) from error
    try:
        return checked(settings)
    except BadSettingsError as error:
        raise BadSettingsError(f"{path or FILE}: {error}") from None


def checked(settings: Settings) -> Settings:
    """The same settings. Raises BadSettingsError for what no type can say."""
    for wrong in redact_faults(settings.archive.redact):
        raise BadSettingsError(f"archive.{wrong}")
    return settings


def default_data(env: Mapping[str, str] | None = None) -> Path:
    """Where data lives unless somebody says otherwise: `$XDG_DATA_HOME/ai-server` or `~/.local/share/ai-server`."""
    env = os.environ if env is None else env
    home = env.get("XDG_DATA_HOME") or str(Path(env.get("HOME") or "~").expanduser() / ".local" / "share")
    return Path(home) / "ai-server"


def _file(config: str | Path | None, env: Mapping[str, str]) -> Path | None:
    named = config if config is not None else env.get("AI_SERVER_CONFIG")
    if named is None:
        return Path(FILE) if Path(FILE).is_file() else None
    if not str(named):  # set but empty: the supervisor tells its children that there is no file
        return None
    path = Path(named).expanduser()
    if not path.is_file():
        raise BadSettingsError(f"there is no settings file {path}")
    return path


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadSettingsError(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise BadSettingsError(f"{path} can't be read: {error.strerror}") from error


def _from_env(env: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("data", "host"):
        if env.get(f"AI_SERVER_{name.upper()}"):
            found[name] = env[f"AI_SERVER_{name.upper()}"]
    if port := env.get("AI_SERVER_PORT"):
        if not port.isdecimal():
            raise BadSettingsError(f"AI_SERVER_PORT must be a number, not {port!r}")
        found["port"] = int(port)
    for name in ("detect", "transforms"):
        if wish := env.get(f"AI_SERVER_{name.upper()}", "").lower():
            found[name] = wish not in ("0", "no", "off", "false")
    if level := env.get("AI_SERVER_LOG"):
        found["log"] = {"level": level.lower()}
    return found


def _check_keys(table: Mapping[str, Any], path: Path | None) -> None:
    """One error that names every unknown key, with what was probably meant."""
    wrong = list(_unknown(table))
    if wrong:
        raise BadSettingsError(f"{path or FILE}: " + "; ".join(wrong))


def _unknown(table: Mapping[str, Any]) -> Iterator[str]:
    yield from _strangers(table, [n for n in Settings.__struct_fields__ if n not in _NOT_IN_FILE], "")
    for name, struct in _TABLES.items():
        if isinstance(table.get(name), dict):
            yield from _strangers(table[name], struct.__struct_fields__, f"{name}.")
    providers = table.get("providers")
    for name, entry in providers.items() if isinstance(providers, dict) else ():
        if isinstance(entry, dict):
            fields = [field for field in Provider.__struct_fields__ if field != "name"]
            yield from _strangers(entry, fields, f"providers.{name}.")


def _strangers(table: Mapping[str, Any], known: Any, prefix: str) -> Iterator[str]:
    for key in table:
        if key not in known:
            close = difflib.get_close_matches(key, known, n=1)
            hint = f" (did you mean `{prefix}{close[0]}`?)" if close else f" (known: {', '.join(sorted(known))})"
            yield f"unknown key `{prefix}{key}`{hint}"


def _folder(merged: Mapping[str, Any]) -> Path:
    return Path(str(merged.get("overrides") or Path(merged["data"]) / catalogue.FOLDER))


def _providers(table: Any, overrides: Path) -> dict[str, Provider]:
    if not isinstance(table, dict):
        raise BadSettingsError("providers must be tables: [providers.NAME]")
    return {name: _provider(name, entry, overrides) for name, entry in table.items()}


def _provider(name: str, entry: Any, overrides: Path) -> Provider:
    where = f"providers.{name}"
    if not isinstance(entry, dict):
        raise BadSettingsError(f"{where} must be a table: [{where}]")
    models = tuple({"name": m} if isinstance(m, str) else m for m in entry.get("models", ()))
    try:
        if entry.get("type"):
            entry = catalogue.of_type(catalogue.load(overrides), str(entry["type"]), entry)
        provider = msgspec.convert({"kind": "openai"} | entry | {"name": name, "models": models}, Provider)
        msgspec.convert([msgspec.to_builtins(m) for m in provider.models], list[Model])
    except msgspec.ValidationError as error:
        raise BadSettingsError(f"{where}{_where(error)}") from error
    except catalogue.BadCatalogueError as error:
        raise BadSettingsError(f"{where}.type: {error}") from error
    for _, wrong in provider_faults(provider):
        raise BadSettingsError(f"{where}.{wrong}")
    return provider


def _path(kind: type, value: Any) -> Any:
    return Path(value) if kind is Path else value


def _sentence(error: msgspec.ValidationError, path: Path | None) -> str:
    return f"{path or 'settings'}: {_where(error).lstrip('.: ')}"


def _where(error: msgspec.ValidationError) -> str:
    """msgspec's `Expected `int`, got `str` - at `$.port`` as `.port: expected …`."""
    text, _, at = str(error).partition(" - at `$")
    return f"{at.rstrip('`')}: {text[:1].lower()}{text[1:]}"
