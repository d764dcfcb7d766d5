"""The ``mentalglm`` command."""

import importlib
import io
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from mentalglm import __doc__ as about
from mentalglm.doctor import doctor
from mentalglm.errors import UserError, exit_on_user_error
from mentalglm.models.convert import convert
from mentalglm.options import Options
from mentalglm.server.cli import serve

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=about)


@app.command()
@exit_on_user_error()
def analyze(
    text: Annotated[str | None, typer.Argument(help="One post.")] = None,
    file: Annotated[
        str | None, typer.Option(help="Posts to analyse: .txt .csv .tsv .xlsx .jsonl, or - for stdin.")
    ] = None,
    column: Annotated[str | None, typer.Option(help="The column that holds the post (default: text).")] = None,
    task: Annotated[str, typer.Option(help="Task names, separated by commas, or all.")] = "all",
    labels_only: Annotated[bool, typer.Option("--labels-only", help="No evidence and no explanation.")] = False,
    faithfulness: Annotated[
        bool, typer.Option("--faithfulness", help="Also measure whether the labels rest on the evidence: slower.")
    ] = False,
    max_explanation_characters: Annotated[
        int | None, typer.Option(help="End a longer explanation with its last sentence within.")
    ] = None,
    abstain: Annotated[
        bool, typer.Option("--abstain", help="Make no decision where the calibrated error rate allows none.")
    ] = False,
    model: Annotated[str | None, typer.Option(help="Folder or hub name (default: the embedded model).")] = None,
    device: Annotated[str | None, typer.Option(help="cpu, cuda, cuda:1 …")] = None,
    dtype: Annotated[str | None, typer.Option(help="fp32, bf16 or fp16.")] = None,
    revision: Annotated[str | None, typer.Option(help="Revision of a hub model.")] = None,
    quantization: Annotated[str | None, typer.Option(help="int8 on cpu; int8 or int4 on cuda.")] = None,
    endpoint: Annotated[
        list[str] | None,
        typer.Option(help="Ask an OpenAI-compatible endpoint, such as http://127.0.0.1:8000/v1; may be given again."),
    ] = None,
    endpoint_model: Annotated[str | None, typer.Option(help="The model's name there; --model is its folder.")] = None,
    allow_external: Annotated[
        bool, typer.Option("--allow-external", help="Let posts leave the loopback and private networks.")
    ] = False,
    api_key_env: Annotated[str | None, typer.Option(help="Environment variable with the endpoint's key.")] = None,
    concurrency: Annotated[int, typer.Option(help="Requests under way at each endpoint.")] = 16,
    timeout: Annotated[float, typer.Option(help="Seconds to wait for an endpoint's reply.")] = 120.0,
    format: Annotated[str, typer.Option(help="text, json (one object a line), csv or xlsx (needs --out).")] = "text",
    out: Annotated[Path | None, typer.Option(help="Write to this file, not stdout; a killed run goes on.")] = None,
    lang: Annotated[str, typer.Option(help="Language of what people read: zh or en.")] = "zh",
) -> None:
    """Analyse one post, or every row of a file: label, probability, evidence, explanation."""
    from mentalglm.analyze_files import FORMATS, Request, run

    if (text is None) == (file is None):
        raise UserError("give either a post or --file, not both and not neither; see mentalglm analyze --help")
    if format not in FORMATS:
        raise UserError(f"--format {format!r} is not known; use {', '.join(FORMATS)}")
    _check_language(lang)
    if faithfulness and labels_only:
        raise UserError("--faithfulness measures evidence, which --labels-only leaves out; take one of them out")
    options: Options = {"labels_only": labels_only, "faithfulness": faithfulness}
    options["max_explanation_characters"] = max_explanation_characters
    request = Request(text, file, column, _names(task), options, format, out, lang)
    source: dict[str, Any] = {"device": device, "dtype": dtype, "revision": revision, "abstain": abstain}
    source["quantization"] = quantization
    if endpoint or endpoint_model:
        if not (endpoint and endpoint_model):
            raise UserError("--endpoint and --endpoint-model go together; name both")
        if device or dtype or revision or quantization:
            names = "--device, --dtype, --revision and --quantization"
            raise UserError(f"{names} are the endpoint's own business; leave them out")
        source = {"endpoints": endpoint, "model": endpoint_model, "allow_external": allow_external, "abstain": abstain}
        source |= {"api_key_env": api_key_env, "concurrency": concurrency, "timeout": timeout}
    raise typer.Exit(run(request, model, source))


