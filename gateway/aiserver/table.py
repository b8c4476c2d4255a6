"""All requests of the dialect that are answered: rows (operations) and handlers (all else), by the name of their DTO.

To add one: a `Row` of its topic, or a function with `@answers(…)`, and the topic's file here. Importing a topic registers its
handlers.
"""

from gateway.aiserver import (
    _handlers,
    analytics,
    auth,
    chat,
    comfy,
    files_api,
    hello,
    info,
    job_desk,
    jobs,
    keys,
    logs,
    media_rows,
    media_status,
    providers,
)
from gateway.aiserver.call import Handler
from gateway.aiserver.rows import Row

TOPICS = (
    analytics, auth, chat, comfy, files_api, hello, info, job_desk, jobs, keys, logs, media_status, providers,
)  # fmt: skip

ROWS: dict[str, Row] = {row.request.__name__: row for row in (*chat.ROWS, *media_rows.ROWS.values())}
HANDLERS: dict[str, Handler] = {request.__name__: handler for request, handler in _handlers.HANDLERS.items()}
