"""What Java and Kotlin share: names, annotations, and what net.servicestack's client brings.

What a newcomer would get wrong: Gson finds a field by the field's own name, so whatever is not called as it travels carries
`@SerializedName`, which says all that `@DataMember` would. And the client chooses the verb by the marker alone, POST without
one, so a query needs `IGet` here.
"""

from gateway.types.options import OFF, ON
from gateway.types.shapes import Field, Kind, Shape
from gateway.types.view import View
from gateway.types.words import one_line, routes

BROUGHT = {"ResponseError", "ResponseStatus"}
_JAVA = """abstract assert boolean break byte case catch char class const continue default do double else enum extends final
finally float for goto if implements import instanceof int interface long native new package private protected public return
short static strictfp super switch synchronized this throw throws transient try void volatile while"""
JAVA_WORDS = set(_JAVA.split())
_KOTLIN = """annotation as by companion constructor crossinline data dynamic external fun get in infix inline inner internal is
lateinit noinline object open operator out reified sealed set tailrec trait type typealias typeof val var vararg when
where"""
KOTLIN_WORDS = JAVA_WORDS | set(_KOTLIN.split())
"""More than Kotlin reserves, and the members that clients of the reference know: `Type`, `Object`."""
IMPORTS = (
    "java.math.*,java.util.*,java.io.InputStream,net.servicestack.client.*,"
    "com.google.gson.annotations.*,com.google.gson.reflect.*"
)
_MARKERS = ("ICreateDb", "IUpdateDb", "IPatchDb", "IDeleteDb", "ISaveDb")
TAIL = {
    "AddServiceStackTypes": ON,
    "AddResponseStatus": OFF,
    "AddDescriptionAsComments": ON,
    "AddImplicitVersion": "",
    "IncludeTypes": "",
    "ExcludeTypes": "",
    "TreatTypesAsStrings": "",
    "DefaultImports": IMPORTS,
}


def declared(view: View) -> list[Shape]:
    """The shapes that the client does not bring."""
    return [shape for shape in view.shapes if shape.name not in BROUGHT]


def imports(view: View) -> list[str]:
    """What the file imports."""
    return view.options.names("DefaultImports")


def called(field: Field, words: set[str]) -> str:
    """A field's name in source: C#'s in camel case, or as in C# where that is a word of the language."""
    name = field.pascal[:1].lower() + field.pascal[1:]
    return field.pascal if name in words else name


def shape_notes(shape: Shape) -> list[str]:
    """Comment and annotations of a type. `@Route` may stand once, so further ones are comments."""
    found: list[str] = []
    for path, verb in routes(shape):
        verbs = f', Verbs="{verb}"' if verb else ""
        found.append(f'{"// " if found else ""}@Route(Path="{path}"{verbs})')
    return [*comment(shape.doc), *found]


def member_notes(shape: Shape, field: Field, words: set[str]) -> list[str]:
    """Comment and annotations of a field."""
    lines = comment(field.doc)
    if shape.what == "interface":
        return lines
    if called(field, words) != field.wire:
        lines.append(f'@SerializedName("{field.wire}")')
    if field.rule:
        lines.append(f'@Validate(Validator="{field.rule}{"(0)" if field.rule == "GreaterThan" else ""}")')
    elif field.required:
        lines.append("@Required()")
    return lines


def valued(shape: Shape) -> bool:
    """Whether an enum's words travel as something else than their names."""
    return any(member.value != member.name for member in shape.members)


def words(shape: Shape) -> list[str]:
    """An enum's words, ended as both languages want it. The client writes and reads them by `toString`, plain Gson by the
    annotation, so both say the same."""
    lines = [member.name for member in shape.members]
    if valued(shape):
        values = [str(member.value) if shape.numbered else f'"{member.value}"' for member in shape.members]
        notes = [f'@SerializedName("{member.value}")' for member in shape.members]
        lines = [f"{note} {name}({value})" for note, name, value in zip(notes, lines, values, strict=True)]
    return [f"{line}," for line in lines[:-1]] + [f"{lines[-1]};"]


def interfaces(view: View, shape: Shape) -> list[Kind]:
    """What a request implements, its answer first."""
    if not shape.request:
        return []
    answer = Kind("IReturn", (shape.returns,)) if shape.returns else Kind("IReturnVoid")
    markers = view.interfaces(shape, _MARKERS)
    verb = Kind(f"I{shape.verb.capitalize()}")
    return [answer, *markers, *([verb] if shape.verb != "POST" and verb not in markers else [])]


def as_string(view: View, kind: Kind) -> bool:
    """Whether `TreatTypesAsStrings` names it."""
    return kind.name in view.options.names("TreatTypesAsStrings")


def version(view: View, shape: Shape, field: Field) -> str:
    """The version to start with, if this field is the one that `AddImplicitVersion` adds."""
    return view.options.text("AddImplicitVersion") if shape.request and field.wire == "version" else ""


def comment(text: str) -> list[str]:
    """A description as a block comment."""
    return ["/**", f"* {one_line(text)}", "*/"] if text else []
