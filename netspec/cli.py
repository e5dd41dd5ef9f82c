"""The commands.  Each calls one function and prints; heavy imports stand inside the command that needs them."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

import netspec
from netspec.report.streams import guarded
from netspec.source.errors import NetspecError, Problem


class App(typer.Typer):
    """The commands, with streams that may fail."""

    def __call__(self, *args: Any, **more: Any) -> Any:
        try:
            with guarded():
                return super().__call__(*args, **more)
        finally:
            with suppress(ValueError):  # of another thread than the first
                signal.signal(signal.SIGINT, signal.SIG_DFL)  # libraries that are closed would show where they were


app = App(
    name="netspec",
    help="A neural network as a YAML file: checked, counted, trained, exported to ONNX, compared in review.",
    no_args_is_help=True,
    add_completion=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Sets = Annotated[list[str] | None, typer.Option("--set", metavar="PATH=VALUE", help="Change a value: a variable "
                 "(`--set width=32`) or any key (`--set train.epochs=5`). May be given again.")]  # fmt: skip
NetFile = Annotated[str, typer.Argument(metavar="FILE", help="A netspec file.", show_default=False)]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
DataAt = Annotated[Path | None, typer.Option("--data", metavar="PATH", show_default=False, help="Where the data of a "
                   "run is now: the data itself, or the folder that its path is relative to.")]  # fmt: skip


class ProblemFormat(StrEnum):
    text = "text"
    json = "json"
    github = "github"


class SummaryFormat(StrEnum):
    table = "table"
    json = "json"
    markdown = "markdown"


class TableFormat(StrEnum):
    table = "table"
    json = "json"


class DiffFormat(StrEnum):
    text = "text"
    json = "json"


def _examples(*lines: str) -> str:
    return "Examples:\n\n" + "\n\n".join(f"`{line}`" for line in lines)


@app.callback(invoke_without_command=True)
def main(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if version:
        typer.echo(f"netspec {netspec.__version__}")
        raise typer.Exit()


@contextmanager
def _errors() -> Iterator[None]:
    """A wrong file ends with its problems on stderr and exit status 1."""
    from netspec.source.memory import memory

    try:
        with memory("while running the command"):
            yield
    except NetspecError as error:
        _complain(error.problems)
        raise typer.Exit(1) from None
    except OSError as error:  # a path that the system does not take: too long, or not for this user
        name = "" if error.filename is None else str(error.filename)
        problem = Problem(
            "NS101", f"cannot be read or written: {error.strerror or error}", name=name, hint="check the path"
        )
        _complain([problem])
        raise typer.Exit(1) from None
    except KeyboardInterrupt as error:
        raise typer.Exit(128 + getattr(error, "number", signal.SIGINT)) from None


def _complain(problems: tuple[Problem, ...] | list[Problem], *, warning: bool = False) -> None:
    from netspec.report.problems import coloured

    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    for i, problem in enumerate(problems):
        text = problem.render()
        if warning:
            text = text.replace(f" {problem.code} ", f" {problem.code} warning: ", 1)
        typer.echo(("\n" if i else "") + (coloured(text) if colour else text), err=True)


def _compiled(file: str, sets: list[str] | None, *, hold_budget: bool = True) -> netspec.Graph:
    """Everything up to shapes and budget, and what the file says about learning."""
    from netspec.data.config import read_data
    from netspec.recipe.config import read_train

    graph = netspec.load(Path(file), sets=sets or (), hold_budget=hold_budget)
    problems: list[Problem] = []
    reads: list[Callable[[], Any]] = []
    if graph.data is not None:
        reads.append(lambda: read_data(graph.data))  # type: ignore[arg-type]  # it is not None here
    if graph.train is not None:
        reads.append(lambda: read_train(graph.train, graph.output_types(), graph.layers()))  # type: ignore[arg-type]  # likewise
    for read in reads:
        try:
            read()
        except NetspecError as error:
            problems += error.problems
    if problems:
        raise NetspecError.of(problems)
    return graph


@app.command(epilog=_examples("netspec validate net.yaml", "netspec validate architectures/*.yaml --format github"))
def validate(
    files: Annotated[list[str], typer.Argument(metavar="FILE…", help="netspec files.", show_default=False)],
    format: Annotated[
        ProblemFormat, typer.Option(help="For a person, a program, or a code review.")
    ] = ProblemFormat.text,
    sets: Sets = None,
) -> None:
    """Check files: syntax, names, shapes, budget, learning. Answers without importing torch.

    Exit status 1 when a file is wrong.
    """
    from netspec.graph.cost import total
    from netspec.report.problems import as_github, as_json
    from netspec.report.text import count, short

    found: list[tuple[Problem, str]] = []
    wrong = False
    for file in files:
        try:
            graph = _compiled(file, sets)
        except NetspecError as error:
            wrong = True
            found += [(p, "error") for p in error.problems]
            if format is ProblemFormat.text:
                _complain(error.problems)
            continue
        found += [(p, "warning") for p in graph.warnings]
        if format is ProblemFormat.text:
            _complain(graph.warnings, warning=True)
            cost = total(graph)
            lengths = f", {graph.lengths.text()}" if graph.lengths.conditions else ""
            typer.echo(f"{file}: ok, {count(cost.params)} parameters, {short(cost.flops)} FLOPs{lengths}")
    if format is ProblemFormat.json:
        typer.echo(as_json(found))
    elif format is ProblemFormat.github and found:
        typer.echo(as_github(found))
    raise typer.Exit(int(wrong))


@app.command(epilog=_examples("netspec summary net.yaml", "netspec summary net.yaml --set width=32 --format markdown"))
def summary(
    file: NetFile,
    format: Annotated[SummaryFormat, typer.Option(help="How to print it.")] = SummaryFormat.table,
    sets: Sets = None,
) -> None:
    """Layers with output shapes, parameters, FLOPs, activation memory and receptive field."""
    from netspec.report import summary as report

    with _errors():
        graph = _compiled(file, sets, hold_budget=False)
    _complain(graph.warnings, warning=True)
    if format is SummaryFormat.json:
        typer.echo(report.as_json(graph))
    elif format is SummaryFormat.markdown:
        typer.echo(report.markdown(graph))
    else:
        console = _console()
        console.print(report.table(graph, console.width))


def _console() -> Any:
    """Stdout; a table that goes to a file or a pipe is as wide as it needs to be."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=200)


