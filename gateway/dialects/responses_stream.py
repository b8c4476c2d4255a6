"""`/v1/responses`, streamed: each item of the output is opened, filled and closed, and every event has its number.

Function calls stay open until the answer ends, for their pieces may come mixed; reasoning and message are closed as soon as
something else begins.
"""

from typing import Any

from gateway.dialects import responses_answer as words
from gateway.dialects._dialect import COMMENT
from gateway.dialects._words import Calls, Choice, Counted, Piece, ToolCall, count_of, joined, read_answer, sse
from gateway.problems import error_of
from schemas.events import Done
from schemas.job import Job
from schemas.problem import Fault


class ResponseTeller:
    """One streamed response. `numbered` gives the events with their numbers, for a reader who comes back."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._number = 0
        self._begun = False
        self._model: str | None = None
        self._usage: Counted | None = None
        self._last = Choice()
        self._items: list[dict[str, Any]] = []
        """The output so far. An open item is replaced by the whole one when it is closed."""
        self._open = ""
        """Kind of the open item: reasoning or message."""
        self._thoughts: list[dict[str, Any]] = []
        self._part = ""
        """Kind of the message's open part: text or refusal."""
        self._parts: list[dict[str, Any]] = []
        self._text: list[str] = []
        self._logprobs: list[Any] = []
        self._calls = Calls()
        self._at: dict[int, int] = {}
        """Tool call -> output index."""
        self._out: list[tuple[int, bytes]] = []

    def tell(self, chunks: list[bytes]) -> bytes:
        self.take(chunks)
        return self.flush()

    def done(self, end: Done) -> bytes:
        self.finish(end)
        return self.flush()

    def broken(self, fault: Fault) -> bytes:
        self.fail(fault)
        return self.flush()

    def quiet(self) -> bytes:
        return COMMENT

    def take(self, chunks: list[bytes]) -> None:
        for chunk in chunks:
            answer = read_answer(chunk)
            self.begin(answer.model)
            self._usage = answer.usage or self._usage
            for choice in answer.choices:
                if choice.index == 0:
                    self._take(choice)

    def finish(self, end: Done) -> None:
        """Where the whole result is known it has the last word: an attempt that was lost may have said something else."""
        self.begin(None)
        ended = words.ended(self._last)
        if all(item["type"] == "reasoning" for item in self._items):
            self._into_part("text")
        self._close(ended["status"])
        for place, index in sorted(self._at.items()):
            self._close_call(place, index)
        if end.body:
            told = words.whole_response(self._job, end)
            self._say(f"response.{told['status']}", response=told)
            return
        self._state(f"response.{ended['status']}", usage=words.usage(count_of(self._usage, end.usage)), **ended)

    def fail(self, fault: Fault) -> None:
        self.begin(None)
        told = error_of(fault)
        self._say("error", code=told["code"], message=told["message"], param=told["param"])
        self._state("response.failed", status="failed", error=words.failure(fault))

    def begin(self, model: str | None) -> None:
        """The two events before any output, if they have not been told."""
        self._model = model or self._model
        if not self._begun:
            self._begun = True
            self._state("response.created", status="in_progress")
            self._state("response.in_progress", status="in_progress")

    def flush(self) -> bytes:
        """What has been said since the last time."""
        return b"".join(event for _, event in self.numbered())

    def numbered(self) -> list[tuple[int, bytes]]:
        out, self._out = self._out, []
        return out

    # ---- taking ---------------------------------------------------------------------------------------------------

    def _take(self, choice: Choice) -> None:
        piece = choice.piece
        self._think(piece)
        if piece.content:
            self._into_part("text")
            told = (choice.logprobs or {}).get("content") or []
            self._logprobs += told
            self._more("response.output_text.delta", piece.content, logprobs=told)
        if piece.refusal:
            self._into_part("refusal")
            self._more("response.refusal.delta", piece.refusal)
        for call in piece.tool_calls or ():
            self._call(call)
        if choice.finish_reason:
            self._last = choice

    def _think(self, piece: Piece) -> None:
        blocks = piece.thinking_blocks or ([{"type": "thinking", "thinking": piece.thought}] if piece.thought else [])
        if not blocks:
            return
        if self._open != "reasoning":
            self._close("completed")
            self._begin_item("reasoning", {**words.reasoning_item(self._job, []), "summary": []})
            self._thoughts = []
        for block in blocks:
            if text := block.get("thinking"):
                if not any(known.get("thinking") for known in self._thoughts):
                    self._summary("part.added", part={"type": "summary_text", "text": ""})
                self._summary("text.delta", delta=text)
            self._thoughts.append(block)

    def _into_part(self, kind: str) -> None:
        if self._part == kind:
            return
        if self._open != "message":
            self._close("completed")
            self._begin_item("message", words.message_item(self._job, [], "in_progress"))
            self._parts = []
        self._close_part()
        self._part, self._text, self._logprobs = kind, [], []
        self._content("response.content_part.added", part=_part(kind, "", []))

    def _more(self, event: str, text: str, **more: Any) -> None:
        self._text.append(text)
        self._content(event, delta=text, **more)

    def _call(self, delta: ToolCall) -> None:
        self._close("completed")
        place, new = self._calls.add(delta)
        if new:
            self._at[place] = len(self._items)
            call = self._calls.made[place]
            item = words.call_item(self._job, place, call.id or f"call_{place}", call.name, "", "in_progress")
            self._begin_item("", item)
        if piece := delta.arguments:
            where = {"item_id": f"fc_{self._job.id}_{place}", "output_index": self._at[place]}
            self._say("response.function_call_arguments.delta", **where, delta=piece)

    # ---- opening and closing ----------------------------------------------------------------------------------------

    def _begin_item(self, kind: str, item: dict[str, Any]) -> None:
        self._say("response.output_item.added", output_index=len(self._items), item=item)
        self._items.append(item)
        self._open = kind

    def _close(self, status: str) -> None:
        """Close the open reasoning or message."""
        if self._open == "reasoning":
            item = words.reasoning_item(self._job, joined(self._thoughts))
            if item["summary"]:
                self._summary("text.done", text=item["summary"][0]["text"])
                self._summary("part.done", part=item["summary"][0])
            self._end_item(item)
        elif self._open == "message":
            self._close_part()
            self._end_item(words.message_item(self._job, self._parts, status))

    def _end_item(self, item: dict[str, Any]) -> None:
        self._items[-1] = item
        self._say("response.output_item.done", output_index=len(self._items) - 1, item=item)
        self._open = ""

    def _close_part(self) -> None:
        if not self._part:
            return
        text, kind = "".join(self._text), self._part
        part = _part(kind, text, self._logprobs)
        if kind == "text":
            self._content("response.output_text.done", text=text, logprobs=self._logprobs)
        else:
            self._content("response.refusal.done", refusal=text)
        self._content("response.content_part.done", part=part)
        self._parts.append(part)
        self._part = ""

    def _close_call(self, place: int, index: int) -> None:
        call, arguments = self._calls.made[place], self._calls.arguments(place)
        item = words.call_item(self._job, place, call.id or f"call_{place}", call.name, arguments)
        where = {"item_id": item["id"], "output_index": index}
        self._say("response.function_call_arguments.done", **where, name=call.name, arguments=arguments)
        self._items[index] = item
        self._say("response.output_item.done", output_index=index, item=item)

    # ---- saying ---------------------------------------------------------------------------------------------------

    def _summary(self, event: str, **more: Any) -> None:
        where = {"item_id": f"rs_{self._job.id}", "output_index": len(self._items) - 1, "summary_index": 0}
        self._say(f"response.reasoning_summary_{event}", **where, **more)

    def _content(self, event: str, **more: Any) -> None:
        where = {
            "item_id": f"msg_{self._job.id}",
            "output_index": len(self._items) - 1,
            "content_index": len(self._parts),
        }
        self._say(event, **where, **more)

    def _state(self, event: str, status: str, **more: Any) -> None:
        told = words.shown(self._job, status, self._model, output=self._items, **more)
        self._say(event, response=told)

    def _say(self, event: str, **more: Any) -> None:
        number, self._number = self._number, self._number + 1
        self._out.append((number, sse(event, {"type": event, "sequence_number": number, **more})))


def _part(kind: str, text: str, logprobs: list[Any]) -> dict[str, Any]:
    return words.text_part(text, logprobs) if kind == "text" else {"type": "refusal", "refusal": text}
