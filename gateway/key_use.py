"""What a key has used of what it may use: money of today and this month, and storage.

What a newcomer would get wrong: money is counted only where a budget is set, for a counter costs a write per request. What a
key without one has cost is in the archive (`/admin/reports/usage?key=…`).
"""

import time
from typing import Any

from bus import subjects
from bus.connection import Bus
from bus.counters import Counters
from bus.limits import DAY, MICRO, MONTH
from gateway.quota import Quota
from schemas.provider import ApiKey


async def use_of(bus: Bus, quota: Quota, key: ApiKey) -> dict[str, Any]:
    """`spent`: US dollars by `day` and `month`, of those that have a budget; `storage`: bytes and files."""
    counters, now = Counters(bus), time.time()
    spent = {
        name: await counters.total(subjects.count(window.kind, key.tenant, key.id, window.name(now))) / MICRO
        for name, window, budget in (("day", DAY, key.budget_day), ("month", MONTH, key.budget_month))
        if budget
    }
    used = await quota.usage(key)
    return {
        "spent": spent,
        "storage": {"used_bytes": used.used, "files": used.files, "limit_bytes": quota.limit(key)},
    }