@app.command(epilog=_examples("netspec diff HEAD:net.yaml net.yaml", "netspec diff a.yaml b.yaml --format json"))
def diff(
    before: Annotated[
        str, typer.Argument(metavar="A", help="A file, or REV:path of the git repository.", show_default=False)
    ],
    after: Annotated[str, typer.Argument(metavar="B", help="A file, or REV:path.", show_default=False)],
    format: Annotated[DiffFormat, typer.Option(help="How to print it.")] = DiffFormat.text,
) -> None:
    """What changed in the *network*: layers added, removed, renamed, changed, and those that only felt it."""
    from netspec.report import difference
    from netspec.review.diff import diff as compare
    from netspec.review.revision import load_revision

    with _errors():
        found = compare(load_revision(before), load_revision(after))
    if format is DiffFormat.json:
        typer.echo(difference.as_json(found))
        return
    console = _console()
    colours = {
        "head": "bold",
        "added": "green",
        "removed": "red",
        "renamed": "cyan",
        "changed": "yellow",
        "ripple": "dim",
    }
    for status, line in difference.text(found, before, after):
        console.print(line, style=colours.get(status, ""), markup=False, soft_wrap=True)


@app.command(epilog=_examples("netspec layers", "netspec layers conv2d"))
def layers(
    kind: Annotated[str | None, typer.Argument(metavar="KIND", help="A layer kind.", show_default=False)] = None,
) -> None:
    """The reference of layer kinds: equation, shapes, parameters, example."""
    from netspec.report import reference

    if kind is not None:
        with _errors():
            typer.echo(reference.page(kind))
        return
    from rich.table import Table
    from rich.text import Text

    grid = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("kind", "parameters", "what it computes"):
        grid.add_column(column, overflow="fold")
    for row in reference.listing():
        grid.add_row(*map(Text, row))
    _console().print(grid)


