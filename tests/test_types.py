"""The dialect's types in other languages: what stands in the files, what may be asked, and that compilers could read them."""

import importlib
import importlib.util
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from types_kit import DATE, SAMPLE, URL, VERSION, golden, sample, view

from gateway.types._dotnet import BROUGHT
from gateway.types.dart import DART
from gateway.types.languages import LANGUAGES, language_of
from gateway.types.metadata import metadata
from gateway.types.options import options_of
from gateway.types.php import PHP
from gateway.types.shapes import Shape, shapes
from gateway.types.shelf import MOST, Shelf
from gateway.types.view import View
from schemas.dtos import APIS
from schemas.problem import Code, Problem

NODE = shutil.which("node")
PHP_PROGRAM = shutil.which("php")
GRAMMARS = {
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "typescript.d": ("tree_sitter_typescript", "language_typescript"),
    "mjs": ("tree_sitter_javascript", "language"),
    "js": ("tree_sitter_javascript", "language"),
    "python": ("tree_sitter_python", "language"),
    "dart": ("tree_sitter_dart", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "csharp": ("tree_sitter_c_sharp", "language"),
    "java": ("tree_sitter_java", "language"),
    "kotlin": ("tree_sitter_kotlin", "language"),
    "swift": ("tree_sitter_swift", "language"),
    "fsharp": ("tree_sitter_fsharp", "language"),
    "vbnet": ("tree_sitter_vb_dotnet", "language"),
}


def full(language: str, **query: str) -> str:
    return real(language, **query).source(VERSION, DATE)


def real(language: str, **query: str) -> View:
    return View(LANGUAGES[language], options_of(LANGUAGES[language], query, URL))


def loaded(path: Path, source: str) -> ModuleType:
    """A Python file as a module that is known by its name, as a program would import it."""
    path.write_text(source)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return module


# --- what stands in the files


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_file_is_what_a_person_last_looked_at(language: str) -> None:
    made = sample(language)
    assert golden(language, made) == made


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("whole", [True, False], ids=["all", "sample"])
def test_the_grammar_of_the_language_reads_every_line(language: str, whole: bool) -> None:
    tree_sitter = pytest.importorskip("tree_sitter")
    module, name = GRAMMARS[language]
    grammar = tree_sitter.Language(getattr(pytest.importorskip(module), name)())
    source = (full(language) if whole else sample(language)).encode()
    assert first_error(tree_sitter.Parser(grammar).parse(source).root_node) is None


def first_error(node: Any) -> str | None:
    """The source at the first place that the grammar does not know."""
    if node.type == "ERROR" or node.is_missing:
        return f"line {node.start_point[0] + 1}: {node.text[:200].decode()}"
    return next((found for child in node.children if child.has_error and (found := first_error(child))), None)


def test_every_request_of_the_registry_is_in_every_language() -> None:
    for language in LANGUAGES:
        if language != "typescript.d":
            words = set(re.findall(r"\w+", full(language)))
            missing = [name for name in APIS if name not in words]
            # Those that a client library brings are not declared again.
            brought = set(BROUGHT) if language in ("csharp", "fsharp", "vbnet") else {"Authenticate"}
            assert set(missing) <= brought, language


def test_generics_are_those_that_every_client_library_brings() -> None:
    """Dart and PHP keep type arguments in ways of their own; a new generic DTO needs code there."""
    assert {shape.name for shape in shapes().values() if shape.params} == {
        "KeyValuePair", "QueryData", "QueryDb", "QueryResponse",
    }  # fmt: skip


def test_each_type_is_declared_after_its_base_and_its_answer_is_declared_somewhere() -> None:
    order = [shape.name for shape in real("typescript").shapes]
    for shape in real("typescript").shapes:
        assert shape.base is None or order.index(shape.base.name) < order.index(shape.name)
        assert shape.returns is None or shape.returns.name in {*order, "byte[]", "string", "List"}


def test_a_description_cannot_end_its_comment() -> None:
    evil = Shape(name="Evil", what="class", doc='*/ alert(1) /* """ + x', verb="POST")
    for language in LANGUAGES.values():
        text = language.emit(View(language, options_of(language, {}, URL), {"Evil": evil}))
        assert "*/ alert" not in text
        assert "x /*" not in text
        assert language.name != "python" or '""" + x' not in text


# --- what may be asked


def test_the_header_says_what_was_asked_and_what_could_be() -> None:
    text = full("typescript", includetypes="TextToImage.*", MakePropertiesOptional="true")
    head = text[: text.index("*/")].splitlines()
    assert head[0] == "/* Options:"
    assert f"BaseUrl: {URL}" in head
    assert "IncludeTypes: TextToImage.*" in head
    assert "MakePropertiesOptional: True" in head
    assert "//ExcludeTypes: " in head


def test_python_says_its_options_in_a_docstring() -> None:
    text = full("python", ExcludeTypes="Hello")
    assert text.startswith('""" Options:\nDate: ')
    assert "\nExcludeTypes: Hello\n" in text
    assert "\n#IncludeTypes: \n" in text


def test_a_header_sent_back_gives_the_same_file() -> None:
    """As `x` and `get-dtos` update a file: each line without the sign for off, after BaseUrl, is a parameter."""
    first = sample("typescript", IncludeTypes="{AI}", ExcludeTypes="MakeSpecial", MakePropertiesOptional="True")
    lines = first[first.index("BaseUrl: ") : first.index("*/")].splitlines()[1:]
    told = dict(line.split(": ", 1) for line in lines if line and not line.startswith("//"))
    assert told == {"IncludeTypes": "{AI}", "ExcludeTypes": "MakeSpecial", "MakePropertiesOptional": "True"}
    assert sample("typescript", **told) == first


def names(**query: str) -> list[str]:
    return [shape.name for shape in view("typescript", **query).shapes]


def test_a_name_brings_itself_alone_and_with_a_star_all_that_it_needs() -> None:
    assert names(IncludeTypes="DeleteThing") == ["DeleteThing"]
    assert set(names(IncludeTypes="QueryThings.*")) == {
        "QueryThings", "QueryDb", "QueryBase", "QueryResponse", "Thing", "Mode", "Task", "KeyValuePair", "ResponseStatus",
        "ResponseError",
    }  # fmt: skip


def test_a_tag_brings_its_requests_with_all_that_they_need() -> None:
    found = names(IncludeTypes="{ai info}")
    assert "QueryThings" in found
    assert "QueryResponse" in found
    assert "MakeThing" not in found
    assert {"MakeThing", "QueryThings"} <= set(names(IncludeTypes="{AI,AI Info}"))


def test_unknown_names_are_ignored_and_excluded_ones_are_left_out() -> None:
    assert names(IncludeTypes="Nobody,Nobody.*,DeleteThing") == ["DeleteThing"]
    assert "Thing" not in names(ExcludeTypes="Thing,{Admin}")
    assert "DeleteThing" not in names(ExcludeTypes="Thing,{Admin}")


def test_what_every_server_has_can_be_left_out() -> None:
    assert not {"QueryBase", "ResponseStatus"} & set(names(AddServiceStackTypes="False"))
    assert "Thing" in names(AddServiceStackTypes="False")


def test_answers_get_a_status_and_requests_a_version_when_asked() -> None:
    assert "version!: number" in sample("typescript", AddImplicitVersion="1")
    bare = {
        "Bare": Shape(name="Bare", what="class"),
        "Ask": Shape(name="Ask", what="class", verb="GET", returns=kind("Bare")),
    }
    language = LANGUAGES["typescript"]
    made = View(language, options_of(language, {"AddResponseStatus": "true"}, URL), bare).shapes
    assert [field.wire for field in made[0].fields] == ["responseStatus"]


def kind(name: str) -> Any:
    from gateway.types.shapes import Kind

    return Kind(name)


def test_descriptions_can_be_left_out() -> None:
    assert "Makes a thing" not in sample("typescript", AddDescriptionAsComments="False")
    assert "@type {" not in sample("mjs", AddDocAnnotations="False")


def test_a_namespace_can_be_chosen() -> None:
    assert "export namespace My.Dtos" in sample("typescript", GlobalNamespace="My.Dtos")
    assert sample("php", GlobalNamespace="My.Dtos").startswith("<?php namespace My\\Dtos;")


@pytest.mark.parametrize(
    "query",
    [
        {"IncludeTypes": "Hello*/alert(1)/*"},
        {"IncludeTypes": "Hello\nalert(1)"},
        {"ExcludeTypes": '"""+__import__("os")'},
        {"BaseUrl": "https://x/*/alert(1)"},
        {"BaseUrl": "javascript:alert(1)"},
        {"BaseUrl": "https://x\r\nalert(1)"},
        {"GlobalNamespace": "x;alert(1)"},
        {"DefaultImports": "x';alert(1)//"},
        {"DefaultImports": "x*/alert"},
        {"MakePropertiesOptional": "perhaps"},
        {"AddImplicitVersion": "1;"},
        {"IncludeTypes": "A" * 5000},
    ],
)
def test_an_option_that_would_be_code_is_refused(query: dict[str, str]) -> None:
    with pytest.raises(Problem) as refused:
        options_of(LANGUAGES["typescript"], query, URL)
    assert refused.value.fault.code == Code.INVALID_REQUEST
    assert refused.value.fault.param == next(iter(query))


def test_checking_an_option_takes_no_time_however_it_is_written() -> None:
    started = datetime.now(UTC)
    for value in ("{" * 3999 + "!", "A.*," * 999 + "!", "a/" * 1999 + "!"):
        with pytest.raises(Problem):
            options_of(LANGUAGES["typescript"], {"IncludeTypes": value, "BaseUrl": "https://" + value}, URL)
    assert (datetime.now(UTC) - started).total_seconds() < 0.5


def test_a_language_is_found_by_its_short_names_and_an_unknown_one_is_told_the_others() -> None:
    assert language_of("TS").name == "typescript"
    assert language_of("py").name == "python"
    with pytest.raises(Problem, match="There are: typescript") as refused:
        language_of("cobol")
    assert refused.value.fault.code == Code.NOT_FOUND


# --- what is kept


def test_a_file_is_made_once_and_its_tag_outlives_the_process() -> None:
    at = [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)]
    first, second = Shelf("1", lambda: at[0]), Shelf("1", lambda: at[1])
    made = first.file("typescript", {}, URL)
    assert made == first.file("ts", {}, URL)
    assert second.file("typescript", {}, URL).tag == made.tag
    assert second.file("typescript", {}, URL).body != made.body  # the date
    assert first.file("typescript", {}, "https://other").tag != made.tag
    assert Shelf("2").file("typescript", {}, URL).tag != made.tag


