# ruff: noqa: RUF012  # msgspec copies an empty list for each struct
"""Chat in OpenAI's words: waiting for the answer, or queueing and asking later.

What a newcomer would get wrong: inside an OpenAI message names are snake_case on the wire, beside it (`refId`, `replyTo`)
they are camelCase, in one and the same request.
"""

from enum import StrEnum
from typing import Annotated

from schemas.dtos._model import Bytes, Dto, Long, Ref, api, doc, listed
from schemas.dtos.base import JobRef, RefId, ReplyTo, ResponseStatus, Tag
from schemas.dtos.jobs import BackgroundJobBase, BackgroundJobState


class ToolCall(Dto):
    """A call that the model wants made."""

    id: str = ""
    type: str = ""
    function: str = ""


class OpenAiMessage(Dto, rename={}):
    """One message of a conversation."""

    content: Annotated[str, doc("What was said.")] = ""
    images: Annotated[list[str], doc("Pictures: addresses or base64.")] = []
    role: Annotated[str, doc("`system`, `user`, `assistant` or `tool`.")] = ""
    name: Annotated[str | None, doc("Which of several speakers.")] = None
    tool_calls: Annotated[list[ToolCall] | None, doc("What the model wanted called.")] = None
    tool_call_id: Annotated[str | None, doc("The call that this message answers.")] = None


@listed
class ResponseFormat(StrEnum):
    """Plain text, or one JSON object."""

    Text = "text"
    JsonObject = "json_object"


class OpenAiResponseFormat(Dto, rename={"type": "response_format"}):
    """The form that the answer must have."""

    type: ResponseFormat = ResponseFormat.Text


@listed
class OpenAiToolType(StrEnum):
    """Kinds of tools."""

    Function = "function"


class OpenAiTools(Dto):
    """A tool that the model may call."""

    type: OpenAiToolType = OpenAiToolType.Function


class OpenAiChat(Dto, rename={"log_probs": "logprobs", "top_log_probs": "top_logprobs"}):
    """A chat request in OpenAI's words."""

    messages: Annotated[list[OpenAiMessage], doc("The conversation so far, the oldest first.")] = []
    model: Annotated[str, doc("A name from the catalogue, such as `llama3.1:8b`.")] = ""
    frequency_penalty: Annotated[
        float | None, doc("From -2 to 2; above 0, words already used often become less likely.")
    ] = None
    logit_bias: Annotated[dict[int, int] | None, doc("Token -> how much more or less likely, from -100 to 100.")] = None
    log_probs: Annotated[bool | None, doc("Tell how likely each token was.")] = None
    top_log_probs: Annotated[int | None, doc("How many other tokens to tell of, up to 20.")] = None
    max_tokens: Annotated[int | None, doc("The answer ends there at the latest.")] = None
    n: Annotated[int | None, doc("How many answers.")] = None
    presence_penalty: Annotated[
        float | None, doc("From -2 to 2; above 0, words already used at all become less likely.")
    ] = None
    response_format: OpenAiResponseFormat | None = None
    seed: Annotated[int | None, doc("For answers that repeat, where the model can.")] = None
    stop: Annotated[list[str] | None, doc("The answer ends before any of these.")] = None
    stream: Annotated[bool | None, doc("Send the answer piece by piece.")] = None
    temperature: Annotated[float | None, doc("From 0, sober, to 2, wild.")] = None
    top_p: Annotated[float | None, doc("Choose among the likeliest tokens that make up this share.")] = None
    tools: Annotated[list[OpenAiTools] | None, doc("What the model may call.")] = None
    user: Annotated[str | None, doc("Who is behind the caller, for the provider's eyes.")] = None


class OpenAiContent(Dto):
    """A part of a message."""

    type: str = ""
    text: str = ""


class OpenAiToolFunction(Dto):
    """A function that the model may call."""

    name: str | None = None
    description: str | None = None
    parameters: Annotated[dict[str, str] | None, doc("The arguments that it takes.")] = None


class ChoiceMessage(Dto, rename={}):
    """What the model said."""

    content: str = ""
    tool_calls: list[ToolCall] | None = None
    role: str = ""


class Choice(Dto, rename={}):
    """One of the answers asked for."""

    finish_reason: Annotated[str, doc("`stop`, `length`, `content_filter` or `tool_calls`.")] = ""
    index: int = 0
    message: Ref[ChoiceMessage] = None