@app.command(epilog=_examples("netspec cells", "netspec cells lstm_peephole --hidden 256 --input 64",
                              "netspec cells net.yaml:mine", "netspec cells sru --param rescale=0"))  # fmt: skip
def cells(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="NAME", help="A cell of the library, FILE:NAME for one of a file, FILE for all.", show_default=False
        ),
    ] = None,
    hidden: Annotated[
        int | None, typer.Option(min=1, help="The hidden size; 128 when left out.", show_default=False)
    ] = None,
    input: Annotated[int, typer.Option(min=1, help="The size of x[t].")] = 128,
    params: Annotated[
        list[str] | None, typer.Option("--param", metavar="NAME=VALUE", help="A parameter of the cell.")
    ] = None,
) -> None:
    """Recurrent cells: equations, weights, cost, and how they run on a CPU, a GPU and in ONNX, with the reason."""
    from netspec.report import cells as report

    with _errors():
        console = _console()
        if name is None:
            console.print(report.listing(report.library(), console.width))
            return
        found = report.find(name)
        if len(found) == 1:
            console.print(report.page(found[0], hidden, input, report.read_params(params or ())))
        else:
            console.print(report.listing(found, console.width))


@app.command(epilog=_examples("netspec schema > netspec.schema.json"))
def schema() -> None:
    """Print the JSON schema (draft-07) that editors complete and check with."""
    from netspec.report.schema import schema_text

    typer.echo(schema_text(), nl=False)


@app.command(epilog=_examples("netspec train architectures/digits_cnn.yaml", "netspec train a.yaml --set width=64",
                              "netspec train net.yaml --run runs/net-1 --resume"))  # fmt: skip
def train(
    file: NetFile,
    sets: Sets = None,
    run: Annotated[
        Path | None, typer.Option(help="The run folder; runs/NAME-N when left out.", show_default=False)
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with an interrupted run, exactly as if it had not been.")
    ] = False,
    device: Device = "auto",
    data: DataAt = None,
    allow_changed_data: Annotated[
        bool,
        typer.Option("--allow-changed-data", help="Go on though the data is not what the run began with: with the "
                     "samples that are left, each in the part it was in.")
    ] = False,
) -> None:  # fmt: skip
    """Train the network on its `data` as its `train` says; write a run folder with weights, metrics and curves."""
    with _errors():
        graph = _compiled(file, sets)
        from netspec.training.loop import train as run_training

        if not resume and (data is not None or allow_changed_data):
            raise typer.BadParameter("is for a run to go on with: add --resume, or change the file's `data`",
                                     param_hint="--data" if data is not None else "--allow-changed-data")  # fmt: skip
        options = [word for assignment in sets or () for word in ("--set", assignment)]
        options += ["--device", device] if device != "auto" else []
        options += ["--data", str(data)] if data is not None else []
        options += ["--allow-changed-data"] if allow_changed_data else []
        done = run_training(graph, run=run, resume=resume, device=device, console=_console(), file=file,
                            data_at=data, allow_changed_data=allow_changed_data, options=options)  # fmt: skip
    if done.status == "interrupted":
        raise typer.Exit(128 + done.signal)


@app.command(epilog=_examples("netspec evaluate runs/digits_cnn-1", "netspec evaluate runs/digits_cnn-1 --format json"))
def evaluate(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.", show_default=False)],
    format: Annotated[TableFormat, typer.Option(help="How to print it.")] = TableFormat.table,
    device: Device = "auto",
    data: DataAt = None,
) -> None:
    """Metrics on the test split, with a confusion matrix for classes."""
    with _errors():
        from netspec.training.evaluate import evaluate as run_evaluation

        _show(run_evaluation(run, device=device, data_at=data), format)


