"""The DTOs are a contract with clients that exist: names, casing, optionality, verbs and keys."""

import re
from typing import get_origin

import msgspec
import pytest

from schemas.dtos import APIS, FILE_PARTS, INTERFACES, SYNONYMS, TYPES, Api, Dto
from schemas.dtos.analytics import GetSummaryStats
from schemas.dtos.base import QueryResponse
from schemas.dtos.chat import (
    ChatAiProvider,
    OpenAiChatCompletion,
)
from schemas.dtos.checks import encode, prune
from schemas.dtos.media import ImageToImage, TextToImage
from schemas.dtos.members import members
from schemas.dtos.ollama import OllamaGenerateResponse, OllamaGeneration

WITHOUT_A_KEY = """
ActiveAiModels ActiveCustomAiModels QueryAiModels QueryAiTypes GetModelImage QueryPrompts ActiveMediaModels QueryMediaModels
QueryMediaTypes QueryTextToSpeechVoices GetComfyModelMappings GetArtifact GetVariant GetFileUpload Authenticate Hello
DummyReplyTo HasDummyReplyTo
"""
WITH_A_KEY = """
OpenAiChatCompletion QueueOpenAiChatCompletion GetOpenAiChatStatus GetOpenAiChat WaitForOpenAiChat ChatAiProvider
OllamaGeneration QueueOllamaGeneration GetOllamaGenerationStatus GetActiveProviders QueryAiProviders GetOllamaModels
TextToImage QueueTextToImage ImageToImage QueueImageToImage ImageWithMask QueueImageWithMask ImageUpscale QueueImageUpscale
ImageToText QueueImageToText SpeechToText QueueSpeechToText TextToSpeech QueueTextToSpeech CreateGeneration GetGeneration
GetArtifactGenerationStatus GetTextGenerationStatus QueryMediaProviders GetComfyModels
ConvertImage QueueConvertImage CropImage QueueCropImage ScaleImage QueueScaleImage WatermarkImage QueueWatermarkImage
ScaleVideo QueueScaleVideo CropVideo QueueCropVideo WatermarkVideo QueueWatermarkVideo TrimVideo QueueTrimVideo
ConvertVideo QueueConvertVideo ConvertAudio QueueConvertAudio CreateMediaTransform
DeleteFile DeleteFiles MigrateArtifact StoreFileUpload ReplaceFileUpload DeleteFileUpload
GetComfyWorkflows GetComfyWorkflowInfo GetComfyApiPrompt QueueComfyWorkflow DownloadComfyFile
"""
FOR_ADMINS = """
CreateAiProvider UpdateAiProvider DeleteAiProvider ChangeAiProviderStatus CheckAiProviderStatus
CreateMediaProvider UpdateMediaProvider DeleteMediaProvider CheckMediaProviderStatus Reload GetWorkerStats CancelWorker
GetSummaryStats PopulateChatSummary AdminData CreateApiKey AdminQueryApiKeys AdminCreateApiKey AdminUpdateApiKey
AdminDeleteApiKey AdminJobDashboard AdminJobInfo AdminGetJob AdminGetJobProgress AdminQueryBackgroundJobs
AdminQueryJobSummary AdminQueryScheduledTasks AdminQueryCompletedJobs AdminQueryFailedJobs AdminCancelJobs
AdminRequeueFailedJobs RequestLogs AdminQueryRequestLogs GetAnalyticsInfo GetAnalyticsReports AdminDatabase AdminProfiling
AdminGetUser AdminQueryUsers AdminCreateUser AdminUpdateUser AdminDeleteUser
"""
VERBS = {
    "GET": """GetOpenAiChatStatus GetOpenAiChat WaitForOpenAiChat GetOllamaGenerationStatus ActiveAiModels
        ActiveCustomAiModels GetActiveProviders GetOllamaModels GetModelImage QueryPrompts GetGeneration GetWorkerStats
        GetArtifactGenerationStatus GetTextGenerationStatus ActiveMediaModels QueryMediaModels GetArtifact GetVariant
        GetComfyWorkflows GetComfyWorkflowInfo GetComfyApiPrompt GetSummaryStats AdminData AdminQueryApiKeys
        AdminJobDashboard AdminGetJobProgress AdminQueryFailedJobs AdminCancelJobs RequestLogs GetAnalyticsReports
        AdminDatabase Hello GetFileUpload""",
    "POST": """OpenAiChatCompletion QueueOpenAiChatCompletion ChatAiProvider OllamaGeneration TextToImage QueueCropVideo
        CreateGeneration DeleteFiles MigrateArtifact StoreFileUpload QueueComfyWorkflow CreateAiProvider CreateApiKey
        CreateMediaProvider Reload AdminCreateApiKey AdminRequeueFailedJobs AdminProfiling Authenticate GetComfyModels""",
    "PATCH": "UpdateAiProvider UpdateMediaProvider AdminUpdateApiKey",
    "PUT": "ReplaceFileUpload AdminUpdateUser",
    "DELETE": "DeleteAiProvider DeleteMediaProvider DeleteFile AdminDeleteApiKey DeleteFileUpload AdminDeleteUser",
}
PATHS = {
    "OpenAiChatCompletion": "/v1/chat/completions",
    "OllamaGeneration": "/api/generate",
    "GetModelImage": "/icons/models/{Model}",
    "CreateGeneration": "/generate",
    "GetGeneration": "/generation/{Id} /generation/ref/{RefId}",
    "GetArtifact": "/artifacts/{**Path}",
    "GetVariant": "/variants/{Variant}/{**Path}",
    "DeleteFile": "/files/{**Path}",
    "StoreFileUpload": "/uploads/{Name}",
    "GetFileUpload": "/uploads/{Name}/{**Path}",
    "ReplaceFileUpload": "/uploads/{Name}/{**Path}",
    "DeleteFileUpload": "/uploads/{Name}/{**Path}",
    "GetComfyWorkflows": "/comfy/workflows",
    "GetComfyWorkflowInfo": "/comfy/workflows/info",
    "GetComfyApiPrompt": "/comfy/workflows/prompt",
    "QueueComfyWorkflow": "/comfy/workflows/queue",
    "DownloadComfyFile": "/comfy/{Year}/{Month}/{Day}/{Filename}",
    "Authenticate": "/auth /auth/{provider}",
    "Hello": "/hello/{Name}",
    "DummyReplyTo": "/dummyreplyto",
}
STRUCTS = [kind for kind in TYPES.values() if issubclass(kind, Dto)]