def test_no_more_is_kept_than_allowed() -> None:
    shelf = Shelf("1")
    for number in range(MOST + 5):
        shelf.file("typescript", {"IncludeTypes": "Hello", "AddImplicitVersion": str(number)}, URL)
    assert len(shelf._kept) == MOST


# --- what clients make of it


def test_python_builds_every_request_as_it_travels(tmp_path: Path) -> None:
    """Names on the wire, verbs and answers, as PyPI's servicestack sees them."""
    clients = pytest.importorskip("servicestack.clients")
    dtos = loaded(tmp_path / "served_dtos.py", full("python"))
    found = shapes()
    seen = real("python")
    for name in APIS:
        request = getattr(dtos, name)()
        fields = {field.wire for field in (*found[name].fields, *seen.inherited(found[name]))}
        if name != "Authenticate":  # the library's own
            assert set(request.to_dict()) == fields, name
        assert clients.resolve_httpmethod(request) == found[name].verb, name
        if (returns := found[name].returns) is not None and returns.name not in ("byte[]", "string", "List"):
            answer = clients._resolve_response_type(request)
            assert getattr(answer, "__name__", "") == returns.name, name


def test_python_reads_an_answer_of_every_depth(tmp_path: Path) -> None:
    servicestack = pytest.importorskip("servicestack")
    dtos = loaded(tmp_path / "served_answers.py", full("python"))
    text = (
        '{"total":1,"results":[{"id":3,"name":"p","createdDate":"2025-05-09T20:26:10.0000000Z","models":[{"model":"a"}],'
        '"aiType":{"id":"OpenAi","provider":"OpenAiProvider","apiModels":{"a":"b"}}}]}'
    )
    answer = servicestack.from_json(servicestack.QueryResponse[dtos.AiProvider], text)
    provider = answer.results[0]
    assert (provider.id, provider.models[0].model, provider.ai_type.api_models) == (3, "a", {"a": "b"})
    assert provider.ai_type.provider == dtos.AiProviderType.OPEN_AI_PROVIDER
    chat = servicestack.from_json(
        dtos.OpenAiChatResponse, '{"choices":[{"finish_reason":"stop","message":{"content":"x"}}]}'
    )
    assert (chat.choices[0].finish_reason, chat.choices[0].message.content) == ("stop", "x")
    state = servicestack.from_json(dtos.GetArtifactGenerationStatusResponse, '{"jobId":7,"jobState":"Completed"}')
    assert (state.job_id, state.job_state) == (7, dtos.BackgroundJobState.COMPLETED)


