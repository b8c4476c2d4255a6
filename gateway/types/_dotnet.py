"""What C#, F# and VB.NET share: the options, the attributes, and which types the NuGet packages bring.

What a newcomer would get wrong: with `[DataContract]` a property without `[DataMember]` does not travel at all, so as soon as
one name must be said every property of the class says that it is a member.
"""

from collections.abc import Iterator, Mapping

import msgspec

from gateway.types.options import OFF, ON
from gateway.types.shapes import Field, Kind, Shape
from gateway.types.view import View
from gateway.types.words import one_line, routes

NAMESPACE = "AiServer.ServiceModel"
"""Where programs written for the reference look for the types."""
_JOBS = """BackgroundJob BackgroundJobBase BackgroundJobOptions BackgroundJobState CompletedJob FailedJob JobSummary
ScheduledTask WorkerStats"""
_BASE = """AdminApiKeyResponse AdminApiKeysResponse AdminCancelJobs AdminCancelJobsResponse AdminCreateApiKey AdminCreateUser
AdminDeleteApiKey AdminDeleteUser AdminDeleteUserResponse AdminGetJob AdminGetJobProgress AdminGetJobProgressResponse
AdminGetJobResponse AdminGetUser AdminJobDashboard AdminJobDashboardResponse AdminJobInfo AdminJobInfoResponse
AdminQueryApiKeys AdminQueryBackgroundJobs AdminQueryCompletedJobs AdminQueryFailedJobs AdminQueryJobSummary
AdminQueryRequestLogs AdminQueryScheduledTasks AdminQueryUsers AdminRequeueFailedJobs AdminRequeueFailedJobsJobsResponse
AdminUpdateApiKey AdminUpdateUser AdminUserBase AdminUserResponse AdminUsersResponse Authenticate AuthenticateResponse
BoolResponse DeleteFileUpload DeleteFileUploadResponse EmptyResponse FieldCss FormatInfo GetFileUpload HourSummary IdResponse
InputInfo JobStatSummary MetadataAttribute MetadataDataMember MetadataPropertyType PartialApiKey Property QueryBase QueryData
QueryDb QueryResponse RefInfo ReplaceFileUpload ReplaceFileUploadResponse RequestLog RequestLogEntry ResponseError
ResponseStatus StoreFileUpload StoreFileUploadResponse StringResponse StringsResponse"""
BROUGHT: Mapping[str, str] = {
    "KeyValuePair": "System.Collections.Generic",
    **dict.fromkeys(_BASE.split(), "ServiceStack"),
    **dict.fromkeys(_JOBS.split(), "ServiceStack.Jobs"),
}
"""Types of ServiceStack.Client and ServiceStack.Interfaces with their namespaces. To declare them again would make each name
ambiguous to whoever uses both."""
VALUES = {"int", "long", "short", "float", "double", "decimal", "bool", "DateTime", "TimeSpan", "KeyValuePair"}
"""Kinds that cannot be null in .NET unless they say so; enums beside."""
_IMPORTS = (
    "System",
    "System.IO",
    "System.Collections",
    "System.Collections.Generic",
    "System.Runtime.Serialization",
    "ServiceStack",
    "ServiceStack.DataAnnotations",
)
_MARKERS = ("ICreateDb", "IUpdateDb", "IPatchDb", "IDeleteDb", "ISaveDb")

START = {"GlobalNamespace": ""}
CLASSES = {"MakePartial": ON, "MakeVirtual": ON}
MIDDLE = {
    "AddReturnMarker": ON,
    "AddDescriptionAsComments": ON,
    "AddDataContractAttributes": OFF,
    "AddIndexesToDataMembers": OFF,
    "AddGeneratedCodeAttributes": OFF,
    "AddResponseStatus": OFF,
    "AddImplicitVersion": "",
    "InitializeCollections": ON,
    "IncludeTypes": "",
    "ExcludeTypes": "",
    "AddNamespaces": "",
}
"""Options that all three know, in the order of their headers."""


