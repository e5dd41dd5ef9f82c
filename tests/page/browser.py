"""A real Chromium over its own protocol (CDP): one process for all tests, a tab of its own for each page.

Chromium is Debian's (`apt-get install chromium`).  `NETSPEC_NEEDS_BROWSER=1`, as in `.ci/run`, makes it an error that
there is none.
"""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

PATIENCE = 60.0  # seconds; a machine that does much else at once is slow


def chromium() -> str | None:
    paths = map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))
    return next(filter(None, paths), None)


class Browser:
    """A process with an empty profile, listening on a port that it chooses."""

    def __init__(self, binary: str) -> None:
        self.profile = tempfile.TemporaryDirectory(prefix="netspec-chromium-", ignore_cleanup_errors=True)
        command = [
            binary,
            "--headless",
            "--no-sandbox",  # as root, and in containers
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            "--disable-ipc-flooding-protection",  # tests follow hundreds of links in a second
            "--no-first-run",
            "--remote-debugging-port=0",
            f"--user-data-dir={self.profile.name}",
            "about:blank",
        ]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.port = self._port()

    def _port(self) -> int:
        file, end = Path(self.profile.name, "DevToolsActivePort"), time.monotonic() + PATIENCE
        while not file.exists() or not file.read_text().strip():
            assert self.process.poll() is None, "Chromium ended before it listened"
            assert time.monotonic() < end, "Chromium does not listen"
            time.sleep(0.05)
        return int(file.read_text().split()[0])

    def tab(self) -> Tab:
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/json/new?about:blank", method="PUT")
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            about = json.load(answer)
        return Tab(about["webSocketDebuggerUrl"])

    def close(self) -> None:
        self.process.terminate()
        self.process.wait(PATIENCE)
        self.profile.cleanup()


class Tab:
    """One page: what it asks for, what it logs, and what a user would do with it."""

    def __init__(self, address: str) -> None:
        self.open_sockets = ExitStack()
        self.socket = self.open_sockets.enter_context(connect(address, max_size=None, open_timeout=PATIENCE))
        self.number = 0
        self.requests: list[str] = []
        self.errors: list[str] = []
        self.loaded = False
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")

    def __enter__(self) -> Tab:
        return self

    def __exit__(self, *error: object) -> None:
        self.call("Page.close")
        self.open_sockets.close()

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its answer; events that come meanwhile are noted."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while True:
            message = json.loads(self.socket.recv(timeout=PATIENCE))
            if message.get("id") == self.number:
                assert "error" not in message, f"{method}: {message['error']}"
                result: dict[str, Any] = message["result"]
                return result
            self._note(message)

    def _note(self, event: dict[str, Any]) -> None:
        method, params = event.get("method"), event.get("params", {})
        if method == "Network.requestWillBeSent":
            self.requests.append(params["request"]["url"])
        elif method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and params["type"] in ("error", "warning", "assert"):
            self.errors.append(str([a.get("value") for a in params["args"]]))
        elif method == "Log.entryAdded" and params["entry"]["level"] in ("error", "warning"):
            self.errors.append(params["entry"]["text"])
        elif method == "Page.loadEventFired":
            self.loaded = True

    def size(self, width: int, height: int) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)

    def prefer(self, scheme: str) -> None:
        """`light` or `dark`, as the system's setting."""
        self.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])

    def open(self, file: Path, fragment: str = "") -> None:
        """Load a file and wait until the page says that it is drawn."""
        self.loaded = False
        self.call("Page.navigate", url=file.as_uri() + fragment)
        end = time.monotonic() + PATIENCE
        while self.js("document.documentElement?.dataset.ready") != "true" or not self.loaded:
            assert not self.errors, self.errors
            assert time.monotonic() < end, "the page is never ready"
            time.sleep(0.02)

    def js(self, expression: str) -> Any:
        """The value of an expression in the page."""
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result["exceptionDetails"]
        return result["result"].get("value")

    def click(self, selector: str, containing: str = "") -> None:
        """Press and release the mouse on an element, the innermost of those that contain a text, as a user sees it."""
        found = self.js(
            f"""(() => {{
              const all = [...document.querySelectorAll({json.dumps(selector)})];
              const wanted = {json.dumps(containing)};
              const element = wanted ? all.findLast((e) => e.textContent.includes(wanted)) : all[0];
              if (!element) return null;
              const box = element.getBoundingClientRect();
              return [box.x + Math.min(box.width / 2, 60), box.y + Math.min(box.height / 2, 12)];
            }})()"""
        )
        assert found, f"nothing matches {selector} with {containing!r}"
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=found[0], y=found[1], button="left", clickCount=1)

    def key(self, key: str) -> None:
        """Press and release one key."""
        text = {"Enter": "\r"}.get(key, key if len(key) == 1 else "")
        codes = {"Enter": 13, "Escape": 27, "ArrowUp": 38, "ArrowDown": 40, "ArrowLeft": 37, "ArrowRight": 39, "Tab": 9}
        code = codes.get(key, ord(key[0].upper()))
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                **({"text": text} if text and kind == "keyDown" else {}),
            )

    def type(self, text: str) -> None:
        self.call("Input.insertText", text=text)

    def screenshot(self) -> bytes:
        """The window as PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])


@contextmanager
def started() -> Iterator[Browser]:
    binary = chromium()
    assert binary, "there is no Chromium: apt-get install chromium"
    browser = Browser(binary)
    try:
        yield browser
    finally:
        browser.close()


NEEDED = bool(os.environ.get("NETSPEC_NEEDS_BROWSER"))