def test_python_knows_both_names_of_mp3(tmp_path: Path) -> None:
    pytest.importorskip("servicestack")
    dtos = loaded(tmp_path / "served_enums.py", full("python", IncludeTypes="AudioFormat,AiTaskType"))
    assert dtos.AudioFormat.MP3 is dtos.AudioFormat.M_P3
    assert int(dtos.AiTaskType.SPEECH_TO_TEXT) == 8


def test_python_writes_enums_into_forms_as_they_travel(tmp_path: Path) -> None:
    """The library turns the parts of a form into text with `str`."""
    reflection = pytest.importorskip("servicestack.reflection")
    dtos = loaded(tmp_path / "served_forms.py", full("python"))
    asked = dtos.CreateGeneration(state="s", request=dtos.GenerationArgs(task_type=dtos.AiTaskType.TEXT_TO_IMAGE))
    assert dict(reflection.to_jsv_data(dtos.ConvertAudio(output_format=dtos.AudioFormat.MP3))) == {
        "outputFormat": "mp3"
    }
    assert dict(reflection.to_jsv_data(asked))["request"] == '{"taskType":1}'


@pytest.mark.skipif(NODE is None, reason="node is not on this machine")
def test_node_imports_the_module_and_requires_the_common_file(tmp_path: Path) -> None:
    (tmp_path / "dtos.mjs").write_text(full("mjs"))
    (tmp_path / "dtos.cjs").write_text(full("js"))
    (tmp_path / "try.mjs").write_text(
        "import * as es from './dtos.mjs'; import common from './dtos.cjs'\n"
        "for (const d of [es, common]) {\n"
        "  const r = new d.OpenAiChatCompletion({ model: 'm', refId: 'r' })\n"
        "  console.log(r.model, r.refId, r.messages.length, r.getTypeName(), r.getMethod(), r instanceof d.OpenAiChat,\n"
        "    r.createResponse() instanceof d.OpenAiChatResponse, d.AudioFormat.MP3, d.AiTaskType.ImageToText)\n}\n"
    )
    ran = subprocess.run([str(NODE), "try.mjs"], cwd=tmp_path, capture_output=True, text=True, timeout=30, check=True)
    line = "m r 0 OpenAiChatCompletion POST true true mp3 5"
    assert ran.stdout.splitlines() == [line, line]


