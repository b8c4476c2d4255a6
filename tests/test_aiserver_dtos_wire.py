"""How DTOs look on the wire: nulls, dates, durations, enums; and how a request is held to its rules."""

from datetime import UTC, datetime, timedelta, timezone
from enum import Enum, IntEnum
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.dtos import APIS, INT_ENUMS, TYPES, Dto
from schemas.dtos._model import NEVER
from schemas.dtos.admin import MetadataAttribute, MetadataPropertyType
from schemas.dtos.admin_jobs import AdminJobInfoResponse
from schemas.dtos.base import Hello, KeyValuePair, QueryResponse, ResponseError, ResponseStatus
from schemas.dtos.chat import (
    GetOpenAiChatStatusResponse,
    OpenAiChat,
    OpenAiMessage,
)
from schemas.dtos.checks import date_text, duration_text, encode, faults, prune
from schemas.dtos.generation import AiTaskType, CreateGeneration, GenerationArgs
from schemas.dtos.jobs import BackgroundJob, BackgroundJobState, JobSummary
from schemas.dtos.media import ArtifactGenerationResponse, ArtifactOutput, ImageToImage, TextToImage, TextToSpeech
from schemas.dtos.media_queue import QueueTextToSpeech
from schemas.dtos.providers import AiProvider, CreateAiProvider, TaskType, UpdateAiProvider
from schemas.dtos.transforms import ConvertVideo, ConvertVideoOutputFormat, CropImage, CropVideo, ScaleImage, TrimVideo

ENUMS = [kind for kind in TYPES.values() if issubclass(kind, Enum)]


def test_three_enums_travel_as_numbers_and_all_others_as_words() -> None:
    assert {kind.__name__ for kind in INT_ENUMS} == {"AiTaskType", "ComfyTaskType", "TaskType"}
    for kind in ENUMS:
        assert issubclass(kind, IntEnum) == (kind in INT_ENUMS)
    assert encode(GenerationArgs(task_type=AiTaskType.SpeechToText)) == b'{"taskType":8,"maskChannel":"red"}'
    assert encode(UpdateAiProvider(id=1, task_paths={TaskType.Comfy: "/x"})) == b'{"id":1,"taskPaths":{"2":"/x"}}'


def test_a_word_on_the_wire_may_differ_from_its_member() -> None:
    assert encode(ConvertVideo(output_format=ConvertVideoOutputFormat.MVK)) == b'{"outputFormat":"mkv"}'


def test_defaults_are_those_that_clients_count_on() -> None:
    kind = TYPES["WatermarkImage"]()
    assert prune(kind) == {"position": "TopLeft", "watermarkScale": 1.0, "opacity": 0.5}


def test_nulls_are_left_out_and_zeros_are_not() -> None:
    provider = AiProvider(id=0, name="", created_date=datetime(2025, 5, 9, 20, 26, 10, tzinfo=UTC))
    assert prune(provider) == {
        "id": 0, "name": "", "concurrency": 0, "priority": 0, "enabled": False,
        "createdDate": "2025-05-09T20:26:10.0000000Z", "models": [], "aiTypeId": "", "selectedModels": [],
    }  # fmt: skip


def test_nulls_are_left_out_of_free_maps_too() -> None:
    assert encode([{"a": None, "b": 0, "c": [None, {"d": None}]}]) == b'[{"b":0,"c":[null,{}]}]'


def test_a_date_has_seven_digits_and_is_utc() -> None:
    plus_two = timezone(timedelta(hours=2))
    assert date_text(datetime(2025, 5, 9, 22, 26, 10, 123456, tzinfo=plus_two)) == "2025-05-09T20:26:10.1234560Z"
    assert date_text(datetime(2025, 5, 9, 20, 26, 10)) == "2025-05-09T20:26:10.0000000Z"
    assert date_text(NEVER) == "0001-01-01T00:00:00.0000000Z"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.5, "PT4.5S"), (0, "PT0S"), (60, "PT1M"), (3661, "PT1H1M1S"), (86400, "P1D"), (90061.25, "P1DT1H1M1.25S"),
     (-60, "-PT1M"), (0.000001, "PT0.000001S")],
)  # fmt: skip
def test_a_duration_is_an_xsd_duration(seconds: float, text: str) -> None:
    """checklist 137."""
    assert duration_text(timedelta(seconds=seconds)) == text


@given(st.timedeltas())
def test_every_duration_is_read_as_it_was_written(span: timedelta) -> None:
    assert span == msgspec.json.decode(msgspec.json.encode(duration_text(span)), type=timedelta)


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_date_is_read_as_it_was_written(when: datetime) -> None:
    assert when == msgspec.json.decode(msgspec.json.encode(date_text(when)), type=datetime)


def test_an_answer_looks_as_clients_know_it() -> None:
    answer = ArtifactGenerationResponse(
        results=[ArtifactOutput(url="/artifacts/x.webp")], duration=timedelta(seconds=4.53)
    )
    assert encode(answer) == b'{"results":[{"url":"/artifacts/x.webp"}],"duration":"PT4.53S"}'


def test_a_failure_looks_as_clients_know_it() -> None:
    """checklist 135."""
    status = ResponseStatus(
        error_code="NotEmpty", message="m", errors=[ResponseError(error_code="NotEmpty", field_name="x")]
    )
    assert prune(status) == {
        "errorCode": "NotEmpty", "message": "m", "errors": [{"errorCode": "NotEmpty", "fieldName": "x"}],
    }  # fmt: skip


