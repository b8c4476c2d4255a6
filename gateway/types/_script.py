"""What TypeScript and JavaScript share: the types' names, and what an answer is made of."""

from gateway.types.shapes import Kind, Shape

_NAMES = {
    "string": "string",
    "bool": "boolean",
    **dict.fromkeys(("int", "long", "short", "float", "double", "decimal"), "number"),
    **dict.fromkeys(("DateTime", "TimeSpan", "byte[]", "Stream"), "string"),
    "object": "any",
}
_NUMBERS = {"int", "long", "short"}


def type_name(kind: Kind) -> str:
    """`ResponseError[]`, `{ [index:string]: number; }`. Dates, durations and bytes are strings, as they travel."""
    if kind.name == "List":
        return f"{type_name(kind.args[0])}[]"
    if kind.name == "Dictionary":
        key = "number" if kind.args[0].name in _NUMBERS else "string"
        return f"{{ [index:{key}]: {type_name(kind.args[1])}; }}"
    name = _NAMES.get(kind.name, kind.name)
    return f"{name}<{', '.join(map(type_name, kind.args))}>" if kind.args else name


def answer_name(shape: Shape) -> str:
    """What `IReturn` holds; a file comes as a Blob."""
    assert shape.returns is not None
    return "Blob" if shape.returns.name == "byte[]" else type_name(shape.returns)


def new_answer(shape: Shape, typed: bool) -> str:
    """The body of `createResponse`."""
    if shape.returns is None:
        return ""
    if shape.returns.name == "List":
        return f"return new Array<{type_name(shape.returns.args[0])}>();" if typed else "return [];"
    if shape.returns.name == "string":
        return "return '';"
    name = answer_name(shape)
    return f"return new {name if typed else name.partition('<')[0]}();"


def literal(value: str | int) -> str:
    """An enum's value in source."""
    return str(value) if isinstance(value, int) else f"'{value}'"


def head(shape: Shape) -> str:
    """A declaration's name with its parameters: `QueryDb<T>`."""
    return f"{shape.name}<{', '.join(shape.params)}>" if shape.params else shape.name
