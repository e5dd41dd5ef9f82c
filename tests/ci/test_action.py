"""The GitHub action: its steps as a runner would take them, in a repository, with a `gh` that keeps the comments."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml
from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
NET = """netspec: 1
name: net
inputs: {x: [6]}
layers:
  body: {type: linear, out_features: 4}
  head: {type: linear, out_features: 3}
outputs: {y: head}
"""
GH = """#!{python}
import json, os, sys
from pathlib import Path
store = Path(os.environ["GH_STORE"])
state = json.loads(store.read_text())
arguments = sys.argv[1:]
state["calls"].append(arguments)
assert os.environ["GH_TOKEN"] == "the token" and arguments[0] == "api", arguments
if state["forbidden"]:
    store.write_text(json.dumps(state))
    sys.exit("gh: Resource not accessible by integration (HTTP 403)")
urls = [a for a in arguments[1:] if a.startswith("repos/")]
if "--jq" in arguments:
    assert urls == ["repos/owner/name/issues/7/comments?per_page=100"] and "--paginate" in arguments
    for comment in state["comments"]:
        if comment["user"] == "github-actions[bot]" and comment["body"].startswith("<!-- netspec diff -->"):
            print(comment["id"])
else:
    key, file = arguments[arguments.index("--field") + 1].split("=@")
    body = Path(file).read_text()
    method = arguments[arguments.index("--method") + 1]
    if method == "POST":
        assert urls == ["repos/owner/name/issues/7/comments"]
        state["comments"].append({{"id": 100 + len(state["comments"]), "user": "github-actions[bot]", "body": body}})
    else:
        [found] = [c for c in state["comments"] if urls == ["repos/owner/name/issues/comments/" + str(c["id"])]]
        assert method == "PATCH"
        found["body"] = body
