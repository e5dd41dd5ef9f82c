"""The schema stage: every layer of the file against the schema of its own kind, before anything is expanded.

What holds an expression is left to the expansion, which knows its value; keys are checked here all the same.
"""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass, field
from typing import Any

from netspec.frontend.containers import CONTAINERS, LAYERED, RESERVED, WIRING, body_key
from netspec.frontend.document import Document
from netspec.frontend.expression import has_expression
from netspec.layers import kinds
from netspec.layers.base import Layer
from netspec.source.errors import NetspecError, Problem, did_you_mean
from netspec.source.records import fields_of, read_fields, unknown_key
from netspec.source.text import Span, show
from netspec.source.tree import Items, Map, Scalar, Tree

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# Attributes of torch.nn.Module and torch.fx.GraphModule; a submodule of such a name would hide them.
TORCH_NAMES = frozenset("""
    add_module apply bfloat16 bind_to_node buffers call_super_init children code compile cpu cuda delete_all_unused_submodules
    delete_submodule double dump_patches eval extra_repr float forward get_buffer get_extra_state get_parameter
    get_submodule graph half ipu load_state_dict meta modules mtia named_buffers named_children named_modules
    named_parameters parameters print_readable recompile register_backward_hook register_buffer
    register_forward_hook register_forward_pre_hook register_full_backward_hook
    register_full_backward_pre_hook register_load_state_dict_post_hook register_load_state_dict_pre_hook
    register_module register_parameter register_state_dict_post_hook register_state_dict_pre_hook
    requires_grad_ set_extra_state set_submodule share_memory state_dict to to_empty to_folder train training type
    xpu zero_grad
""".split())


@dataclass
class Block:
    """A layer kind of the file's own: parameters, inputs, layers, outputs."""

    name: str
    span: Span
    params: Map
    inputs: tuple[str, ...]
    layers: Map
    outputs: Tree | None


@dataclass
class Checked:
    """A document whose layers fit their schemas as far as can be known without values."""

    document: Document
    blocks: dict[str, Block] = field(default_factory=dict)
    static: dict[int, Layer] = field(default_factory=dict)  # id of the layer's tree -> the layer, when it has no `$`


def check(document: Document) -> Checked:
    """Run the schema stage.  Raises all NS2xx of the file at once."""
    problems: list[Problem] = []
    checked = Checked(document)
    section = document.section("blocks")
    for name, tree in section.entries.items() if section else ():
        block = _block(name, tree, section.key_span(name), problems)  # type: ignore[union-attr]  # there are entries
        if block:
            checked.blocks[name] = block
    for block in checked.blocks.values():
        _layers(block.layers, checked, problems, ("in",) if block.inputs == ("in",) else block.inputs)
    layers = document.section("layers")
    assert layers is not None  # document.py refused a file without
    inputs = document.section("inputs")
    _layers(layers, checked, problems, tuple(inputs.entries) if inputs else ())
    if problems:
        raise NetspecError.of(problems)
    return checked


