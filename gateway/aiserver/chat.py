"""Chat and Ollama's generate: asked at once or queued, and what has become of a queued one.

What a newcomer would get wrong: requests are loose rows: what the DTO does not know (the functions of tools, parts of a
message) is OpenAI's and goes on to the provider. Answers are never streams here, whatever the request says: their readers
wait for one object.
"""

from typing import Any

import msgspec

from gateway.aiserver._handlers import answers
from gateway.aiserver.call import Call
from gateway.aiserver.rows import Row
from gateway.aiserver.told import background_job, failed, fault_of, job_of, state_of, status_of_fault
from gateway.dialects import ollama
from gateway.dialects._dialect import NOWHERE
from gateway.dialects._status import null
from gateway.dialects.aiserver import CHAT, OLLAMA, chat_dict, ollama_dict
from gateway.queued import unless_gone
from schemas.dtos.chat import (
    ChatAiProvider,
    GetOpenAiChat,
    GetOpenAiChatResponse,
    GetOpenAiChatStatus,
    OpenAiChatCompletion,
    QueueOpenAiChatCompletion,
    WaitForOpenAiChat,
)
from schemas.dtos.jobs import BackgroundJobBase
from schemas.dtos.ollama import GetOllamaGenerationStatus, OllamaGeneration, QueueOllamaGeneration
from schemas.events import Done
from schemas.job import Record, State
from schemas.operations import CHAT as CHAT_OP
from schemas.problem import Code, Problem

LONGEST_WAIT = 120.0
TRIAL_TOKENS = 512
"""Of an answer to a bare prompt that tries a provider."""
OWN = frozenset({"refId", "replyTo", "tag", "provider", "stream"})
"""Fields beside the chat itself."""
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


# ---- requests ---------------------------------------------------------------------------------------------------------


def completion(asked: dict[str, Any], call: Call) -> dict[str, Any]:
    """The chat of `OpenAiChatCompletion`."""
    return steered(canonical({name: value for name, value in asked.items() if name not in OWN}), asked)


def queued_completion(asked: dict[str, Any], call: Call) -> dict[str, Any]:
    """The chat in `QueueOpenAiChatCompletion.request`."""
    return steered(canonical(_inner(asked)), asked)


def trial(asked: dict[str, Any], call: Call) -> dict[str, Any]:
    """The chat of `ChatAiProvider`: a request, or one prompt, for the one provider named."""
    if not asked.get("provider"):
        raise null("provider")
    if isinstance(asked.get("request"), dict):
        inner = _inner(asked)
        chat = canonical({"model": asked.get("model"), **inner} if not inner.get("model") else inner)
    else:
        if not asked.get("prompt"):
            raise null("prompt", "Say 'prompt' or 'request'.")
        if not asked.get("model"):
            raise null("model")
        said = [{"role": "user", "content": asked["prompt"]}]
        chat = {"model": asked["model"], "messages": said, "max_tokens": TRIAL_TOKENS}
    return steered(chat, asked)


def generation(asked: dict[str, Any], call: Call) -> dict[str, Any]:
    """`OllamaGeneration` as a chat."""
    return steered(generated({name: value for name, value in asked.items() if name not in OWN}), asked)


def queued_generation(asked: dict[str, Any], call: Call) -> dict[str, Any]:
    return steered(generated(_inner(asked)), asked)


def steered(chat: dict[str, Any], asked: dict[str, Any]) -> dict[str, Any]:
    """The chat and who is to serve it."""
    return chat | {"provider": asked["provider"]} if asked.get("provider") else chat


def _inner(asked: dict[str, Any]) -> dict[str, Any]:
    inner = asked.get("request")
    if not isinstance(inner, dict) or not inner:
        raise null("request")
    return {name: value for name, value in inner.items() if name not in OWN}


def canonical(chat: dict[str, Any]) -> dict[str, Any]:
    """OpenAI's own form of an `OpenAiChat`. Raises `Problem(INVALID_REQUEST)` for one without messages or model."""
    if not chat.get("messages"):
        raise null("messages")
    if not chat.get("model"):
        raise null("model")
    if isinstance(chat["messages"], list):
        chat["messages"] = [_message(one) if isinstance(one, dict) else one for one in chat["messages"]]
    form = chat.get("response_format")
    if isinstance(form, str):
        chat["response_format"] = {"type": form}
    elif isinstance(form, dict) and isinstance(kind := form.get("response_format"), str):
        rest = {name: value for name, value in form.items() if name != "response_format"}
        chat["response_format"] = {"type": kind, **rest}
    return chat