def test_every_api_is_there_and_no_other() -> None:
    """checklist 131, 132: what clients may call, name by name."""
    assert sorted(APIS) == sorted(f"{WITHOUT_A_KEY} {WITH_A_KEY} {FOR_ADMINS}".split())


@pytest.mark.parametrize(("auth", "names"), [("none", WITHOUT_A_KEY), ("key", WITH_A_KEY), ("admin", FOR_ADMINS)])
def test_an_api_asks_for_the_key_it_should(auth: str, names: str) -> None:
    assert dict.fromkeys(names.split(), auth) == {name: APIS[name].auth for name in names.split()}


@pytest.mark.parametrize("verb", VERBS)
def test_an_api_has_the_verb_that_clients_send(verb: str) -> None:
    names = VERBS[verb].split()
    assert dict.fromkeys(names, verb) == {name: APIS[name].verb for name in names}


def test_a_query_is_a_get_with_the_words_of_a_query() -> None:
    queries = [api for name, api in APIS.items() if get_origin(api.returns) is QueryResponse]
    assert len(queries) == 14
    assert {"GET"} == {api.verb for api in queries}
    for api in queries:
        assert {"skip", "take", "orderBy", "orderByDesc", "include", "fields", "meta"} <= {
            m.wire for m in members(api.request)
        }


def test_an_api_answers_at_its_own_paths() -> None:
    """checklist 24, 25, 53: the addresses that stand beside /api/{Name}."""
    found = {name: " ".join(route.split()[-1] for route in api.routes) for name, api in APIS.items() if api.routes}
    assert found == PATHS


def test_every_path_word_is_a_field() -> None:
    for name, api in APIS.items():
        wires = {member.wire.lower() for member in members(api.request)}
        for route in api.routes:
            assert {word.lower() for word in re.findall(r"\{\**(\w+)\}", route)} <= wires, name


def test_what_an_api_returns_is_known() -> None:
    for name, api in APIS.items():
        kind = get_origin(api.returns) or api.returns
        assert kind in (None, str, bytes, list) or TYPES[kind.__name__] is kind, name


def test_everything_is_explained() -> None:
    for name, kind in TYPES.items():
        assert kind.__doc__, name
        assert "TODO" not in kind.__doc__, name
        assert kind.__dict__.get("__doc__"), name


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_a_dto_can_be_made_of_nothing_and_read_again(kind: type[Dto]) -> None:
    """Callers leave out what they like; what must be there is a rule and not a crash."""
    msgspec.inspect.type_info(kind)
    assert kind() == msgspec.json.decode(encode(kind()), type=kind)


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_no_two_fields_of_a_dto_differ_by_case_alone(kind: type[Dto]) -> None:
    wires = [member.wire.lower() for member in members(kind)]
    assert len(wires) == len(set(wires))


