"""GraphModules made cheaply: no child is compiled twice, and equal code is generated once.

`fx.GraphModule(root, graph)` compiles its children again and copies every attribute; for the 105 submodules of
ResNet-152 that takes as long as filling 60 million weights.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import fx, nn

from netspec.backends.torch.copies import with_state_of
from netspec.backends.torch.padding_rows import hold_padding_rows
from netspec.backends.torch.ties import Ties, keep_buffers, kept_ties

Children = dict[str, nn.Module | None]  # as torch types them


class Assembly:
    """Makes the modules of one network."""

    def __init__(self) -> None:
        self.empty = _Module(nn.Module(), fx.Graph())
        self.compiled: dict[object, fx.GraphModule] = {}

    def module(self, code: fx.Graph, children: Children, name: str) -> fx.GraphModule:
        """A module that runs `code` on its children."""
        key = tuple((n.op, n.target, n.name, str(n.args), str(n.kwargs)) for n in code.nodes)
        if key in self.compiled:
            module = self.another(self.compiled[key], children, name)
            module.__dict__.update(_graph=code, _shared=False)  # the same code, a graph of its own
            return module
        compiled = _like(self.empty, {}, fx.GraphModule.__new__(_Module))
        compiled.graph = code  # compiled without children, which torch would compile again
        # A graph that knows its module keeps all weights alive until the garbage collector comes by.
        code.owning_module = None
        module = _like(compiled, children, object.__new__(_class_of(compiled, name)))
        self.compiled[key] = module
        return module

    def another(self, first: fx.GraphModule, children: Children, name: str) -> fx.GraphModule:
        """A module with the code of `first` and children of its own."""
        kind = type(first) if type(first).__name__ == name else _class_of(first, name)
        module = _like(first, children, object.__new__(kind))
        module.__dict__["_shared"] = first.__dict__["_shared"] = True
        return module


def _like(first: fx.GraphModule, children: Children, module: fx.GraphModule) -> fx.GraphModule:
    """Make a new object a module with the state of `first` and children of its own."""
    with_state_of(first, module)
    module.__dict__["_modules"] = children
    return module


def _class_of(first: fx.GraphModule, name: str) -> type[_Module]:
    """A class for all modules that run the code of `first`.

    It calls `forward` without the wrapper that torch's compilation puts around it to print the code of a failure: that
    takes 1.6 % of a small network's time.  torch takes a class of this qualified name for one that it made itself.
    """
    members = {"forward": type(first).forward, "__qualname__": "GraphModuleImpl", "__module__": __name__, "many": True}
    return type(name, (_Module,), members)


def _unpickled(restore: Callable[..., fx.GraphModule], *parts: Any) -> fx.GraphModule:
    """torch restores a plain GraphModule."""
    first = restore(*parts)
    kind = _class_of(first, type(first).__name__)
    module = _like(first, dict(first._modules), object.__new__(kind))
    hold_padding_rows(module)
    return module


def _loaded(module: nn.Module, _: Any) -> None:
    if ties := module.__dict__.pop("_before_load", None):
        ties.restore()
        hold_padding_rows(module)


class _Module(fx.GraphModule):
    """Takes a graph of its own when somebody asks for a shared one, so that an edit stays where it is made.

    What is one tensor under several names in it stays one (backends.torch.ties).
    """

    many = False  # whether modules with the same code share this class

    def recompile(self) -> Any:
        """In a class of its own: the code of the others stays as it is."""
        if type(self).many:
            self.__class__ = type(type(self).__name__, (_Module,), {"__qualname__": "GraphModuleImpl"})
        return super().recompile()

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> _Module:
        with kept_ties(self), keep_buffers(self):
            super()._apply(fn, recurse)  # type: ignore[no-untyped-call]  # torch types none of it
        return self

    def _load_from_state_dict(self, *args: Any) -> None:
        """torch calls this before the children load, and `_loaded` after, in a network that is part of another too."""
        self.__dict__["_before_load"] = Ties(self)
        if _loaded not in self._load_state_dict_post_hooks.values():
            self.register_load_state_dict_post_hook(_loaded)  # type: ignore[no-untyped-call]  # likewise
        super()._load_from_state_dict(*args)

    def __deepcopy__(self, memo: dict[int, Any]) -> fx.GraphModule:
        copied: fx.GraphModule = super().__deepcopy__(memo)
        hold_padding_rows(copied)
        return copied

    def __reduce__(self) -> tuple[Any, ...]:
        restore, parts = super().__reduce__()
        return _unpickled, (restore, *parts)

    def _own_graph(self) -> fx.Graph:
        if self.__dict__.get("_shared"):
            copy = fx.Graph()
            copy.output(copy.graph_copy(self.__dict__["_graph"], {}))
            self.__dict__.update(_graph=copy, _shared=False)
        return self.__dict__["_graph"]  # type: ignore[no-any-return]  # a module's __dict__ holds anything

    def _take_graph(self, graph: fx.Graph) -> None:
        self.__dict__["_shared"] = False
        fx.GraphModule.graph.fset(self, graph)  # type: ignore[attr-defined]  # a property of torch's

    graph: Any = property(_own_graph, _take_graph)


def attach(children: Children, path: str, module: nn.Module) -> None:
    """Put a module at a dotted path, with plain modules for what is between (`layer1` of `layer1.0`)."""
    first, dot, rest = path.partition(".")
    if not dot:
        children[first] = module
        return
    above = children.get(first) or nn.Module()
    children[first] = above
    attach(above._modules, rest, module)
