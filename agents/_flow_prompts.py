"""Which text of a workflow is the prompt and which the negative one: the way back from the samplers.

What a newcomer would get wrong: a text encoder does not know what it is for. Only the sampler's inputs `positive` and
`negative` do, and between the two there may be guidance, control nets, masks and areas, each passing the conditioning on.
"""

from agents._flow_form import Flow
from agents._flow_info import ObjectInfo

POSITIVE, NEGATIVE = "positive_prompt", "negative_prompt"
_STARTS = {"positive": POSITIVE, "conditioning": POSITIVE, "cond1": POSITIVE, "cond2": POSITIVE, "negative": NEGATIVE}
_ENDS = ("LATENT", "GUIDER", "SAMPLES")
_ALIKE = frozenset(
    ("text", "prompt", "clip_l", "clip_g", "t5xxl", "llama", "text_g", "text_l", "gemma", "bert", "mt5xl", "tags")
)
"""Inputs of one encoder that all take the prompt. Any other (lyrics, a system prompt) is something of its own."""
_NOTHING = "ConditioningZeroOut"  # what comes out of it holds no prompt any more

Text = tuple[str, str]
"""(node, input)"""


def prompts(flow: Flow, info: ObjectInfo, order: list[str]) -> dict[Text, tuple[str, int]]:
    """Each text that is a prompt: what it is, and a number that texts of one encoder share. `order`: of the nodes."""
    found: dict[Text, tuple[str, int]] = {}
    groups: dict[tuple[str, str], int] = {}
    for role in (POSITIVE, NEGATIVE):
        for node in order:
            if not _samples(flow, info, node):
                continue
            for field in flow.inputs(node):
                link = flow.link(node, field)
                if link is None or _STARTS.get(field) != role:
                    continue
                for encoder in _encoders(flow, info, link, role):
                    for text in _texts(flow, info, encoder):
                        group = groups.setdefault((role, encoder), len(groups))
                        found.setdefault(text, (role, group))
    return found


def _samples(flow: Flow, info: ObjectInfo, node: str) -> bool:
    known = info.get(flow.class_of(node))
    return known is not None and any(one.type in _ENDS for one in known.outputs)


def _encoders(flow: Flow, info: ObjectInfo, link: tuple[str, int], role: str) -> list[str]:
    """The nodes with a text that a conditioning comes from."""
    found: list[str] = []
    todo, seen = [link], {link}
    while todo:
        node, slot = todo.pop(0)
        if flow.class_of(node) == _NOTHING:
            continue
        if _texts(flow, info, node):
            found.append(node)
            continue
        for field in _passed(flow, info, node, slot, role):
            behind = flow.link(node, field)
            if behind is not None and behind not in seen:
                seen.add(behind)
                todo.append(behind)
    return found


def _passed(flow: Flow, info: ObjectInfo, node: str, slot: int, role: str) -> list[str]:
    """The inputs that an output's conditioning is made of: of the same name where there is one."""
    known = info.get(flow.class_of(node))
    if known is None:
        return []
    name = known.outputs[slot].name if slot < len(known.outputs) else ""
    fields = list(flow.inputs(node))
    if name in fields:
        return [name]
    own = [field for field in fields if _STARTS.get(field) == role]
    kinds = known.by_name
    other = [field for field in fields if (one := kinds.get(field)) and one.type in ("CONDITIONING", "*")]
    return own or other


def _texts(flow: Flow, info: ObjectInfo, node: str) -> list[Text]:
    """The texts in a node, or in the nodes that hand them over to it."""
    known = info.get(flow.class_of(node))
    if known is None:
        return []
    named = [one for one in known.inputs if one.type == "STRING" and one.name in _ALIKE]
    named = named or [one for one in known.inputs if one.type == "STRING" and one.options.get("multiline")][:1]
    found: list[Text] = []
    for one in named:
        at, link = (node, one.name), flow.link(node, one.name)
        if link is not None:
            source = _source(flow, info, link)
            if source is not None:
                found.append(source)
        elif one.name in flow.inputs(node):
            found.append(at)
    return found


def _source(flow: Flow, info: ObjectInfo, link: tuple[str, int]) -> Text | None:
    """The text that comes over a link, through nodes that take one text and give one."""
    for _ in range(len(flow.nodes)):
        node = link[0]
        known = info.get(flow.class_of(node))
        texts = [one.name for one in known.inputs if one.type == "STRING"] if known else []
        here = [name for name in texts if name in flow.inputs(node) and flow.link(node, name) is None]
        if here:
            return (node, here[0])
        behind = [found for name in texts if (found := flow.link(node, name))]
        if not behind:
            return None
        link = behind[0]
    return None