store.write_text(json.dumps(state))
"""


@dataclass
class Runner:
    """A job on a pull request: runs the action and keeps what the action leaves."""

    folder: Path
    inputs: dict[str, str] = field(default_factory=dict)
    event: dict[str, Any] = field(default_factory=lambda: {"pull_request": {"number": 7, "base": {"sha": "base"}}})
    outputs: dict[str, dict[str, str]] = field(default_factory=dict)
    log: str = ""

    def run(self) -> int:
        """All steps; gives the exit status of the first that fails."""
        self.outputs, self.log = {}, ""
        (self.folder / "summary").write_text("")
        for step in ACTION["runs"]["steps"]:
            if "if" in step and not all(map(self.value, step["if"].strip("${} ").split(" && "))):
                continue
            output = self.folder / "output"
            output.write_text("")
            done = subprocess.run(
                ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
                cwd=self.folder / "repository",
                env={**self.environ(), **{k: self.filled(v) for k, v in step.get("env", {}).items()}},
                capture_output=True,
                text=True,
            )
            self.log += done.stdout + done.stderr
            lines = [line.partition("=") for line in output.read_text().splitlines()]
            self.outputs[step.get("id", "")] = {name: value for name, _, value in lines}
            if done.returncode:
                return done.returncode
        return 0

    def environ(self) -> dict[str, str]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("GITHUB_", "RUNNER_", "GIT_"))}
        return {
            **clean,
            "PATH": f"{self.folder / 'bin'}:{clean['PATH']}",
            "PYTHONPATH": str(ROOT),
            "GH_STORE": str(self.folder / "store"),
            "RUNNER_TEMP": str(self.folder / "temp"),
            "GITHUB_ACTION_PATH": str(ROOT),
            "GITHUB_REPOSITORY": "owner/name",
            "GITHUB_OUTPUT": str(self.folder / "output"),
            "GITHUB_STEP_SUMMARY": str(self.folder / "summary"),
            "GITHUB_PATH": str(self.folder / "path"),
        }

    def filled(self, text: str) -> str:
        """`${{ a || b }}` as GitHub fills it in."""
        return re.sub(
            r"\$\{\{ (.*?) \}\}",
            lambda m: str(next((v for v in map(self.value, m[1].split(" || ")) if v), "")),
            text,
        )

    def value(self, expression: str) -> Any:
        name, equals, literal = expression.partition(" == ")
        defaults = {key: declared.get("default", "") for key, declared in ACTION["inputs"].items()}
        contexts: Any = {
            "inputs": {**defaults, **self.inputs},
            "github": {"event": self.event, "token": "the token"},
            "runner": {"temp": str(self.folder / "temp")},
            "steps": {step: {"outputs": outputs} for step, outputs in self.outputs.items()},
        }
        for part in name.split("."):
            contexts = contexts.get(part, {})
        found = contexts or ""
        return found == literal.strip("'") if equals else found

    @property
    def state(self) -> dict[str, Any]:
        state: dict[str, Any] = json.loads((self.folder / "store").read_text())
        return state

    def keep(self, **state: Any) -> None:
        (self.folder / "store").write_text(json.dumps({"calls": [], "comments": [], "forbidden": False, **state}))


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    """A repository with the tag `base`, and a change after it."""
    for folder in ("bin", "temp", "repository"):
        (tmp_path / folder).mkdir()
    for name, text in (
        ("gh", GH.format(python=sys.executable)),
        ("netspec", f'#!/bin/sh\nexec "{sys.executable}" -m netspec "$@"\n'),
    ):
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o755)
    made = Runner(tmp_path)
    made.keep()
    git(made, "init", "-q", "-b", "main")
    git(made, "config", "user.name", "n")
    git(made, "config", "user.email", "n@example.org")
    commit(made, "net.yaml", NET)
    git(made, "tag", "base")
    commit(made, "net.yaml", NET.replace("4", "5"))
    return made


def git(runner: Runner, *arguments: str) -> str:
    folder = runner.folder / "repository"
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout


def commit(runner: Runner, path: str, text: str) -> None:
    (runner.folder / "repository" / path).write_text(text)
    git(runner, "add", "-A")
    git(runner, "commit", "-qm", path)


def bodies(runner: Runner) -> list[str]:
    return [comment["body"] for comment in runner.state["comments"]]


def test_nothing_of_others_becomes_part_of_a_script() -> None:
    steps = ACTION["runs"]["steps"]
    assert ACTION["runs"]["using"] == "composite" and all(step["shell"] == "bash" for step in steps)
    assert not any("uses" in step for step in steps)
    assert not any("${{" in step["run"] for step in steps)


def test_the_first_run_makes_a_comment_and_the_next_changes_it(runner: Runner) -> None:
    assert runner.run() == 0, runner.log
    [first] = bodies(runner)
    assert first.startswith("<!-- netspec diff -->\n") and "`net.yaml`" in first
    assert (runner.folder / "summary").read_text().strip() == first.strip()
    assert "::notice file=net.yaml,line=5" in runner.log and runner.outputs["diff"] == {"networks": "1", "status": "0"}
    commit(runner, "net.yaml", NET.replace("4", "9"))
    assert runner.run() == 0, runner.log
    [second] = bodies(runner)
    assert second != first and "9" in second


def test_others_comments_are_left_alone(runner: Runner) -> None:
    theirs = [
        {"id": 1, "user": "somebody", "body": "<!-- netspec diff -->\nmine"},
        {"id": 2, "user": "github-actions[bot]", "body": "of another action"},
    ]
    runner.keep(comments=theirs)
    assert runner.run() == 0, runner.log
    assert runner.state["comments"][:2] == theirs and len(bodies(runner)) == 3


def test_a_change_of_no_network_makes_no_comment_but_brings_one_up_to_date(runner: Runner) -> None:
    runner.event["pull_request"]["base"]["sha"] = "HEAD"
    assert runner.run() == 0 and bodies(runner) == [], runner.log
    runner.keep(comments=[{"id": 1, "user": "github-actions[bot]", "body": "<!-- netspec diff -->\nold"}])
    assert runner.run() == 0, runner.log
    assert bodies(runner) == ["<!-- netspec diff -->\nThis change affects no network.\n"]


def test_a_crossed_limit_fails_the_job_after_the_comment(runner: Runner) -> None:
    runner.inputs = {"fail-on": "params:+5%,interface"}
    assert runner.run() == 3
    assert "params:+5%" in bodies(runner)[0] and "::error file=net.yaml," in runner.log
    runner.inputs = {"fail-on": "params:+50%"}
    assert runner.run() == 0, runner.log
    runner.inputs = {"fail-on": "parms:+5%"}
    assert runner.run() == 2 and "did you mean `params`?" in runner.log


def test_a_broken_file_fails_the_job_after_the_comment(runner: Runner) -> None:
    commit(runner, "net.yaml", NET.replace("linear", "linaer"))
    assert runner.run() == 1
    assert "cannot be read" in bodies(runner)[0] and "::error file=net.yaml,line=5" in runner.log


def test_a_fork_may_not_write_and_gets_the_summary(runner: Runner) -> None:
    runner.keep(forbidden=True)
    assert runner.run() == 0
    assert "::warning title=netspec diff::" in runner.log and "net.yaml" in (runner.folder / "summary").read_text()


def test_paths_are_taken_one_a_line(runner: Runner) -> None:
    commit(runner, "a b;$(touch hacked).yaml", NET)
    runner.inputs = {"paths": "a b;$(touch hacked).yaml\n\n"}
    assert runner.run() == 0, runner.log
    assert runner.outputs["diff"]["networks"] == "1" and "net.yaml" not in bodies(runner)[0]
    assert not list(runner.folder.rglob("hacked"))


@pytest.mark.parametrize("name", ["::error::x.yaml", "`b` | $(touch hacked) <img src=x> @team.yaml"])
def test_names_that_anybody_may_choose(runner: Runner, name: str) -> None:
    commit(runner, name, NET.replace("body", '"body"'))
    assert runner.run() == 0, runner.log
    [body] = bodies(runner)
    assert not any(line.startswith("::error") for line in runner.log.splitlines())
    shown = MarkdownIt("gfm-like", {"linkify": False}).render(body)
    assert "<img" not in shown and "@team" not in re.sub(r"<code[^>]*>.*?</code>", "", shown, flags=re.DOTALL)
    assert not list(runner.folder.rglob("hacked"))


def test_a_push_compares_with_what_was_before_it(runner: Runner) -> None:
    runner.event = {"before": git(runner, "rev-parse", "base").strip()}
    assert runner.run() == 0 and "net.yaml" in (runner.folder / "summary").read_text()
    assert runner.state["calls"] == []
    runner.event = {"before": "0" * 40}
    assert runner.run() == 0 and "There is nothing to compare with" in runner.log


def test_a_shallow_checkout_fetches_what_it_needs(runner: Runner) -> None:
    base = git(runner, "rev-parse", "base").strip()
    (runner.folder / "repository").rename(runner.folder / "origin")
    origin = f"file://{runner.folder / 'origin'}"
    subprocess.run(["git", "clone", "-q", "--depth=1", "--no-tags", origin, runner.folder / "repository"], check=True)
    runner.event["pull_request"]["base"]["sha"] = base
    assert runner.run() == 0, runner.log
    assert "`net.yaml`" in bodies(runner)[0]


def test_what_the_action_installs_is_what_netspec_declares() -> None:
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [install] = [step["run"] for step in ACTION["runs"]["steps"] if step.get("id") == "install"]
    installed = set(re.findall(r"'([^']+)'", install))
    assert installed and installed <= set(project["dependencies"])
