"""The embedded NATS server's configuration, as text: computed here, written and started by `ops/embedded.py`.

What a newcomer would get wrong: it is authenticated although it listens on loopback alone, because any local user could
connect otherwise. And `js_ack_fc_v2` stays false: with version 2 acks, nats-py's read loop dies without a word.
"""

import json
from pathlib import Path

import msgspec

LOOPBACK = "127.0.0.1"
GB = 1024**3
LOWEST_MAX_FILE = 4 * GB  # stream REQ alone reserves 2 GB: with less, it could not be declared
SHARE_OF_FREE = 0.8

USERS = ("gateway", "agent", "callout", "sys")
"""Static users: they connect without the auth callout, so the house comes up before its gateway does."""

# An agent declares the streams like any process that starts, notes its models in CONFIG, stores blobs ($O.BLOBS) and enters
# what jobs made ($KV.FILES.rec). It may not empty or copy a stream, make keys or speak for one, or write what is the
# gateways' alone: batches, answers kept, minutes counted, when keys were used.
AGENT_MAY_NOT_PUBLISH = (
    "$JS.API.STREAM.DELETE.>",
    "$JS.API.STREAM.PURGE.>",
    "$JS.API.STREAM.RESTORE.>",
    "$JS.API.STREAM.SNAPSHOT.>",
    "$JS.API.STREAM.MSG.DELETE.>",
    "$KV.CONFIG.keys.>",
    "$KV.CONFIG.secrets.>",
    "$KV.FILES.open.>",
    "$KV.BATCHES.>",
    "$KV.PARTIALS.>",
    "$KV.VARIANTS.>",
    "$KV.CACHE.>",
    "$KV.KEYUSE.>",
    "count.req.>",
    "count.tok.>",
    "req.>",
    "rpc.>",
    "ctl.>",
)
AGENT_MAY_NOT_HEAR = ("req.>", "rpc.>", "ctl.>")


class NatsConf(msgspec.Struct, frozen=True, kw_only=True):
    """All that differs from one server to the next. `home` is `<data>/nats`; `port` -1 lets the system choose."""

    home: Path
    passwords: dict[str, str]
    issuer: str
    """Public account key that signs what the auth callout grants."""
    port: int = -1
    host: str = LOOPBACK
    sync: bool = True
    """fsync each write before it is acknowledged (`durability = "power"`)."""
    max_file: int = LOWEST_MAX_FILE
    """Bytes that JetStream may keep on disk."""


def max_file(free: int, used: int) -> int:
    """Bytes for JetStream: what it has already, and most of what is free."""
    return max(LOWEST_MAX_FILE, used + int(free * SHARE_OF_FREE))


def render(conf: NatsConf) -> str:
    """The text of `nats.conf`. It holds the passwords: its file is for the owner's eyes."""
    run = conf.home / "run"
    return f"""\
server_name: "ai-server-embedded"
listen: "{conf.host}:{conf.port}"
http: "127.0.0.1:-1"
ports_file_dir: {_text(run)}
pid_file: {_text(run / "nats.pid")}
log_file: {_text(conf.home / "nats.log")}
logfile_size_limit: 10MB
logfile_max_num: 3
max_payload: 8MB
max_pending: 64MB
write_deadline: "10s"
ping_interval: "10s"
ping_max: 2
lame_duck_duration: "30s"
lame_duck_grace_period: "2s"
feature_flags {{ js_ack_fc_v2: false }}
jetstream {{
  store_dir: {_text(conf.home / "js")}
  max_mem: 1GB
  max_file: {conf.max_file}
{_sync(conf.sync)}  limits {{ duplicate_window: "30m", max_ack_pending: 20000 }}
}}
{_accounts(conf.passwords, conf.max_file)}
system_account: SYS
authorization {{
  auth_callout {{ issuer: {conf.issuer}, account: AUTH, auth_users: [ {", ".join(USERS)} ] }}
}}
"""


def is_like(text: str, port: int, sync: bool, host: str = LOOPBACK) -> bool:
    """Whether a running server's file `text` keeps the same promise (and the same port, if one is asked for)."""
    listens = f'listen: "{host}:' if port == -1 else f'listen: "{host}:{port}"'
    return (_sync(True) in text) == sync and listens in text


def _sync(always: bool) -> str:
    return "  sync_interval: always\n" if always else ""


def _accounts(passwords: dict[str, str], most: int) -> str:
    """`most` is said of the account too: that is where clients can read how much room there is (`storage/wall.py`)."""
    user = {name: f"user: {name}, password: {_text(passwords[name])}" for name in USERS}
    rights = f"publish: {{ deny: {_list(AGENT_MAY_NOT_PUBLISH)} }}, subscribe: {{ deny: {_list(AGENT_MAY_NOT_HEAR)} }}"
    return f"""\
accounts {{
  SYS: {{ users: [ {{ {user["sys"]} }} ] }}
  AUTH: {{ users: [ {{ {user["callout"]} }} ] }}
  AI: {{
    jetstream: {{ max_file: {most}, max_mem: 1GB }}
    users: [
      {{ {user["gateway"]} }}
      {{ {user["agent"]}, permissions: {{ {rights} }} }}
    ]
  }}
}}"""


def _list(subjects: tuple[str, ...]) -> str:
    return json.dumps(list(subjects))


def _text(value: Path | str) -> str:
    return json.dumps(str(value), ensure_ascii=False)
