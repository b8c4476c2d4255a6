"""One request, by HTTP or on the bus, while it becomes a job: what is known of it so far, for the answer and for the record.

It exists because a request may be refused at any step, and its row should tell all that was known by then.
"""

from collections.abc import Mapping

from bus.limits import Hold
from gateway.brought import Brought
from gateway.dialects._dialect import Read
from gateway.dialects.openai import OPENAI
from gateway.parts import Parts
from gateway.problems import Header
from gateway.steering import steered
from gateway.targets import check_reply_to
from gateway.wishes import Asking, Wish
from schemas.job import Job, Style
from schemas.provider import ApiKey


class Turn:
    """Filled from top to bottom. `id` becomes the job's id, and is the request id in any case."""

    __slots__ = (
        "asked", "body", "brought", "client", "created", "dialect", "heads", "hold", "id", "key", "op", "raw", "read",
        "style",
    )  # fmt: skip

    def __init__(self, op: str, id: int, created: float, heads: Mapping[bytes, bytes], client: str) -> None:  # noqa: A002
        self.op, self.id, self.created, self.heads, self.client = op, id, created, heads, client
        self.key: ApiKey | None = None
        self.body = b""
        self.asked: Asking | None = None
        self.style = Style.SYNC
        self.dialect = OPENAI
        self.hold: Hold | None = None
        """What its key was charged in advance."""
        self.brought: Brought | None = None
        """The files that came with it."""
        self.raw = False
        """The caller wants the one file of the result, and nothing around it."""
        self.read: Read | None = None
        """The request as its dialect translated it; None where it came canonical."""

    def told(self) -> list[Header]:
        """The headers that name this request to its caller."""
        number = b"%d" % self.id
        told = [(b"x-request-id", number), (b"x-job-id", number)]
        if self.dialect.request_id:
            told.append((self.dialect.request_id, b"req_" + number))
        return told

    def job(self, wish: Wish, parts: Parts) -> Job:
        """The job this request asks for. Raises `Problem` when its callback may not be called."""
        asked, key = self.asked, self.key
        assert asked is not None
        assert key is not None
        if wish.reply_to:
            check_reply_to(wish.reply_to, parts.private_callbacks)
        lasting = wish.durable and wish.style is not Style.SYNC
        self.style = wish.style
        job = Job(
            id=self.id,
            tenant=key.tenant,
            key=key.id,
            op=self.op,
            model=asked.model,
            body=self.body,
            created=self.created,
            deadline=self.created + (parts.limits.job_seconds if lasting else parts.limits.sync_seconds),
            style=wish.style,
            stream=bool(asked.stream),
            keep=wish.durable or (self.read is not None and self.read.store),
            durable=wish.durable,
            reply_to=wish.reply_to,
            ref=wish.ref,
            tag=asked.tag or "",
            user_agent=self._user_agent(),
            client=self.client,
            dialect=self.dialect.name,
            echo=self.read.echo if self.read is not None else b"",
        )
        return steered(job, self.heads, asked)

    async def drop(self) -> None:
        """Throw away what the request brought along: it becomes no job."""
        if self.brought is not None:
            await self.brought.drop()

    def refused(self) -> Job:
        """A stand-in for the job that was not made: what its row can tell. Only with a known key."""
        key = self.key
        assert key is not None
        return Job(
            id=self.id,
            tenant=key.tenant,
            key=key.id,
            op=self.op,
            model=self.asked.model if self.asked else "",
            body=self.body,
            created=self.created,
            deadline=self.created,
            style=self.style,
            stream=bool(self.asked.stream) if self.asked else False,
            ref=(self.asked.ref_id or "") if self.asked else "",
            tag=(self.asked.tag or "") if self.asked else "",
            user_agent=self._user_agent(),
            client=self.client,
        )

    def _user_agent(self) -> str:
        return self.heads.get(b"user-agent", b"").decode("latin-1")[:300]
