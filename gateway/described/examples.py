"""Examples of the chat dialects: a request that works wherever the model is served, and what comes back."""

from typing import Any

MODEL = "smollm2"
EMBEDDER = "all-minilm"
_QUESTION = "Name three fish."
_ANSWER = "Trout, salmon and pike."
_USER = [{"role": "user", "content": _QUESTION}]
_PARTS = [{"role": "user", "parts": [{"text": _QUESTION}]}]
_EMBED = {"content": {"parts": [{"text": "a fish"}]}}
_USAGE = {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 21}
_VECTOR = [0.017, -0.043, 0.091]

ASKED: dict[str, Any] = {
    "/v1/chat/completions": {"model": MODEL, "messages": _USER, "max_tokens": 60},
    "/v1/embeddings": {"model": EMBEDDER, "input": ["a fish", "a bird"]},
    "/v1/completions": {"model": MODEL, "prompt": _QUESTION, "max_tokens": 60},
    "/v1/responses": {"model": MODEL, "input": _QUESTION, "max_output_tokens": 60},
    "/v1/messages": {"model": MODEL, "max_tokens": 60, "messages": _USER},
    "/v1/messages/count_tokens": {"model": MODEL, "max_tokens": 60, "messages": _USER},
    "/api/chat": {"model": MODEL, "messages": _USER, "stream": False},
    "/api/generate": {"model": MODEL, "prompt": _QUESTION, "stream": False},
    "/api/embed": {"model": EMBEDDER, "input": ["a fish", "a bird"]},
    "/api/embeddings": {"model": EMBEDDER, "prompt": "a fish"},
    "generateContent": {"contents": _PARTS, "generationConfig": {"maxOutputTokens": 60}},
    "streamGenerateContent": {"contents": _PARTS, "generationConfig": {"maxOutputTokens": 60}},
    "countTokens": {"contents": _PARTS},
    "embedContent": _EMBED,
    "batchEmbedContents": {"requests": [{"model": f"models/{EMBEDDER}", **_EMBED}]},
}
_STAMP = "2026-11-23T12:00:00.000000Z"
_LINE = {"model": MODEL, "created_at": _STAMP, "done": True, "done_reason": "stop", "eval_count": 9}
_CANDIDATE = {"content": {"parts": [{"text": _ANSWER}], "role": "model"}, "index": 0, "finishReason": "STOP"}
_GEMINI = {
    "candidates": [_CANDIDATE],
    "usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": 9, "totalTokenCount": 21},
    "modelVersion": MODEL,
    "responseId": "123",
}
_HEAD = {"id": "chatcmpl-1", "created": 1763900000, "model": MODEL}

ANSWERS: dict[str, Any] = {
    "/v1/chat/completions": {
        **_HEAD,
        "object": "chat.completion",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": _ANSWER}, "finish_reason": "stop"}],
        "usage": _USAGE,
    },
    "/v1/embeddings": {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": _VECTOR}],
        "model": EMBEDDER,
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    },
    "/v1/completions": {
        **_HEAD,
        "object": "text_completion",
        "choices": [{"index": 0, "text": _ANSWER, "finish_reason": "stop", "logprobs": None}],
        "usage": _USAGE,
    },
    "/v1/responses": {
        "id": "resp_123",
        "object": "response",
        "created_at": 1763900000,
        "status": "completed",
        "model": MODEL,
        "output": [
            {
                "id": "msg_123", "type": "message", "status": "completed", "role": "assistant",
                "content": [{"type": "output_text", "text": _ANSWER, "annotations": []}],
            }
        ],
        "usage": {"input_tokens": 12, "output_tokens": 9, "total_tokens": 21},
        "error": None,
    },
    "/v1/messages": {
        "id": "msg_123",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": [{"type": "text", "text": _ANSWER}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 12, "output_tokens": 9},
    },
    "/v1/messages/count_tokens": {"input_tokens": 12},
    "/api/chat": {**_LINE, "message": {"role": "assistant", "content": _ANSWER}},
    "/api/generate": {**_LINE, "response": _ANSWER},
    "/api/embed": {"model": EMBEDDER, "embeddings": [_VECTOR], "prompt_eval_count": 4},
    "/api/embeddings": {"embedding": _VECTOR},
    "generateContent": _GEMINI,
    "streamGenerateContent": _GEMINI,
    "countTokens": {"totalTokens": 12},
    "embedContent": {"embedding": {"values": _VECTOR}},
    "batchEmbedContents": {"embeddings": [{"values": _VECTOR}]},
}  # fmt: skip
_CHUNK = '{"id":"chatcmpl-1","object":"chat.completion.chunk","created":1763900000,"model":"smollm2","choices":[%s]}'

STREAMS: dict[str, str] = {
    "/v1/chat/completions": "data: "
    + _CHUNK % '{"index":0,"delta":{"content":"Trout"},"finish_reason":null}'
    + "\n\ndata: [DONE]\n\n",
    "/v1/completions": 'data: {"id":"chatcmpl-1","object":"text_completion","choices":[{"index":0,"text":"Trout"}]}\n\n'
    "data: [DONE]\n\n",
    "/v1/responses": 'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"Trout"}\n\n',
    "/v1/messages": 'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
    '{"type":"text_delta","text":"Trout"}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n',
    "/api/chat": '{"model":"smollm2","message":{"role":"assistant","content":"Trout"},"done":false}\n',
    "/api/generate": '{"model":"smollm2","response":"Trout","done":false}\n',
    "streamGenerateContent": 'data: {"candidates":[{"content":{"parts":[{"text":"Trout"}],"role":"model"},"index":0}]}'
    "\r\n\r\n",
}
