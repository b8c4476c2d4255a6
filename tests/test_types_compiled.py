"""Types for Java, .NET and Swift as compilers and run times see them: against stubs of the clients, where a compiler is.

The grammars and the golden files of these languages are in test_types.py.
"""

import re
import shutil
import subprocess
from pathlib import Path

import msgspec
import pytest
import types_stubs
from types_kit import DATE, SAMPLE, URL, VERSION, sample

from gateway.types._dotnet import BROUGHT, declared
from gateway.types.languages import LANGUAGES
from gateway.types.options import options_of
from gateway.types.shapes import Field, Kind, Shape, shapes
from gateway.types.view import View

JAVAC, JAVA = shutil.which("javac"), shutil.which("java")
MCS, MONO = shutil.which("mcs"), shutil.which("mono")
NET = ("csharp", "fsharp", "vbnet")

JAVA_TOLD = r"""
import java.lang.reflect.*;
import com.google.gson.annotations.SerializedName;
public class Told {
    public static void main(String[] args) throws Exception {
        for (Class<?> kind : dtos.class.getClasses()) {
            if (kind.isEnum() || kind.isInterface()) continue;
            StringBuilder line = new StringBuilder(kind.getSimpleName());
            for (Class<?> each : kind.getInterfaces())
                if (each.getSimpleName().matches("I(Get|Post|Put|Patch|Delete|Return|ReturnVoid)"))
                    line.append(" ").append(each.getSimpleName());
            line.append(" :");
            for (Field field : kind.getDeclaredFields()) {
                if (Modifier.isStatic(field.getModifiers())) continue;
                SerializedName name = field.getAnnotation(SerializedName.class);
                line.append(" ").append(name == null ? field.getName() : name.value());
            }
            System.out.println(line);
        }
    }
}
"""
CSHARP_TOLD = """
using System; using System.Linq; using System.Reflection; using System.Runtime.Serialization;
public class Told {
    public static void Main() {
        var all = BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly;
        foreach (var kind in typeof(Told).Assembly.GetTypes().Where(t => t.Namespace == "AiServer.ServiceModel" && t.IsClass)) {
            var contract = kind.GetCustomAttributes(typeof(DataContractAttribute), false).Any();
            var line = kind.Name.Split('`')[0] + " :";
            foreach (var each in kind.GetProperties(all)) {
                var found = each.GetCustomAttributes(typeof(DataMemberAttribute), false);
                var member = (DataMemberAttribute) found.FirstOrDefault();
                if (contract && member == null) continue;
                line += " " + (member?.Name ?? char.ToLower(each.Name[0]) + each.Name.Substring(1));
            }
            Console.WriteLine(line);
        }
    }
}
"""


def seen(language: str, **query: str) -> View:
    return View(LANGUAGES[language], options_of(LANGUAGES[language], query, URL))


def run(*command: str, cwd: Path) -> str:
    ran = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=60)
    assert ran.returncode == 0, (ran.stdout + ran.stderr)[-3000:]
    return ran.stdout


def fields_of(view: View, shape: Shape) -> str:
    return "".join(f" {field.wire}" for field in view.own(shape))


@pytest.mark.skipif(not (JAVAC and JAVA), reason="no Java compiler on this machine")
def test_java_compiles_and_sees_every_verb_and_every_name_on_the_wire(tmp_path: Path) -> None:
    view = seen("java")
    files = {**types_stubs.java(), "dtos.java": view.source(VERSION, DATE), "Told.java": JAVA_TOLD}
    for path, text in files.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    run(str(JAVAC), "-Xlint:all", "-Werror", "-proc:none", "-d", "out", *files, cwd=tmp_path)
    told = dict(line.split(" :", 1) for line in run(str(JAVA), "-cp", "out", "Told", cwd=tmp_path).splitlines())
    lines = {line.split()[0]: line.split()[1:] for line in told}
    for shape in view.shapes:
        if shape.what != "class" or shape.name in ("ResponseStatus", "ResponseError"):
            continue
        own = next(value for name, value in told.items() if name.split()[0] == shape.name)
        assert own == fields_of(view, shape), shape.name
        if shape.request:
            assert ("IReturn" if shape.returns else "IReturnVoid") in lines[shape.name]
            verbs = [each for each in lines[shape.name] if not each.startswith("IReturn")]
            assert (verbs or ["IPost"]) == [f"I{shape.verb.capitalize()}"], shape.name


@pytest.mark.skipif(not (MCS and MONO), reason="no C# compiler on this machine")
@pytest.mark.parametrize("contracts", ["False", "True"])
def test_csharp_compiles_and_sees_every_name_on_the_wire(contracts: str, tmp_path: Path) -> None:
    view = seen("csharp", AddDataContractAttributes=contracts, AddIndexesToDataMembers=contracts)
    files = {"dtos.cs": view.source(VERSION, DATE), "stubs.cs": types_stubs.csharp(), "Told.cs": CSHARP_TOLD}
    for path, text in files.items():
        (tmp_path / path).write_text(text)
    run(str(MCS), "-langversion:latest", "-warnaserror", "-out:told.exe", *files, cwd=tmp_path)
    told = dict(line.split(" :", 1) for line in run(str(MONO), "told.exe", cwd=tmp_path).splitlines())
    expected = {shape.name: fields_of(view, shape) for shape in declared(view) if shape.what == "class"}
    assert told == expected