class OpenAiUsage(Dto, rename={}):
    """How many tokens it took."""

    completion_tokens: int = 0
    prompt_tokens: int = 0
    total_tokens: int = 0


class OpenAiChatResponse(Dto, rename={"response_status": "responseStatus"}):
    """A chat's answer in OpenAI's words."""

    id: str = ""
    choices: list[Choice] = []
    created: Annotated[Long, doc("Seconds since 1970.")] = 0
    model: str = ""
    system_fingerprint: Annotated[str, doc("The provider's build, where it tells.")] = ""
    object: Annotated[str, doc("Always `chat.completion`.")] = ""
    usage: Ref[OpenAiUsage] = None
    response_status: ResponseStatus | None = None


class ToolFunction(Dto):
    """The function of a tool call and its arguments."""

    name: str = ""
    arguments: Annotated[str, doc("JSON, as the model wrote it.")] = ""


class LogprobItem(Dto, rename={}):
    """One token and how likely it was."""

    token: str = ""
    logprob: Annotated[float, doc("The natural logarithm.")] = 0.0
    bytes: Annotated[Ref[Bytes], doc("The token's bytes.")] = None
    top_logprobs: list["LogprobItem"] = []


class Logprobs(Dto):
    """How sure the model was, token by token."""

    content: list[LogprobItem] = []


@api("POST", OpenAiChatResponse, tag="AI", auth="key", routes=("POST /v1/chat/completions",), markers=("IPost",))
class OpenAiChatCompletion(OpenAiChat, rename="camel"):
    """Chat, and wait for the answer. Stock OpenAI clients call it at `/v1/chat/completions`."""

    ref_id: RefId = None
    provider: Annotated[str | None, doc("Ask this provider and no other.")] = None
    tag: Tag = None


class QueueOpenAiChatResponse(Dto):
    """The job that was queued."""

    id: Long = 0
    ref_id: str = ""
    status_url: Annotated[str, doc("Where to ask for the state.")] = ""
    response_status: ResponseStatus | None = None


@api("POST", QueueOpenAiChatResponse, tag="AI", auth="key", any_verb=True)
class QueueOpenAiChatCompletion(Dto):
    """Queue a chat; the answer is fetched or posted later."""

    ref_id: RefId = None
    provider: Annotated[str | None, doc("Ask this provider and no other.")] = None
    reply_to: ReplyTo = None
    tag: Tag = None
    request: Annotated[Ref[OpenAiChat], doc("The chat.")] = None


class GetOpenAiChatStatusResponse(Dto):
    """The state of a queued chat."""

    job_id: Annotated[Long, doc("The server's number of the job.")] = 0
    ref_id: str = ""
    job_state: BackgroundJobState = BackgroundJobState.Queued
    status: Annotated[str | None, doc("A word on what it is doing.")] = None
    response_status: ResponseStatus | None = None
    result: OpenAiChatResponse | None = None


@api("GET", GetOpenAiChatStatusResponse, tag="AI Info", auth="key", markers=("IGet",))
class GetOpenAiChatStatus(Dto):
    """Where a queued chat is, and its answer once there is one. By `jobId` or by `refId`."""

    job_id: Annotated[Long, doc("The server's number of the job.")] = 0
    ref_id: JobRef = None


class GetOpenAiChatResponse(Dto):
    """A chat's job."""

    result: BackgroundJobBase | None = None
    response_status: ResponseStatus | None = None


@api("GET", GetOpenAiChatResponse, tag="AI Info", auth="key", markers=("IGet",))
class GetOpenAiChat(Dto):
    """The whole job of a chat: request, answer, error."""

    id: int | None = None
    ref_id: JobRef = None


@api("GET", GetOpenAiChatResponse, tag="AI Info", auth="key", markers=("IGet",))
class WaitForOpenAiChat(Dto):
    """The same as `GetOpenAiChat`, answered when the job has ended or after two minutes."""

    id: int | None = None
    ref_id: JobRef = None


@api("POST", OpenAiChatResponse, tag="AI Info", auth="key", markers=("IPost",))
class ChatAiProvider(Dto):
    """Ask one provider by name, past the queue: to see whether it works."""

    provider: Annotated[str, doc("Its name.")] = ""
    model: str = ""
    request: OpenAiChat | None = None
    prompt: Annotated[str | None, doc("Instead of a request: one message from the user.")] = None