def _block(name: str, tree: Tree, span: Span, problems: list[Problem]) -> Block | None:
    owner = f"block {name}"
    if not isinstance(tree, Map):
        problems.append(Problem("NS203", f"{owner} expects a mapping, received {show(tree.plain())}", tree.span,
                                "write `{params: …, layers: …}`"))  # fmt: skip
        return None
    if name in CONTAINERS or name in kinds():
        problems.append(Problem("NS207", f"`{name}` is a kind that netspec has already", span, "choose another name"))
        return None
    _valid_name(name, span, f"{owner}: the name", problems)
    before = len(problems)
    known = ("params", "inputs", "layers", "outputs")
    problems += [unknown_key(k, tree.key_span(k), known, owner) for k in tree.entries if k not in known]
    layers = tree.get("layers")
    if not isinstance(layers, Map) or not layers.entries:
        text = "needs `layers`, a mapping" if layers is None else f"expects `layers` to be a mapping, received {show(layers.plain())}"
        problems.append(Problem("NS204", f"{owner} {text}", layers.span if layers else tree.span))
    params = tree.get("params") or Map({}, tree.span)
    if not isinstance(params, Map):
        problems.append(Problem("NS203", f"`params` of {owner} expects a mapping, received {show(params.plain())}", params.span))
        params = Map({}, tree.span)
    for param in params.entries:
        if param in WIRING:
            problems.append(Problem("NS207", f"parameter `{param}` of {owner} is a wiring key of every layer",
                                    params.key_span(param), "choose another name"))  # fmt: skip
        else:
            _valid_name(param, params.key_span(param), f"parameter `{param}` of {owner}", problems, attribute=True)
    inputs = tree.get("inputs")
    names = inputs.plain() if isinstance(inputs, Items) else ["in"]
    if inputs is not None and not (isinstance(inputs, Items) and names and all(isinstance(n, str) for n in names)):
        problems.append(Problem("NS203", f"`inputs` of {owner} expects a list of names, received {show(inputs.plain())}",
                                inputs.span))  # fmt: skip
    outputs = tree.get("outputs")
    if outputs is not None and not isinstance(outputs, Map):
        problems.append(Problem("NS203", f"`outputs` of {owner} expects a mapping of name to layer, received "
                                f"{show(outputs.plain())}", outputs.span))  # fmt: skip
    if len(problems) > before:
        return None
    assert isinstance(layers, Map)
    return Block(name, span, params, tuple(map(str, names)), layers, outputs)


def _valid_name(name: str, span: Span, what: str, problems: list[Problem], *, attribute: bool = False) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name):
        problems.append(Problem("NS206", f"{what} is made of letters, digits and _, and is no Python keyword; received "
                                f"{show(name)}", span))  # fmt: skip
    elif not attribute and name in TORCH_NAMES:
        problems.append(Problem("NS206", f"{what} `{name}` is taken: PyTorch modules have an attribute of that name", span,
                                f"for example `{name}_1`"))  # fmt: skip


def _layers(tree: Map, checked: Checked, problems: list[Problem], taken: tuple[str, ...] = ()) -> None:
    for name, layer in tree.entries.items():
        place = tree.key_span(name)
        _valid_name(name, place, "a layer's name", problems)
        if name in taken:
            problems.append(Problem("NS206", f"`{name}` is taken here: an input, or a part that the container adds", place,
                                    "choose another name"))  # fmt: skip
        _layer(name, layer, place, checked, problems)


def _layer(name: str, tree: Tree, place: Span, checked: Checked, problems: list[Problem]) -> None:
    tag = tree.get("type") if isinstance(tree, Map) else tree
    if tag is None:
        problems.append(Problem("NS204", f"layer `{name}` needs `type`, its kind", place, "for example `type: relu`"))
        return
    kind = tag.value if isinstance(tag, Scalar) else None
    if not isinstance(kind, str):
        problems.append(Problem("NS203", f"layer `{name}` expects a kind, or a mapping with `type`; received "
                                f"{show(tag.plain())}", tag.span))  # fmt: skip
        return
    fields = tree if isinstance(tree, Map) else Map({}, tag.span)
    if "$" in kind:
        return  # the expansion knows which kind it is, and checks all of it
    owner = f"{kind} `{name}`"
    if kind in checked.blocks:
        _block_arguments(fields, checked.blocks[kind], owner, problems)
    elif kind in CONTAINERS:
        _container(kind, fields, owner, checked, problems)
    elif kind in kinds():
        _check_layer(kind, tree, fields, owner, checked, problems)
    else:
        near = did_you_mean(kind, [*kinds(), *CONTAINERS, *checked.blocks], "`netspec layers` lists all kinds")
        problems.append(Problem("NS201", f"unknown layer kind `{kind}`", tag.span, near))


