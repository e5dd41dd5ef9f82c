"""A netspec file written as no formatter would: by hand, in another order, with comments anywhere."""

from __future__ import annotations

import random

from netspec.frontend.fmt.places import held_by, is_ordered
from netspec.frontend.fmt.scalars import source_lines
from netspec.source.tree import Map, Scalar, Tree

PLAIN_IN_FLOW = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_$.-+/ ()*=")


class Messy:
    """Writes a tree in random styles.

    `comments`: how often there is one, or an empty line; `short`: whether `relu` may be written `{type: relu}`.
    """

    def __init__(self, rng: random.Random, comments: float = 0.0, *, short: bool = False) -> None:
        self.rng, self.rate, self.short = rng, comments, short
        self.comments: list[str] = []

    def text(self, tree: Map) -> str:
        lines = self._map(tree, 0, "")
        return "\n".join(["", *lines, *self._own_lines(0)]) + self.rng.choice(["", "\n", "\n\n\n"])

    def _chance(self, probability: float) -> bool:
        return self.rng.random() < probability

    def _comment(self) -> str:
        self.comments.append(f"# note {len(self.comments)}: {self.rng.choice(['a', 'b: c', '{', '- x', '# #', 'é'])}")
        return self.comments[-1]

    def _own_lines(self, indent: int) -> list[str]:
        lines = [""] * self.rng.randrange(3) if self._chance(self.rate) else []
        return [*lines, " " * indent + self._comment()] if self._chance(self.rate) else lines

    def _behind(self) -> str:
        return " " * self.rng.randrange(1, 9) + self._comment() if self._chance(self.rate) else ""

    def _scalar(self, scalar: Scalar, *, flow: bool) -> str:
        written = " ".join(line.strip() for line in source_lines(scalar.span))
        value = scalar.value
        if not isinstance(value, str):
            return self.rng.choice(["~", "null"]) if value is None and not written and not flow else written
        styles = ["'" + value.replace("'", "''") + "'", '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"']
        if written == value and (not flow or set(value) <= PLAIN_IN_FLOW):
            styles += [value] * 3
        return self.rng.choice(styles)

    def _key(self, name: str) -> str:
        return self.rng.choice([name, name, name, f'"{name}"', f"'{name}' "])

    def _keys(self, tree: Map, holds: str) -> list[str]:
        """In any order where it says nothing; what only its kind could order keeps the order that it has."""
        names = list(tree.entries)
        tag = tree.get("type")
        if holds == "typed" and tag:
            names.remove("type")
            names.insert(self.rng.randrange(len(names) + 1), "type")
        elif is_ordered(holds) and holds != "typed" and (holds != "layer" or (tag and "$" not in str(tag.plain()))):
            self.rng.shuffle(names)
        return names

    def _map(self, tree: Map, indent: int, holds: str) -> list[str]:
        lines = []
        for name in self._keys(tree, holds):
            value, held = tree.entries[name], held_by(holds, name)
            if holds == "layers" and isinstance(value, Scalar) and self._chance(0.3) and self.short:
                value = Map({"type": value}, value.span)
            lines += self._own_lines(indent)
            lines += self._entry(f"{' ' * indent}{self._key(name)}:", value, indent, held)
        return lines

    def _entry(self, start: str, value: Tree, indent: int, holds: str) -> list[str]:
        deeper = indent + self.rng.choice([1, 2, 2, 4])
        if isinstance(value, Scalar):
            text = self._scalar(value, flow=False)
            if text and self._chance(0.1):
                return [start + self._behind(), " " * deeper + text + self._behind()]
            return [f"{start}{' ' * self.rng.randrange(1, 4)}{text}{self._behind()}"]
        if not (value.entries if isinstance(value, Map) else value.items):
            return [start + (" {}" if isinstance(value, Map) else " [ ]") + self._behind()]
        if holds not in ("", "layers", "blocks") and self._chance(0.4):
            return [*f"{start} {self._flow(value, deeper, holds)}{self._behind()}".split("\n")]
        lines = [start + self._behind()]
        if isinstance(value, Map):
            return [*lines, *self._map(value, deeper, holds), *self._own_lines(deeper)]
        for item in value.items:
            lines += self._own_lines(deeper)
            lines += self._entry(" " * deeper + "-", item, deeper, "other")
        return lines

    def _flow(self, tree: Tree, indent: int, holds: str) -> str:
        if isinstance(tree, Scalar):
            return self._scalar(tree, flow=True)
        parts = []
        if isinstance(tree, Map):
            for name in self._keys(tree, holds):
                value = self._flow(tree.entries[name], indent, held_by(holds, name))
                key = f'"{name}"' if set(name) - PLAIN_IN_FLOW else self._key(name)
                parts.append(f"{key}: {value}")
        else:
            parts = [self._flow(item, indent, "other") for item in tree.items]
        ends = [self._break(indent) for _ in parts]
        inner = "".join(f"{part},{end}" for part, end in zip(parts, ends, strict=True))
        return f"{{{inner}}}" if isinstance(tree, Map) else f"[{inner}]"

    def _break(self, indent: int) -> str:
        if self._chance(0.7):
            return " " * self.rng.randrange(3)
        return f"{self._behind()}\n{' ' * (indent + self.rng.randrange(4))}"
