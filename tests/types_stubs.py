"""What the client libraries of Java and .NET offer to generated types, as far as a compiler asks: names and shapes, no code."""

from gateway.types._dotnet import BROUGHT
from gateway.types.shapes import shapes

_NOTES = {
    "Route": 'String Path() default ""; String Verbs() default "";',
    "Validate": 'String Validator() default "";',
    "Required": "",
}
_VERBS = ("IGet", "IPost", "IPut", "IPatch", "IDelete")
_TABLES = ("ICreateDb", "IUpdateDb", "IPatchDb", "IDeleteDb", "ISaveDb")
_RUNTIME = "@Retention(RetentionPolicy.RUNTIME)"
_KEEP = "import java.lang.annotation.*;"


def java() -> dict[str, str]:
    """Files by path."""
    client = [f"{_RUNTIME} public @interface {name} {{ {body} }}" for name, body in _NOTES.items()]
    client += ["public interface IReturn<T> { Object getResponseType(); }", "public interface IReturnVoid {}"]
    client += [f"public interface {name} {{}}" for name in _VERBS]
    client += [f"public interface {name}<T> {{}}" for name in _TABLES]
    client += [f"public class {name} {{}}" for name in ("TimeSpan", "ResponseStatus", "ResponseError")]
    files = {_named("net/servicestack/client", text): text for text in client}
    gson = "com/google/gson"
    serialized = f"{_RUNTIME} public @interface SerializedName {{ String value(); }}"
    files[f"{gson}/annotations/SerializedName.java"] = serialized
    files[f"{gson}/reflect/TypeToken.java"] = (
        "public class TypeToken<T> { public Object getType() { return "
        "((java.lang.reflect.ParameterizedType) getClass().getGenericSuperclass()).getActualTypeArguments()[0]; } }"
    )
    return {
        path: f"package {path.rpartition('/')[0].replace('/', '.')};\n{_KEEP}\n{text}\n" for path, text in files.items()
    }


def _named(folder: str, text: str) -> str:
    words = text.replace("<", " ").split()
    at = next(place for place, word in enumerate(words) if word in ("@interface", "interface", "class"))
    return f"{folder}/{words[at + 1]}.java"


def csharp() -> str:
    """One file."""
    everywhere = "[AttributeUsage(AttributeTargets.All, AllowMultiple = true)]"
    lines = [
        "using System;",
        "namespace System.Runtime.Serialization {",
        "public class DataContractAttribute : Attribute {}",
        "public class DataMemberAttribute : Attribute { public string Name { get; set; } public int Order { get; set; } }",
        "public class EnumMemberAttribute : Attribute { public string Value { get; set; } }",
        "}",
        "namespace ServiceStack.DataAnnotations {",
        "public class EnumAsIntAttribute : Attribute {}",
        "public class RequiredAttribute : Attribute {}",
        "}",
        "namespace ServiceStack {",
        "public interface IReturn<T> {}",
        "public interface IReturnVoid {}",
        *(f"public interface {name} {{}}" for name in _VERBS),
        *(f"public interface {name}<T> {{}}" for name in _TABLES),
        f"{everywhere} public class RouteAttribute : Attribute {{",
        "public RouteAttribute(string path) {} public RouteAttribute(string path, string verbs) {} }",
        "public class ValidateAttribute : Attribute { public ValidateAttribute(string rule) {} }",
        "}",
    ]
    known = shapes()
    for name, space in BROUGHT.items():
        shape = known.get(name)
        params = f"<{', '.join(shape.params)}>" if shape and shape.params else ""
        what = "enum" if shape and shape.what == "enum" else "class"
        if space.startswith("ServiceStack"):
            lines.append(f"namespace {space} {{ public {what} {name}{params} {{}} }}")
    return "\n".join(lines)
