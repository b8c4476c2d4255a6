"""What an operator does to jobs: cancel, requeue, replay, put first; one, or all that a filter means.

Each act is safe to repeat: compare-and-set decides, and what comes too late is told as one that could not be done. What a
newcomer would get wrong: a requeued job is the same job once more, for one that failed; a replayed one is a new job with the
same request, which its key pays again and must still be allowed to ask for.
"""

import asyncio
import re
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec

from bus import audit
from bus.acks import ApiError, Conflict, Full
from bus.cancel import ADMIN
from bus.lanes import put_first
from bus.listing import record_anywhere
from bus.requeue import requeue
from gateway.answer import Front
from gateway.job_filter import ENDED, OPEN, Filter, filter_of
from gateway.job_list import MOST as PAGE
from gateway.job_list import JobList
from gateway.past import dicts, sight, text
from gateway.reading import decode
from gateway.targets import check_reply_to
from schemas.job import Job, Record, State, Style
from schemas.operations import OPERATIONS
from schemas.problem import Code, Problem
from schemas.provider import ApiKey

Told = dict[str, Any]
ACTIONS = {"cancel": "cancelled", "requeue": "requeued", "replay": "replayed", "first": "put_first"}
"""And the word for it in the audit trail."""
_MEANT = {
    "cancel": OPEN,
    "first": frozenset({State.QUEUED}),
    "requeue": frozenset({State.FAILED}),
    "replay": ENDED,
}
"""The states that a filter means by itself: nobody asks to cancel what has ended."""
USUAL, MOST = 1000, 10_000
TOGETHER = 16
_BLOB = re.compile(rb'"blob":\s*"([^"\\]{1,400})"')
"""A stored file in a request, as `FileRef` is written."""
SHOWN = 100
"""Ids of a dry run, and of what could not be done."""