@app.command(
    epilog=_examples(
        "netspec predict runs/iris_mlp-1 flowers.csv",
        "netspec predict model.onnx image.png",
        "netspec predict runs/char_lstm-1 'The ' --temperature 0.7",
    )
)
def predict(
    model: Annotated[
        Path, typer.Argument(metavar="RUN-or-MODEL", help="A run folder or an exported .onnx file.", show_default=False)
    ],
    input: Annotated[
        str,
        typer.Argument(help="A .csv, .npz or image file, or a folder of images. For a network trained on the source "
                       "`text`: the beginning of a text, such as \"def \".", metavar="INPUT", show_default=False),
    ],
    format: Annotated[TableFormat, typer.Option(help="How to print it.")] = TableFormat.table,
    device: Device = "auto",
    length: Annotated[
        int | None, typer.Option(min=1, help="Text: how many characters to write; 500 when left out.")
    ] = None,
    temperature: Annotated[
        float | None, typer.Option(min=0, help="Text: below 1 likelier, 0 the likeliest; 1 when left out.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Text: of the characters drawn; 0 when left out.")] = None,
) -> None:  # fmt: skip
    """Predictions for a file: classes with their probability, or numbers. For text: how it goes on."""
    with _errors():
        from netspec.training.predict import Writing
        from netspec.training.predict import predict as run_prediction

        chosen = {"length": length, "temperature": temperature, "seed": seed}
        given = {name: value for name, value in chosen.items() if value is not None}
        writing = Writing(**given) if given else None  # type: ignore[arg-type]  # each in its own field
        _show(run_prediction(model, input, device=device, writing=writing), format)


def _note(notes: tuple[str, ...]) -> None:
    for note in notes:
        typer.echo(f"note: {note}", err=True)


def _show(result: Any, format: TableFormat) -> None:
    _note(result.notes)
    if format is TableFormat.json:
        from netspec.source.json_records import plain_json

        typer.echo(plain_json(result.to_dict(), indent=2))
    else:
        result.show(_console())


@app.command(
    epilog=_examples(
        "netspec export runs/digits_cnn-1 --onnx",
        "netspec export net.yaml --onnx -o net.onnx",
        "netspec export runs/char_lstm-1 --onnx --streaming",
    )
)
def export(
    source: Annotated[Path, typer.Argument(metavar="FILE-or-RUN", help="A netspec file or a run folder.",
                                           show_default=False)],
    onnx: Annotated[bool, typer.Option("--onnx", help="Write ONNX.")] = False,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="NAME.onnx if left out.", show_default=False)] = None,
    sets: Sets = None,
    streaming: Annotated[
        bool,
        typer.Option("--streaming", help="Sequences in pieces: each state of a recurrent layer is an input "
                     "`LAYER.STATE_0` and an output `LAYER.STATE_n`, (B, num_layers, size); what comes out of one "
                     "piece goes into the next, the first gets zeros (a learned start is in the file's metadata, "
                     "`netspec.streaming`). Piece by piece the outputs are those of the whole sequence; outputs "
                     "without a time axis are those of the sequence so far. Refused for layers that look at other "
                     "steps than their own: bidirectional ones, pooling, convolution or attention over time.")
    ] = False,
) -> None:  # fmt: skip
    """Write an ONNX file that was held against the PyTorch module under onnxruntime."""
    if not onnx:
        raise typer.BadParameter("name the format: --onnx", param_hint="--onnx")
    with _errors():
        from netspec.backends.export import export_onnx
        from netspec.backends.onnx.model import OPSET, check_size
        from netspec.report.text import memory
        from netspec.source.files import file_name

        metadata: dict[str, str] = {}
        if source.is_dir():
            from netspec.training.predict import META
            from netspec.training.trained import load_run

            if sets:
                raise typer.BadParameter("a run has its values already", param_hint="--set")
            loaded = load_run(source)
            graph, module = loaded.graph, loaded.module
            _note(loaded.notes)
            metadata[META] = loaded.preprocess.to_json()
        else:
            from netspec.backends.torch.module import to_torch

            graph = _compiled(str(source), sets)
            check_size(graph)
            module = to_torch(graph)
            typer.echo(
                "note: a netspec file has no trained weights; they are fresh. Name a run folder for trained ones.",
                err=True,
            )
        path = out or Path(f"{file_name(graph.name, 'network')}.onnx")
        parity = export_onnx(graph, module, path, metadata, streaming)
        typer.echo(f"{path}: {memory(path.stat().st_size)}, opset {OPSET}, agrees with PyTorch: {parity.text()}")


if __name__ == "__main__":
    app()