@app.command()
@exit_on_user_error()
def tasks(
    lang: Annotated[str, typer.Option(help="zh or en.")] = "zh",
    model: Annotated[Path | None, typer.Option(help="Also the tasks of this model's own, from its folder.")] = None,
) -> None:
    """List the tasks: name, kind, what is asked, labels."""
    _check_language(lang)
    if model is not None and not model.is_dir():
        raise UserError(f"--model {model} is no folder; tasks of its own lie in a model's folder", "missing_file")
    from rich.console import Console
    from rich.table import Table

    from mentalglm.models import add_tasks_of
    from mentalglm.tasks import load_task, task_names

    add_tasks_of(model)
    heads = ("任务", "类型", "语言", "所问", "标签") if lang == "zh" else ("task", "kind", "language", "asks", "labels")
    table = Table(*heads, show_lines=True)
    for name in task_names():
        task = load_task(name)
        asks = getattr(task.definition, "en" if lang == "en" else "zh")
        table.add_row(name, task.kind, task.language, asks, "、".join(task.label_names))
    Console(width=None if sys.stdout.isatty() else 140).print(table)


@app.command()
@exit_on_user_error()
def calibrate(
    data: Annotated[Path, typer.Option(help="Labelled rows, or a folder with TASK.jsonl; split validation is used.")],
    task: Annotated[str, typer.Option(help="Task names, separated by commas, or all.")] = "all",
    model: Annotated[str | None, typer.Option(help="Folder of the model; its calibration.json is written.")] = None,
    prevalence: Annotated[
        list[str] | None,
        typer.Option(help="How often a label holds where the model will be used: LABEL=0.02; of two labels 0.02."),
    ] = None,
    error_rate: Annotated[
        float | None, typer.Option(help="Also fit from where on analyze --abstain makes no decision, such as 0.1.")
    ] = None,
) -> None:
    """Fit probabilities and thresholds on validation rows, store them beside the model, and say what they are worth."""
    from mentalglm.calibrate import calibrate_model

    for line in calibrate_model(model, _names(task), data, prevalence or (), error_rate):
        typer.echo(line, err=True)


@app.command(context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []})
@exit_on_user_error()
def demo(context: typer.Context) -> None:
    """Open the demo in a browser (needs mentalglm's extra "demo")."""
    _demo_main()(context.args)


app.command()(doctor)
app.command()(convert)
app.command()(serve)


def _names(tasks: str) -> list[str]:
    return [name.strip() for name in tasks.split(",") if name.strip()]


def _check_language(lang: str) -> None:
    if lang not in ("zh", "en"):
        raise UserError(f"--lang {lang!r} is not known; use zh or en")


def _demo_main() -> Any:
    # An installed package holds the demo as mentalglm.demo; in a clone it is the room next door.
    try:
        return importlib.import_module("mentalglm.demo.__main__").main
    except ModuleNotFoundError as error:
        if error.name not in ("mentalglm.demo", "mentalglm.demo.__main__"):
            raise UserError(f'{error.name} is not installed; run pip install "mentalglm[demo]"') from None
    return importlib.import_module("demo.__main__").main


def main() -> None:
    """The console script."""
    # Into a pipe or file Python writes the system's old encoding, which may lack Chinese.
    for stream, errors in ((sys.stdout, "strict"), (sys.stderr, "backslashreplace")):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors=errors)
    app()


if __name__ == "__main__":
    main()