def test_names_are_camel_case_but_for_openai_and_ollama() -> None:
    """checklist 138."""
    snakes = {kind.__name__ for kind in STRUCTS for member in members(kind) if "_" in member.wire}
    assert snakes == {
        "OpenAiMessage", "OpenAiChat", "OpenAiChatCompletion", "OpenAiResponseFormat", "OpenAiChatResponse", "OpenAiUsage",
        "Choice", "ChoiceMessage", "LogprobItem", "OllamaGenerate", "OllamaGeneration", "OllamaGenerateOptions",
        "OllamaGenerateResponse", "OllamaModel", "OllamaModelDetails",
    }  # fmt: skip


def test_a_chat_mixes_its_own_names_with_openais() -> None:
    chat = OpenAiChatCompletion(model="m", max_tokens=5, log_probs=True, top_log_probs=2, ref_id="r")
    assert prune(chat) == {
        "messages": [], "model": "m", "max_tokens": 5, "logprobs": True, "top_logprobs": 2, "refId": "r",
    }  # fmt: skip
    assert OllamaGeneration.__struct_encode_fields__[-3:] == ("refId", "provider", "tag")
    assert OllamaGenerateResponse.__struct_encode_fields__[-1] == "responseStatus"


def test_a_reserved_word_travels_without_its_underscore() -> None:
    assert [member.wire for member in members(GetSummaryStats)] == ["from", "to"]


def test_the_fields_of_a_well_known_request_are_exact() -> None:
    wires = [member.wire for member in members(TextToImage)]
    assert wires == [
        "model", "positivePrompt", "negativePrompt", "tag", "refId", "arguments", "width", "height", "batchSize", "seed",
    ]  # fmt: skip


def test_a_client_is_told_that_a_required_field_is_never_null() -> None:
    by_wire = {member.wire: member for member in members(ImageToImage)}
    assert (by_wire["image"].nullable, by_wire["image"].required, by_wire["image"].file) == (False, True, True)
    assert (by_wire["model"].nullable, by_wire["model"].required, by_wire["model"].file) == (True, False, False)
    assert by_wire["positivePrompt"].rule == "NotEmpty"
    assert by_wire["denoise"].range == (0, 1)
    assert by_wire["refId"].doc


def test_a_reference_is_never_null_to_clients_and_nothing_until_set() -> None:
    message = {member.name: member for member in members(ChatAiProvider)}
    assert message["request"].nullable
    usage = {member.name: member for member in members(TYPES["OpenAiChatResponse"])}["usage"]
    assert (usage.nullable, usage.default, usage.type) == (False, None, TYPES["OpenAiUsage"])


def test_inherited_fields_come_first_and_say_so() -> None:
    found = members(OpenAiChatCompletion)
    assert [member.wire for member in found if not member.inherited] == ["refId", "provider", "tag"]
    assert found[0].wire == "messages"


def test_a_synonym_names_a_field_that_is_there() -> None:
    for name, words in SYNONYMS.items():
        wires = {member.wire for member in members(TYPES[name])}
        assert set(words.values()) <= wires
        assert not wires & set(words)


def test_files_without_a_field_belong_to_an_api() -> None:
    for name, parts in FILE_PARTS.items():
        assert not {member.wire for member in members(APIS[name].request)} & set(parts)


def test_an_interface_asks_for_fields_that_its_dtos_have() -> None:
    for name, api in APIS.items():
        for marker in api.markers:
            assert set(INTERFACES.get(marker, ())) <= {member.wire for member in members(api.request)}, name


def test_a_change_of_providers_says_of_what() -> None:
    found = {name: api.markers for name, api in APIS.items() if any("Db<" in marker for marker in api.markers)}
    assert found == {
        "CreateAiProvider": ("ICreateDb<AiProvider>",),
        "UpdateAiProvider": ("IPatchDb<AiProvider>",),
        "DeleteAiProvider": ("IDeleteDb<AiProvider>",),
        "CreateMediaProvider": ("ICreateDb<MediaProvider>",),
        "UpdateMediaProvider": ("IPatchDb<MediaProvider>",),
        "DeleteMediaProvider": ("IDeleteDb<MediaProvider>",),
    }
    nothing = [name for name, api in APIS.items() if api.returns is None]
    assert nothing == ["HasDummyReplyTo", "DeleteAiProvider"]


def test_every_api_has_a_group_that_the_explorer_knows() -> None:
    tags = {api.tag for api in APIS.values()}
    assert tags == {"", "AI", "AI Info", "Media", "Media Info", "Admin", "Files", "Comfy", "Auth"}
    assert isinstance(APIS["Hello"], Api)