@pytest.mark.skipif(not MCS, reason="no C# compiler on this machine")
@pytest.mark.parametrize(
    "query",
    [
        {"IncludeTypes": "MakeThing.*,MakeSpecial.*"},
        {"MakeInternal": "True", "MakePartial": "False", "MakeVirtual": "False", "InitializeCollections": "False"},
        {"AddReturnMarker": "False", "AddImplicitVersion": "3", "AddResponseStatus": "True"},
        {
            "GlobalNamespace": "My.Dtos",
            "AddNamespaces": "System.Linq,System.Text",
            "AddGeneratedCodeAttributes": "True",
        },
    ],
)
def test_csharp_compiles_with_every_option(query: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / "dtos.cs").write_text(sample("csharp", **query))
    (tmp_path / "stubs.cs").write_text(types_stubs.csharp())
    run(str(MCS), "-langversion:latest", "-target:library", "-out:dtos.dll", "dtos.cs", "stubs.cs", cwd=tmp_path)


def test_what_nuget_brings_is_not_declared_again() -> None:
    """Two types of one name would make each use of it ambiguous."""
    for language in NET:
        text = seen(language).source(VERSION, DATE)
        for name in BROUGHT:
            assert not re.search(
                rf"^ *(public partial class|public enum|type|Public Partial Class) {name}\b", text, re.M
            )
    assert "using ServiceStack.Jobs;" in seen("csharp", IncludeTypes="GetOpenAiChatStatusResponse").source(
        VERSION, DATE
    )
    assert "ServiceStack.Jobs" not in seen("csharp", IncludeTypes="Hello.*").source(VERSION, DATE)


def test_a_contract_names_every_member_or_none() -> None:
    """A property without DataMember in a class with DataContract would not travel."""
    for language, mark, member in (
        ("csharp", "[DataContract]", "[DataMember"),
        ("vbnet", "<DataContract>", "<DataMember"),
    ):
        text = seen(language, IncludeTypes="OpenAiUsage,Hello").source(VERSION, DATE)
        usage = len(shapes()["OpenAiUsage"].fields)
        assert (text.count(mark), text.count(member)) == (1, usage), language


def test_vbnet_brackets_words_of_the_language_and_ties_members_to_their_interface() -> None:
    text = seen("vbnet", IncludeTypes="OpenAiChatResponse,OpenAiToolType").source(VERSION, DATE)
    assert "Property [Object] As String" in text
    assert "\n            [Function]\n" in text
    assert "Property RefId As String Implements IGeneration.RefId" in sample("vbnet")


def test_fsharp_declares_rings_in_a_recursive_namespace_only() -> None:
    assert "\nnamespace AiServer.ServiceModel\n" in seen("fsharp").source(VERSION, DATE)
    view = seen("fsharp")
    one, other = SAMPLE["Thing"], SAMPLE["MakeThingResponse"]
    ring = {"Thing": other_field(one, other), "MakeThingResponse": other}
    text = LANGUAGES["fsharp"].emit(View(view.language, view.options, {**SAMPLE, **ring}))
    assert text.startswith("namespace rec AiServer.ServiceModel\n")


def other_field(one: Shape, other: Shape) -> Shape:
    kind = Kind(other.name)
    back = Field(attr="back", pascal="Back", wire="back", kind=kind, nullable=True, ref=False)
    return msgspec.structs.replace(one, fields=(*one.fields, back))


def test_java_setters_of_a_base_return_the_request_itself() -> None:
    text = seen("java").source(VERSION, DATE)
    assert "public OpenAiChatCompletion setModel(String value) { super.setModel(value); return this; }" in text
    assert "return this" not in sample("java", SettersReturnThis="False")
    assert " set" not in sample("java", AddPropertyAccessors="False")


@pytest.mark.parametrize("language", ["java", "kotlin"])
def test_the_jvm_client_is_told_the_verb_and_the_name_of_each_word(language: str) -> None:
    """It posts what has no marker, and writes enums by `toString`."""
    text = sample(language)
    assert re.search(r"QueryThings\b.*QueryDb<Thing>.*IReturn<QueryResponse<Thing>>, IGet\n", text)
    assert '@SerializedName("mp3") MP3("mp3"),' in text
    assert '@SerializedName("8") SpeechToText(8);' in text
    assert "toString()" in text


@pytest.mark.parametrize(
    ("language", "line"),
    [("java", "public String mode"), ("kotlin", "var mode:String?"), ("swift", "var mode:String?")],
)
def test_a_type_can_be_treated_as_a_string(language: str, line: str) -> None:
    assert line in sample(language, TreatTypesAsStrings="Mode")
    assert line not in sample(language)


def test_swift_says_the_coding_of_a_class_with_a_base_and_keys_dictionaries_by_what_travels() -> None:
    text = sample("swift")
    special = text[text.index("public class Special : Thing") :]
    assert "private enum CodingKeys : String, CodingKey {\n        case place\n    }" in special
    assert "public var paths:[Int:[String]]?" in text  # an enum as key would become a list
    assert "public enum JsonValue" in text
    assert "JsonValue" not in sample("swift", IncludeTypes="DeleteThing")


@pytest.mark.parametrize("language", [*NET, "java", "kotlin", "swift"])
def test_the_header_of_each_language_can_be_sent_back(language: str) -> None:
    """Each line without the sign for off is a parameter, whatever stands before it."""
    comment = LANGUAGES[language].comment
    asked = {"IncludeTypes": "MakeThing.*", "AddDescriptionAsComments": "False"}
    lines = sample(language, **asked).splitlines()
    head = [line.removeprefix(comment.each) for line in lines[: lines.index("") if comment.last == "" else 40]]
    told = [line.split(": ", 1) for line in head if ": " in line and not line.startswith(comment.off)]
    assert asked.items() <= dict(told).items()
    assert "What to make" not in sample(language, **asked)
