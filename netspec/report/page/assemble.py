"""One HTML file of a page's data, style and code, with a policy that lets it ask for nothing and run nothing else."""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Mapping
from html import escape
from importlib.resources import files
from typing import Any

from netspec.version import VERSION

# In an order in which each stands after those that it imports.
MODULES = (
    *("data", "dom", "text", "places", "labels", "layout", "draw", "view"),
    *("panel", "search", "heat", "review", "keys", "main"),
)
_IMPORT = re.compile(r"^import [^;]*;\n", re.MULTILINE)


def page(data: Mapping[str, Any]) -> str:
    """The whole file."""
    folder = files("netspec.report.page")
    style = (folder / "page.css").read_text(encoding="utf-8")
    licence, library = ((folder / "dagre" / name).read_text(encoding="utf-8") for name in ("LICENSE", "dagre.min.js"))
    dagre = f"/*! dagre\n{licence}*/\n{library}"
    code = module()
    policy = (
        f"default-src 'none'; script-src {_hashed(dagre)} {_hashed(code)}; style-src {_hashed(style)}; "
        "base-uri 'none'; form-action 'none'"
    )
    parts = {
        "POLICY": policy,
        "VERSION": VERSION,
        "TITLE": escape(", ".join(network["name"] for network in data["networks"])),
        "STYLE": style,
        "DATA": script_json(data),
        "DAGRE": dagre,
        "CODE": code,
    }
    template = (folder / "page.html").read_text(encoding="utf-8")
    return re.sub("@([A-Z]+)@", lambda match: parts[match[1]], template)


def module() -> str:
    """The page's modules as one: what each imports stands above it, and all names differ."""
    folder = files("netspec.report.page") / "code"
    texts = ((folder / f"{name}.js").read_text(encoding="utf-8") for name in MODULES)
    return "\n".join(re.sub("^export ", "", _IMPORT.sub("", text), flags=re.MULTILINE) for text in texts)


def script_json(data: Mapping[str, Any]) -> str:
    """JSON that can stand in a script element: nothing in it ends or begins an element or a comment."""
    text = json.dumps(data, ensure_ascii=False, separators=(",", ":"))
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _hashed(text: str) -> str:
    """How the policy names what may stand in the page itself."""
    return f"'sha256-{b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