@pytest.mark.skipif(PHP_PROGRAM is None, reason="php is not on this machine")
def test_php_finds_no_fault(tmp_path: Path) -> None:
    (tmp_path / "dtos.php").write_text(full("php"))
    ran = subprocess.run([str(PHP_PROGRAM), "-l", "dtos.php"], cwd=tmp_path, capture_output=True, text=True, timeout=30)
    assert ran.returncode == 0, ran.stdout


def test_what_dart_and_php_do_not_declare_their_libraries_bring() -> None:
    for language in (DART, PHP):
        text = full(language.name)
        assert "class QueryResponse" not in text
        assert "class ResponseStatus" not in text
        assert "QueryResponse" in text


# --- as data


def test_the_metadata_tells_every_operation() -> None:
    told = metadata(real("typescript"), "1")
    operations = {each["request"]["name"]: each for each in told["operations"]}
    assert set(operations) == set(APIS)
    chat = operations["OpenAiChatCompletion"]
    assert chat["routes"] == [{"path": "/v1/chat/completions", "verbs": "POST"}]
    assert (chat["actions"], chat["requiresAuth"], chat["tags"]) == (["POST"], True, [{"name": "AI"}])
    assert chat["returnType"] == {"name": "OpenAiChatResponse"}
    assert chat["request"]["inherits"] == {"name": "OpenAiChat"}
    assert operations["QueryAiProviders"]["returnType"] == {"name": "QueryResponse`1", "genericArgs": ["AiProvider"]}
    assert operations["DeleteAiProvider"]["returnsVoid"] is True


def test_the_metadata_says_types_in_the_words_of_dotnet() -> None:
    told = metadata(View(LANGUAGES["typescript"], options_of(LANGUAGES["typescript"], {}, URL), SAMPLE), "1")
    thing = next(each for each in told["types"] if each["name"] == "Thing")
    found = {each["name"]: each for each in thing["properties"]}
    assert found["Id"]["type"] == "Int64"
    assert (found["ParentId"]["type"], found["ParentId"]["genericArgs"]) == ("Nullable`1", ["Int64"])
    assert (found["Tags"]["type"], found["Tags"]["genericArgs"]) == ("List`1", ["String"])
    assert found["MaxTokens"]["dataMember"] == {"name": "max_tokens"}
    assert "dataMember" not in found["CreatedDate"]
    task = next(each for each in told["types"] if each["name"] == "Task")
    assert (task["isEnumInt"], task["enumNames"], task["enumValues"]) == (
        True,
        ["TextToImage", "SpeechToText"],
        ["1", "8"],
    )