def test_a_page_holds_rows_of_its_kind() -> None:
    page = QueryResponse[JobSummary](total=1, results=[JobSummary(id=7)])
    again = msgspec.json.decode(encode(page), type=QueryResponse[JobSummary])
    assert again.results == [JobSummary(id=7)]
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"results":[{"id":"seven"}]}', type=QueryResponse[JobSummary])
    assert get_args(APIS["AdminQueryJobSummary"].returns) == (JobSummary,)


def test_a_pair_and_a_recursive_type_are_read() -> None:
    assert msgspec.json.decode(b'{"key":"a","value":1}', type=KeyValuePair[str, int]) == KeyValuePair(key="a", value=1)
    column = MetadataPropertyType(
        name="c", attributes=[MetadataAttribute(name="a", args=[MetadataPropertyType(name="x")])]
    )
    assert msgspec.json.decode(encode(column), type=MetadataPropertyType) == column


def test_a_map_may_be_keyed_by_a_word_of_an_enum() -> None:
    info = AdminJobInfoResponse(state_counts={BackgroundJobState.Failed: 3})
    assert prune(info)["stateCounts"] == {"Failed": 3}
    assert msgspec.json.decode(encode(info), type=AdminJobInfoResponse) == info


def test_what_is_missing_is_said_field_by_field() -> None:
    """checklist 56, 135."""
    found = faults(TextToImage(positive_prompt=" ", width=63, height=2048, batch_size=11, seed=-1))
    assert [(wire, code) for wire, code, _ in found] == [
        ("positivePrompt", "NotEmpty"),
        ("width", "InclusiveBetween"),
        ("batchSize", "InclusiveBetween"),
        ("seed", "InclusiveBetween"),
    ]
    assert found[1][2] == "'width' must be from 64 to 2048, not 63."
    assert found[3][2] == "'seed' must be from 0 to 2147483647, not -1."


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (TextToImage(positive_prompt="a cat", width=64, height=2048, batch_size=10, seed=2**31 - 1), []),
        (ImageToImage(positive_prompt="p", denoise=1.0), []),
        (ImageToImage(positive_prompt="p", denoise=1.01), [("denoise", "InclusiveBetween")]),
        (ImageToImage(positive_prompt="p", denoise=float("nan")), [("denoise", "InclusiveBetween")]),
        (CropImage(x=-1, width=0, height=1), [("x", "InclusiveBetween"), ("width", "GreaterThan")]),
        (CropVideo(x=0, y=0, width=8, height=8), []),
        (CropVideo(width=8), [("height", "GreaterThan")]),
        (ScaleImage(width=0), [("width", "GreaterThan")]),
        (ScaleImage(), []),
        (TrimVideo(), [("startTime", "NotEmpty")]),
        (ConvertVideo(), [("outputFormat", "NotNull")]),
        (TextToSpeech(), [("input", "NotEmpty")]),
        (QueueTextToSpeech(), [("text", "NotEmpty")]),
        (CreateGeneration(), [("request", "NotNull")]),
        (CreateAiProvider(name="x"), [("aiTypeId", "NotEmpty")]),
        (Hello(), []),
    ],
)  # fmt: skip
def test_a_request_is_held_to_its_rules(request_: Dto, expected: list[tuple[str, str]]) -> None:
    assert [(wire, code) for wire, code, _ in faults(request_)] == expected


def test_a_thousand_rows_are_written_quickly() -> None:
    now = datetime.now(UTC)
    row = BackgroundJob(id=1, ref_id="r" * 32, created_date=now, started_date=now, request_body="b" * 200)
    page = QueryResponse[BackgroundJob](results=[row] * 1000)
    started = datetime.now(UTC)
    assert len(encode(page)) > 300_000
    assert datetime.now(UTC) - started < timedelta(seconds=0.5)  # 7 ms on a quiet machine


TEXT = st.text(max_size=12)
CHATS = st.builds(
    OpenAiChat,
    messages=st.lists(st.builds(OpenAiMessage, role=TEXT, content=TEXT, images=st.lists(TEXT, max_size=2)), max_size=3),
    model=TEXT,
    temperature=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    logit_bias=st.none() | st.dictionaries(st.integers(0, 99), st.integers(-100, 100), max_size=3),
    seed=st.none() | st.integers(-(2**31), 2**31 - 1),
    stop=st.none() | st.lists(TEXT, max_size=2),
)
JOBS = st.builds(
    BackgroundJob,
    id=st.integers(0, 2**53),
    state=st.sampled_from(BackgroundJobState),
    created_date=st.datetimes(timezones=st.just(UTC)),
    progress=st.none() | st.floats(0, 1),
    args=st.none() | st.dictionaries(TEXT, TEXT, max_size=3),
    error=st.none() | st.builds(ResponseStatus, error_code=st.none() | TEXT),
)
ANSWERS = st.builds(
    GetOpenAiChatStatusResponse,
    job_id=st.integers(0, 2**53),
    ref_id=TEXT,
    status=st.none() | TEXT,
    job_state=st.sampled_from(BackgroundJobState),
)


@given(st.one_of(CHATS, JOBS, ANSWERS))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow])
def test_whatever_is_written_is_read_again(dto: Any) -> None:
    """Strings that look like JSON, dates or nulls stay strings."""
    assert dto == msgspec.json.decode(encode(dto), type=type(dto))


@given(
    st.lists(st.sampled_from(['"refId":null', ',"a":null,', "PT4.5S", "2025-05-09T20:26:10Z", "null", '\\"x":null']))
)
def test_text_is_never_mistaken_for_what_it_looks_like(words: list[str]) -> None:
    chat = OpenAiChat(messages=[OpenAiMessage(role="user", content=word) for word in words])
    assert [message["content"] for message in msgspec.json.decode(encode(chat))["messages"]] == words