def _message(message: dict[str, Any]) -> dict[str, Any]:
    calls, images = message.get("tool_calls"), message.pop("images", None)
    if isinstance(calls, list):
        message["tool_calls"] = [_call(one) if isinstance(one, dict) else one for one in calls]
        if not calls:
            del message["tool_calls"]
    if images and isinstance(message.get("content", ""), str):
        message["content"] = ollama.content(message.get("content", ""), [str(one) for one in images])
    return message


def _call(call: dict[str, Any]) -> dict[str, Any]:
    """A call of a tool: its function is a text in these DTOs, JSON of name and arguments, or the name alone."""
    said = call.get("function")
    if not isinstance(said, str):
        return call
    try:
        function = _decode(said.encode())
    except msgspec.DecodeError:
        function = {"name": said, "arguments": "{}"}
    return {**call, "function": function}


def generated(asked: dict[str, Any]) -> dict[str, Any]:
    """An `OllamaGenerate` as a chat. Raises `Problem(INVALID_REQUEST)`."""
    if not asked.get("prompt"):
        raise null("prompt")
    if not asked.get("model"):
        raise null("model")
    return _decode(ollama.generate(_encode({**asked, "stream": False}), NOWHERE).body)


ROWS = (
    Row(request=OpenAiChatCompletion, operation=CHAT_OP, dialect=CHAT, fields=completion, loose=True),
    Row(
        request=QueueOpenAiChatCompletion, operation=CHAT_OP, dialect=CHAT, fields=queued_completion,
        status="GetOpenAiChatStatus", loose=True,
    ),
    Row(request=ChatAiProvider, operation=CHAT_OP, dialect=CHAT, fields=trial, loose=True),
    Row(request=OllamaGeneration, operation=CHAT_OP, dialect=OLLAMA, fields=generation, loose=True),
    Row(
        request=QueueOllamaGeneration, operation=CHAT_OP, dialect=OLLAMA, fields=queued_generation,
        status="GetOllamaGenerationStatus", loose=True,
    ),
)  # fmt: skip


# ---- what has become of it --------------------------------------------------------------------------------------------


@answers(GetOpenAiChatStatus)
async def chat_status(asked: GetOpenAiChatStatus, call: Call) -> dict[str, Any]:
    record = await _chat_job(call, asked.job_id, asked.ref_id)
    told = await _told(record, call)
    if record.state is State.DONE:
        told["result"] = chat_dict(record.job, record.result, record.finished)
    return told


@answers(GetOllamaGenerationStatus)
async def generation_status(asked: GetOllamaGenerationStatus, call: Call) -> dict[str, Any]:
    record = await _chat_job(call, asked.job_id, asked.ref_id)
    told = await _told(record, call)
    if record.state is State.DONE:
        end = Done(record.result, record.usage, record.content_type, record.provider, record.attempts, record.first)
        told["result"] = ollama_dict(record.job, end, record.finished)
    return told


@answers(GetOpenAiChat)
async def chat_job(asked: GetOpenAiChat, call: Call) -> GetOpenAiChatResponse:
    """The job as it is stored, a failed one with its error."""
    return await _whole(await _chat_job(call, asked.id, asked.ref_id), call)


@answers(WaitForOpenAiChat)
async def wait_for_chat(asked: WaitForOpenAiChat, call: Call) -> GetOpenAiChatResponse:
    """The same when it has ended, or after two minutes."""
    desk = call.rooms.desk
    record = await _chat_job(call, asked.id, asked.ref_id)
    if not record.state.terminal:
        await unless_gone(call.receive, desk.wait(call.key, record.job.id, LONGEST_WAIT))
        record = await desk.result(call.key, record.job.id)
    return await _whole(record, call)


async def _chat_job(call: Call, number: int | None, ref: str | None) -> Record:
    record = await job_of(call.rooms.desk, call, number, ref)
    if record.job.op != CHAT_OP.name:
        raise Problem(Code.NOT_FOUND, "Job not found", param="refId" if ref else "id")
    return record


async def _told(record: Record, call: Call) -> dict[str, Any]:
    """Raises `Problem` for a job that has ended badly."""
    if record.state in (State.FAILED, State.CANCELLED):
        raise failed(record)
    state = state_of(record)
    if not record.state.terminal:
        view = await call.rooms.desk.view(call.key, record.job.id)
        state = state_of(record, view if not view.status.terminal else None)
    ref = record.job.ref or str(record.job.id)
    return {"jobId": record.job.id, "refId": ref, "jobState": state.value, "status": state.value}


async def _whole(record: Record, call: Call) -> GetOpenAiChatResponse:
    view = await call.rooms.desk.view(call.key, record.job.id)
    bad = record.state in (State.FAILED, State.CANCELLED)
    return GetOpenAiChatResponse(
        result=background_job(BackgroundJobBase, record, view),
        response_status=status_of_fault(fault_of(record)) if bad else None,
    )