class Mark(msgspec.Struct, frozen=True):
    """An attribute; its values are strings, booleans or whole numbers."""

    name: str
    plain: tuple[str, ...] = ()
    named: tuple[tuple[str, str | int], ...] = ()

    def written(self, assign: str = "=") -> str:
        """`DataMember(Name="top_p", Order=3)`; VB assigns with `:=`."""
        inner = [_literal(value) for value in self.plain]
        inner += [f"{name}{assign}{_literal(value)}" for name, value in self.named]
        return f"{self.name}({', '.join(inner)})" if inner else self.name


def declared(view: View) -> list[Shape]:
    """The shapes that no package brings."""
    return [shape for shape in view.shapes if shape.name not in BROUGHT]


def namespace(view: View) -> str:
    """The one namespace that all types are in."""
    return view.options.text("GlobalNamespace").strip(".") or NAMESPACE


def imports(view: View) -> list[str]:
    """Namespaces to open, those of the packages' types only where needed."""
    named = {name for shape in declared(view) for name in (*shape.mentions(), *shape.answers())}
    needed = {BROUGHT[name] for name in named if name in BROUGHT}
    code = ["System.CodeDom.Compiler"] if view.options.flag("AddGeneratedCodeAttributes") else []
    return list(dict.fromkeys((*_IMPORTS, *code, *sorted(needed), *view.options.names("AddNamespaces"))))


def shape_marks(view: View, shape: Shape) -> Iterator[Mark]:
    """The attributes of a type."""
    yield from (Mark("Route", (path, verb) if verb else (path,)) for path, verb in routes(shape))
    if shape.what == "enum":
        if shape.numbered:
            yield Mark("EnumAsInt")
    elif shape.what == "class":
        if _contract(view, shape):
            yield Mark("DataContract")
        if view.options.flag("AddGeneratedCodeAttributes"):
            yield Mark("GeneratedCode", ("ai-server", "1"))


def member_marks(view: View, shape: Shape, field: Field) -> Iterator[Mark]:
    """The attributes of a property."""
    if shape.what == "class" and _contract(view, shape):
        named: list[tuple[str, str | int]] = [("Name", field.wire)] if field.named else []
        if view.options.flag("AddIndexesToDataMembers"):
            named.append(("Order", shape.fields.index(field) + 1))
        yield Mark("DataMember", (), tuple(named))
    if field.rule:
        yield Mark("Validate", (f"{field.rule}(0)" if field.rule == "GreaterThan" else field.rule,))
    elif field.required:
        yield Mark("Required")


def _contract(view: View, shape: Shape) -> bool:
    fields = (*shape.fields, *view.inherited(shape))
    return view.options.flag("AddDataContractAttributes") or any(field.named for field in fields)


def interfaces(view: View, shape: Shape) -> list[Kind]:
    """What a request implements, its answer first. (The client knows the verb of a query by its base.)"""
    if not shape.request:
        return []
    answer = Kind("IReturn", (shape.returns,)) if shape.returns else Kind("IReturnVoid")
    return [*([answer] if view.options.flag("AddReturnMarker") else []), *view.interfaces(shape, _MARKERS)]


def is_value(view: View, kind: Kind) -> bool:
    """Whether .NET keeps it in place, so that null must be allowed for explicitly."""
    shape = view.shape(kind.name)
    return kind.name in VALUES or (shape is not None and shape.what == "enum")


def start(view: View, shape: Shape, field: Field) -> str:
    """The version to start with, if this property is the one that `AddImplicitVersion` adds."""
    return view.options.text("AddImplicitVersion") if shape.request and field.wire == "version" else ""


def summary(text: str, tag: str = "summary", mark: str = "///") -> list[str]:
    """A description as an XML comment."""
    if not text:
        return []
    told = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")
    return [f"{mark}<{tag}>", f"{mark}{told}", f"{mark}</{tag}>"]


def _literal(value: str | int) -> str:
    return str(value) if isinstance(value, int) else f'"{value}"'
