"""What may be written at the cursor."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator

from lsprotocol.types import (
    CompletionItem,
    CompletionItemKind,
    CompletionList,
    CompletionParams,
    InsertTextFormat,
    InsertTextMode,
    MarkupContent,
    MarkupKind,
    Range,
    TextEdit,
)

from netspec.cells.language.library import library_names
from netspec.frontend.containers import CONTAINERS, WIRING, body_key
from netspec.frontend.formula import FUNCTIONS
from netspec.frontend.holds import NAMED
from netspec.layers import kinds
from netspec.lsp.buffers import OpenFile, real
from netspec.lsp.cursor import Cursor, cursor_at
from netspec.lsp.documentation import cell_doc, escaped, key_doc, kind_doc, kind_summary
from netspec.lsp.family import Family
from netspec.lsp.keys import Key, choice_doc, keys_at, layer_keys, role_of
from netspec.lsp.lines import TextLines
from netspec.lsp.session import Session
from netspec.source.text import show
from netspec.source.tree import Map

_NAME_BEFORE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*$")
_WORD_BEFORE = re.compile(r"[\w./-]*$")
_REFERENCES = (("layer", "from"), ("layer", "share"), ("block", "outputs"))
MAX_FILES = 200  # that are offered after `extends` and `include`


def completion(session: Session, buffer: OpenFile, params: CompletionParams) -> CompletionList | None:
    lines = session.spans().lines(buffer.source)
    offset = lines.at(params.position)
    cursor = cursor_at(buffer.source.text, offset)
    if cursor is None:
        return None
    if not buffer.is_network:  # it may become one by its first key
        start = CompletionItem("netspec", kind=CompletionItemKind.Property, insert_text="netspec: 1\n")
        return CompletionList(False, [start] if not cursor.path and cursor.key is None and not cursor.values else [])
    context = _Asked(session, buffer, session.family(buffer), cursor, lines, offset)
    items = list(context.items())
    for i, item in enumerate(items):
        item.sort_text = item.sort_text or f"{i:05}"
    return CompletionList(is_incomplete=False, items=items)


class _Asked:
    """One request."""

    def __init__(
        self, session: Session, buffer: OpenFile, family: Family, cursor: Cursor, lines: TextLines, offset: int
    ) -> None:
        self.session, self.buffer, self.family, self.cursor = session, buffer, family, cursor
        self.lines, self.offset = lines, offset
        self.role = role_of(cursor.path)

    def items(self) -> Iterator[CompletionItem]:
        cursor = self.cursor
        if "$" in cursor.word:
            yield from self.names_of_expression()
        elif cursor.key is None:
            yield from self.keys()
        else:
            yield from self.values(cursor.key)

    # keys

    def keys(self) -> Iterator[CompletionItem]:
        cursor, levels = self.cursor, [level.values for level in self.cursor.levels]
        used = set(cursor.values)
        if self.role in NAMED:
            yield from self.inherited(used)
            return
        for key in keys_at(cursor.path, levels, self.family).values():
            if key.name not in used:
                yield self.key(key)

    def key(self, key: Key) -> CompletionItem:
        wiring = self.role == "layer" and key.name in WIRING
        rank = "0" if key.required else "2" if wiring and key.name != "type" else "1"
        text = key.name if self.cursor.colon else f"{key.name}: "
        if not self.cursor.colon and not self.cursor.flow and key.nested:
            text = f"{key.name}:{self.line_below(1)}"
        item = self.item(key.name, CompletionItemKind.Property, text, key_doc(key), key.expects)
        item.sort_text = f"{rank}{key.name}" if self.role == "layer" else None
        return item

    def inherited(self, used: set[str]) -> Iterator[CompletionItem]:
        """Names that a parent has, to lay something over them."""
        inherited = self.family.at(*self.cursor.path)
        mapping: Map | None = self.family.root.tree
        for key in self.cursor.path:
            below = mapping.get(key) if mapping else None
            mapping = below if isinstance(below, Map) else None
        written = mapping.entries if mapping else {}
        for name, tree in inherited.entries.items() if isinstance(inherited, Map) else ():
            if name not in used and name not in written:
                where = tree.span.source.name.rpartition("/")[2]
                text = name if self.cursor.colon else f"{name}: "
                yield self.item(name, CompletionItemKind.Reference, text, "", f"from {where}")

    # values

    def values(self, key: str) -> Iterator[CompletionItem]:
        cursor, role = self.cursor, self.role
        if role == "" and key in ("extends", "include"):
            yield from self.files()
        elif role == "" and key == "netspec":
            yield self.item("1", CompletionItemKind.Value, "1", "", "the language version")
        elif role == "layers" and not cursor.item:
            yield from self.kinds(whole=True)
        elif role == "layer" and key == "type":
            yield from self.kinds(whole=False)
        elif role in ("sources", "outputs") or (role, key) in _REFERENCES:
            yield from self.layers(key)
        elif role == "layer" and key == "cell":
            yield from self.cells()
        else:
            yield from self.closed_list(key)

    def closed_list(self, key: str) -> Iterator[CompletionItem]:
        levels = [level.values for level in self.cursor.levels]
        known = keys_at(self.cursor.path, levels, self.family).get(key)
        values = known.values if known else ()
        kind = CompletionItemKind.EnumMember
        for word in values:
            doc = choice_doc(self.cursor.path, key, word)
            default = "default" if known and word == known.default else ""
            yield self.item(word, kind, word, escaped(doc), default)

    def kinds(self, *, whole: bool) -> Iterator[CompletionItem]:
        """`whole`: the entry is still to be written, with what the kind requires."""
        blocks = self.family.at("blocks")
        block_names = list(blocks.entries) if isinstance(blocks, Map) else []
        if self.cursor.path[:1] == ("blocks",) and self.cursor.path[1:2] and self.cursor.path[1] in block_names:
            block_names.remove(self.cursor.path[1])  # a block cannot use itself
        for name in (*block_names, *kinds(), *CONTAINERS):
            kind = CompletionItemKind.Class if name in block_names else CompletionItemKind.Function
            required = [k.name for k in layer_keys(name, self.family).values() if k.required and k.name != "type"]
            text = name
            if whole and required and name not in CONTAINERS and not self.cursor.flow:
                text = self.snippet(f"{{type: {name}, ", required, "}")
            elif whole and name in CONTAINERS and not self.cursor.flow:
                text = f"{self.line_below(1)}type: {name}{self.line_below(1)}{body_key(name)}:{self.line_below(2)}"
            item = self.item(name, kind, text, kind_doc(name, self.family), kind_summary(name, self.family))
            item.sort_text = f"{0 if name in block_names else 1}{name}"
            yield item

    def line_below(self, depth: int) -> str:
        """The end of this line and the indentation of one that belongs to it."""
        text = self.buffer.source.text
        line = text[text.rfind("\n", 0, self.offset) + 1 :]
        return "\n" + " " * (len(line) - len(line.lstrip(" ")) + 2 * depth)

    def snippet(self, before: str, keys: Iterable[str], after: str) -> str:
        """Keys with places to fill in; left empty for a client that knows no snippets."""
        if not self.session.snippets:
            return before + ", ".join(f"{key}: " for key in keys) + after
        inside = ", ".join(f"{key}: ${{{i}}}" for i, key in enumerate(keys, start=1))
        return f"{before}{inside}{after}$0"

    def layers(self, key: str) -> Iterator[CompletionItem]:
        """Names that can be referred to: of the bodies around, those above; inputs."""
        path = self.cursor.path
        bodies = [i for i in range(1, len(path) + 1) if role_of(path[:i]) == "layers"]
        if self.role == "outputs" or key == "outputs":
            home = path[:2] if path[:1] == ("blocks",) else ()
            yield from self.body((*home, "layers"), "")
        for i in reversed(bodies):
            name = path[i] if i < len(path) else ""
            yield from self.body(path[:i], name)
        yield from self.inputs(path)

    def body(self, path: tuple[str, ...], before: str) -> Iterator[CompletionItem]:
        tree = self.family.at(*path)
        for name, entry in tree.entries.items() if isinstance(tree, Map) else ():
            if name == before:
                return
            tag = entry.get("type") if isinstance(entry, Map) else entry
            yield self.item(name, CompletionItemKind.Variable, name, "", str(tag.plain()) if tag else "")
            inner = entry.get("layers") if isinstance(entry, Map) else None
            for deeper in inner.entries if isinstance(inner, Map) else ():
                yield self.item(f"{name}.{deeper}", CompletionItemKind.Variable, f"{name}.{deeper}", "", f"in {name}")

    def inputs(self, path: tuple[str, ...]) -> Iterator[CompletionItem]:
        if path[:1] == ("blocks",):
            named = self.family.at(*path[:2], "inputs")
            names = named.plain() if named is not None else ["in"]
            for name in names if isinstance(names, list) else ():
                yield self.item(str(name), CompletionItemKind.Interface, str(name), "", "an input of the block")
            return
        inputs = self.family.at("inputs")
        for name, tree in inputs.entries.items() if isinstance(inputs, Map) else ():
            yield self.item(name, CompletionItemKind.Interface, name, "", f"input {show(tree.plain())}")

    def cells(self) -> Iterator[CompletionItem]:
        cells = self.family.at("cells")
        for name in (*(cells.entries if isinstance(cells, Map) else ()), *library_names()):
            yield self.item(name, CompletionItemKind.Class, name, cell_doc(name, self.family), "cell")

    def files(self) -> Iterator[CompletionItem]:
        """Netspec files in the folder of this one and below."""
        folder, edited = self.buffer.path.parent, real(self.buffer.path)
        known = (path for path in self.session.buffers.networks() if path.is_relative_to(real(folder)))
        beside = (real(path) for path in sorted(folder.glob("*.y*ml")) if not path.is_symlink())
        for path in list(dict.fromkeys([*beside, *known]))[:MAX_FILES]:
            if path != edited and path.is_relative_to(real(folder)):
                name = os.path.relpath(path, real(folder))
                yield self.item(name, CompletionItemKind.File, name, "", "")

    # what stands in expressions

    def names_of_expression(self) -> Iterator[CompletionItem]:
        word = self.cursor.word
        whole = "$(" not in word
        env: dict[str, tuple[object, str]] = {}
        for home, role in ((("vars",), "variable"), ((*self.cursor.path[:2], "params"), "parameter")):
            if home[0] == "blocks" or home == ("vars",):
                tree = self.family.at(*home)
                env |= {name: (t.plain(), role) for name, t in tree.entries.items()} if isinstance(tree, Map) else {}
        for name, (value, role) in env.items():
            detail = f"{role} {show(value)}" if value is not None else role
            yield self.item(name, CompletionItemKind.Variable, name, "", detail)
        if any("repeat" in level.values for level in self.cursor.levels):
            yield self.item("i", CompletionItemKind.Variable, "i", "", "the number of the copy, from 0")
        for name in () if whole else FUNCTIONS:
            yield self.item(name, CompletionItemKind.Function, name, "", "function")

    # an item

    def item(self, label: str, kind: CompletionItemKind, text: str, doc: str, detail: str) -> CompletionItem:
        item = CompletionItem(label, kind=kind, detail=detail or None)
        if doc:
            item.documentation = MarkupContent(MarkupKind.Markdown, doc)
        if "$" in text and self.session.snippets:
            item.insert_text_format = InsertTextFormat.Snippet
        if "\n" in text:
            item.insert_text_mode = InsertTextMode.AsIs
        item.text_edit = TextEdit(self.range(), text)
        item.filter_text = label
        return item

    def range(self) -> Range:
        """The word that is being written: up to the cursor, so that what follows stays."""
        pattern = _NAME_BEFORE if "$" in self.cursor.word else _WORD_BEFORE
        match = pattern.search(self.cursor.word)
        length = len(match[0]) if match else 0
        return Range(self.lines.position(self.offset - length), self.lines.position(self.offset))