def _block_arguments(tree: Map, block: Block, owner: str, problems: list[Problem]) -> None:
    for key in tree.entries:
        if key not in WIRING and key not in block.params:
            problems.append(unknown_key(key, tree.key_span(key), [*block.params.entries, *WIRING], owner))
    for param, default in block.params.entries.items():
        if isinstance(default, Scalar) and default.value is None and param not in tree:
            problems.append(Problem("NS204", f"{owner} needs `{param}`", tree.span, f"add `{param}: …`",
                                    route=f"block {block.name} is defined at line {block.span.line}"))  # fmt: skip


def _container(kind: str, tree: Map, owner: str, checked: Checked, problems: list[Problem]) -> None:
    key = body_key(kind)
    body = tree.get(key)
    if not isinstance(body, Map) or not body.entries:
        text = f"needs `{key}`, a mapping" if body is None else f"expects `{key}` to be a mapping of layers, received {show(body.plain())}"
        problems.append(Problem("NS204", f"{owner} {text}", body.span if body else tree.span, "for example `relu: relu`"))
    elif kind == "branches":
        for path, layers in body.entries.items():
            _valid_name(path, body.key_span(path), "a path's name", problems)
            if isinstance(layers, Map):
                _layers(layers, checked, problems)
            elif layers.plain() is not None:
                problems.append(Problem("NS203", f"path `{path}` of {owner} expects a mapping of layers, received "
                                        f"{show(layers.plain())}", layers.span))  # fmt: skip
    else:
        _layers(body, checked, problems, RESERVED[kind])
    read_container(kind, tree, owner, problems, final=False)
    for option in LAYERED:
        value = tree.get(option)
        if isinstance(value, Map) and isinstance(inner := value.get("layers"), Map):
            _layers(inner, checked, problems)


def read_container(kind: str, tree: Map, owner: str, problems: list[Problem], *, final: bool) -> dict[str, Any]:
    """The options of a container; one given as `{layers: …}` keeps its tree."""
    values: dict[str, Any] = {}
    plain: dict[str, Tree] = {}
    for option, value in tree.entries.items():
        if option not in LAYERED or option not in fields_of(CONTAINERS[kind]) or not isinstance(value, Map):
            plain[option] = value
        elif not isinstance(value.get("layers"), Map) or len(value.entries) > 1:
            problems.append(Problem("NS203", f"`{option}` of {owner} expects a word or `{{layers: …}}`, received "
                                    f"{show(value.plain())}", value.span))  # fmt: skip
        else:
            values[option] = value.get("layers")
    unknown = () if final else [k for k, v in plain.items() if k in fields_of(CONTAINERS[kind]) and has_expression(v)]
    read = read_fields(Map(plain, tree.span, tree.key_spans), CONTAINERS[kind], owner, problems,
                       skip=(body_key(kind), *WIRING, *unknown))  # fmt: skip
    defaults = {name: f.default for name, f in fields_of(CONTAINERS[kind]).items()}
    return {**defaults, **read, **values}


def _check_layer(kind: str, tree: Tree, fields: Map, owner: str, checked: Checked, problems: list[Problem]) -> None:
    """Check a layer's keys, and its values where they are known; keep the layer when all are."""
    cls = kinds()[kind]
    known = fields_of(cls)
    dynamic = [k for k, v in fields.entries.items() if k in known and has_expression(v)]
    if dynamic:
        read_fields(fields, cls, owner, problems, skip=(*dynamic, *WIRING))
    elif (layer := make_layer(cls, fields, owner, problems)) is not None:
        checked.static[id(tree)] = layer


def make_layer(cls: type[Layer], tree: Map, owner: str, problems: list[Problem]) -> Layer | None:
    """A layer from a mapping without expressions."""
    found: list[Problem] = []
    values = read_fields(tree, cls, owner, found, skip=WIRING)
    problems += found
    if found:
        return None
    try:
        return cls(**values)
    except NetspecError as error:  # a kind may refuse a combination of values in `__post_init__`
        problems += error.located(tree.span).problems
        return None