class Bulk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body of a bulk action."""

    ids: list[int] | None = None
    filter: dict[str, Any] | None = None
    dry_run: bool = False
    most: int = USUAL


class Acts:
    """One gateway's."""

    def __init__(self, front: Front, jobs: JobList) -> None:
        self.front, self.jobs = front, jobs
        self.dispatcher = front.parts.dispatcher
        self._acts: dict[str, Callable[[ApiKey, int], Awaitable[Told]]] = {
            "cancel": self._cancel,
            "requeue": self._requeue,
            "replay": self._replay,
            "first": self._first,
        }

    async def one(self, action: str, admin: ApiKey, number: int) -> Told:
        """Do it to one job, and note who did. Raises `Problem`."""
        told = await self._act(action, admin, number)
        self._note(admin, action, str(number), {name: told[name] for name in ("replayed_as",) if name in told})
        return told

    async def many(self, action: str, admin: ApiKey, fields: Mapping[str, Any]) -> Told:
        """Do it to all that are meant, some at a time; answers when all are done. Raises `Problem(INVALID_REQUEST)`."""
        asked = _bulk(fields)
        ids, more = await self._meant(action, admin, asked)
        told: Told = {"id": secrets.token_hex(12), "action": action, "dry_run": asked.dry_run}
        told |= {"matched": len(ids), "more": more}
        if asked.dry_run:
            return {**told, "done": 0, "failed": [], "ids": ids[:SHOWN]}
        done, failed = await self._each(action, admin, ids)
        detail = {"filter": asked.filter, "ids": (asked.ids or [])[:SHOWN], "matched": len(ids), "done": len(done)}
        self._note(admin, action, "bulk", {**detail, "failed": len(failed)}, told["id"])
        made = {str(one["id"]): one["replayed_as"] for one in done if "replayed_as" in one}
        return {**told, "done": len(done), "failed": failed, **({"replayed_as": made} if made else {})}

    async def _each(self, action: str, admin: ApiKey, ids: list[int]) -> tuple[list[Told], list[Told]]:
        done, failed, left = list[Told](), list[Told](), iter(ids)

        async def work() -> None:
            for number in left:
                try:
                    done.append(await self._act(action, admin, number))
                except Problem as problem:
                    failed.append({"id": number, "why": str(problem)})

        await asyncio.gather(*(work() for _ in range(min(TOGETHER, len(ids)))))
        return done, failed

    async def _act(self, action: str, admin: ApiKey, number: int) -> Told:
        """Raises `Problem` alone: of many jobs one that the bus refuses must not keep the others from being told."""
        try:
            return await self._acts[action](admin, number)
        except (ApiError, Conflict, Full) as error:
            text = f"The job store could not do it: {error}. Try again in a moment."
            raise Problem(Code.UNAVAILABLE, text, retry_after=2) from error

    async def _meant(self, action: str, admin: ApiKey, asked: Bulk) -> tuple[list[int], bool]:
        """The jobs that are meant, and whether there are more than may be done at once."""
        if asked.ids is not None:
            ids = list(dict.fromkeys(asked.ids))
            return ids[: asked.most], len(ids) > asked.most
        wanted = filter_of(asked.filter or {}, sight(admin).tenant, self.jobs.keys)
        if wanted.empty:
            raise Problem(
                Code.INVALID_REQUEST, "An empty filter would mean every job; say at least one.", param="filter"
            )
        return await self._found(msgspec.structs.replace(wanted, states=wanted.states & _MEANT[action]), asked.most)

    async def _found(self, wanted: Filter, most: int) -> tuple[list[int], bool]:
        ids: list[int] = []
        after = 0
        while wanted.states:
            lines, after = await self.jobs.page(wanted, min(PAGE, most + 1), after)
            ids += [int(line["id"]) for line in lines]
            if not after or len(ids) > most:
                break
        return ids[:most], len(ids) > most

    def _note(self, admin: ApiKey, action: str, name: str, detail: Told, number: str = "") -> None:
        audit.note(self.front.parts.bus, admin.id, ACTIONS[action], "job", name, detail, tenant=admin.tenant, id=number)

    # ---- the acts -----------------------------------------------------------------------------------------------------

    async def _record(self, admin: ApiKey, number: int) -> Record:
        found = await record_anywhere(self.front.parts.bus, number, sight(admin).tenant)
        if found is None:
            raise Problem(Code.NOT_FOUND, f"There is no job {number}, or its record has lapsed: it is kept for a week.")
        return found[1]

    async def _cancel(self, admin: ApiKey, number: int) -> Told:
        found = await record_anywhere(self.front.parts.bus, number, sight(admin).tenant)
        if found is None:
            cancelled = await self._cancel_call(admin, number)
        elif (record := found[1]).state.terminal:
            cancelled = record.state is State.CANCELLED
        else:
            cancelled = await self.dispatcher.cancel(record.job, ADMIN)
        if not cancelled:
            raise Problem(Code.CONFLICT, f"Job {number} has ended; it can't be cancelled any more.")
        return {"id": number, "state": State.CANCELLED}

    async def _cancel_call(self, admin: ApiKey, number: int) -> bool:
        """A live call is stored nowhere: the gateway that holds its line ends it. False: it has ended in this moment."""
        cancelled = await self.dispatcher.switchboard.cancel(number, sight(admin).tenant)
        if cancelled is None:
            raise Problem(Code.NOT_FOUND, f"There is no open job {number}: it has ended, or never was.")
        return cancelled

    async def _requeue(self, admin: ApiKey, number: int) -> Told:
        record = await self._record(admin, number)
        job = await requeue(self.dispatcher, record.job.tenant, number)
        return {"id": number, "state": State.QUEUED, "run": job.run}

    async def _first(self, admin: ApiKey, number: int) -> Told:
        record = await self._record(admin, number)
        await put_first(self.dispatcher, record.job.tenant, number)
        return {"id": number, "state": State.QUEUED, "first": True}

    async def _replay(self, admin: ApiKey, number: int) -> Told:
        old = await self._asked_before(admin, number)
        operation = OPERATIONS.get(old.op)
        if operation is None:
            raise Problem(
                Code.CONFLICT, f"Job {number} is a {old.op}, which can't be replayed; requeue it if it failed."
            )
        now = time.time()
        job = msgspec.structs.replace(
            old, id=self.dispatcher.new_id(), created=now, deadline=now + max(60.0, old.deadline - old.created),
            style=Style.CALLBACK if old.reply_to else Style.QUEUED, keep=True, durable=True, reply="", out="", ref="",
            parent=0, attempt=1, excluded=(), trail=(), revision=0, first_run=0.0, asked="", chain=(), steps=(), reserved=0,
            run=0, first=False, trace="", replays=number, model=old.asked or old.model,
        )  # fmt: skip
        try:
            key = self._key(job)
            asked = decode(operation, job.body)
            await self._files_are_there(job)
            if job.reply_to:
                check_reply_to(job.reply_to, self.front.parts.private_callbacks)
            accepted = await self._paid(key, job, asked)
        except Problem as problem:
            # A refusal of its key's is none of the administrator's: he is known, and may ask.
            code = Code.CONFLICT if problem.code in (Code.UNAUTHENTICATED, Code.FORBIDDEN) else problem.code
            raise Problem(
                code, f"Job {number} can't be replayed: {problem}", retry_after=problem.fault.retry_after
            ) from None
        return {"id": number, "replayed_as": accepted, "state": State.QUEUED}

    async def _asked_before(self, admin: ApiKey, number: int) -> Job:
        """The job as it was asked for. Raises `Problem(CONFLICT)` where nobody knows the request any more."""
        found = await record_anywhere(self.front.parts.bus, number, sight(admin).tenant)
        if found is not None:
            record = found[1]
            if not record.state.terminal:
                raise Problem(Code.CONFLICT, f"Job {number} is {record.state} still; cancel it first.")
            if record.job.body not in (b"", b"{}"):
                return record.job
        row = await self._row(admin, number)
        if row is None:
            raise Problem(Code.NOT_FOUND, f"There is no job {number}.")
        if not row["request"]:
            why = "records are kept for a week, and the archive holds none"
            raise Problem(Code.CONFLICT, f"The request of job {number} is not known any more: {why}.")
        return Job(
            id=number, tenant=row["tenant"], key=row["key"], op=row["op"], model=row["model"], body=row["request"].encode(),
            created=row["created"], deadline=row["created"] + self.front.parts.limits.job_seconds, stream=row["stream"],
            tag=row["tag"], client=row["client"], user_agent=row["user_agent"],
        )  # fmt: skip

    async def _row(self, admin: ApiKey, number: int) -> Told | None:
        past = self.front.parts.past
        if past is None:
            return None
        whose = f" AND tenant = {text(sight(admin).tenant)}" if sight(admin).tenant else ""
        sql = f"""SELECT tenant, key, op, model, request, epoch(created) AS created, stream, tag, client, user_agent
            FROM requests WHERE job = {number}{whose} ORDER BY created DESC LIMIT 1"""
        found = dicts((await past.ask(sql))[0])
        return found[0] if found else None

    def _key(self, job: Job) -> ApiKey:
        """Its key, which may still ask for this."""
        key = self.front.parts.config.keys.get(job.key)
        if key is None or key.tenant != job.tenant:
            raise Problem(Code.CONFLICT, "its key is gone.")
        self.front.access.check(key)
        operation = OPERATIONS[job.op]
        if job.model == operation.model:
            self.front.access.allow_op(key, job.op)
        else:
            self.front.access.allow(key, job.op, job.model)
        return key

    async def _files_are_there(self, job: Job) -> None:
        for name in sorted({found.decode() for found in _BLOB.findall(job.body)}):
            if await self.front.inputs.files.blobs.find(name) is None:
                raise Problem(Code.CONFLICT, "a file of its request is gone.")

    async def _paid(self, key: ApiKey, job: Job, asked: Any) -> int:
        till, hold = self.front.till, None
        if till.applies(key):
            job, hold = await till.admit(key, job, asked)
        try:
            return (await self.dispatcher.submit(job)).id
        except BaseException:
            if hold is not None:
                hold.undo()
            raise


def _bulk(fields: Mapping[str, Any]) -> Bulk:
    try:
        asked = msgspec.convert(fields, Bulk)
    except msgspec.ValidationError as error:
        message, _, at = str(error).partition(" - at `$")
        raise Problem(Code.INVALID_REQUEST, f"{message}.", param=at.strip("`.") or None) from None
    if (asked.ids is None) == (asked.filter is None):
        raise Problem(Code.INVALID_REQUEST, "Say which jobs: `ids` or `filter`, one of them.", param="ids")
    if not 1 <= asked.most <= MOST:
        raise Problem(Code.INVALID_REQUEST, f"most must be 1 to {MOST}.", param="most")
    if asked.ids is not None and (len(asked.ids) > MOST or any(not 0 < one < 2**53 for one in asked.ids)):
        raise Problem(Code.INVALID_REQUEST, f"ids must be at most {MOST} job ids.", param="ids")
    return asked
