"""``docent model``: the language models on this computer."""

import difflib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.model_views import found_json, found_row, model_json, model_row
from app.cli.output import one_line, write_json, write_note, write_table, write_text
from app.cli.session import Session, session_of
from app.cli.settings_file import check_is_from_file, write_setting
from app.errors import UsageError
from app.settings.paths import BUILTIN

if TYPE_CHECKING:
    from app.models.found import FoundModel
    from app.models.store import ModelInfo, ModelStore

NameArgument = Annotated[
    str, typer.Argument(metavar="MODEL", help="A name that `docent model list` shows, or a folder.")
]
NameOption = Annotated[str | None, typer.Option("--name", metavar="NAME", help="What to call it here.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]
_BACKENDS = ("vllm", "tensorrt-llm")  # of Triton


def register(app: typer.Typer) -> None:
    group = typer.Typer(rich_markup_mode=None)
    group.callback(invoke_without_command=True)(model)
    group.command("list")(list_)
    group.command("info")(info)
    group.command("import")(import_)
    group.command("use")(use)
    group.command("pull")(pull)
    group.command("remove")(remove)
    group.command("quantize")(quantize)
    group.command("build")(build)
    group.command("export")(export)
    group.command("bench")(bench)
    app.add_typer(group, name="model")


def model(context: typer.Context) -> None:
    """Get, look at and remove language models."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def bench(
    context: typer.Context,
    shape: Annotated[
        str, typer.Option(metavar="SHAPE", help="mistral-7b, llama2-13b, llama3-8b or qwen3-1.7b.")
    ] = "mistral-7b",
    gpus: Annotated[int, typer.Option(min=1, max=8, metavar="N", help="Cards that share the model.")] = 1,
    out: Annotated[str | None, typer.Option(metavar="FOLDER", help="Write the figures to a file there, too.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Measure how fast this computer's NVIDIA card runs a model of a given shape.

    The weights are made up, so that no model need be there. Speeds are compared with a copy within the card's memory.
    """
    from app.models.bench import measure_card

    try:
        record = measure_card(shape, session_of(context).settings.folder.builds, Path(out) if out else None, gpus)
    except KeyError:
        raise UsageError(
            f"There is no shape {shape}.", "Take mistral-7b, llama2-13b, llama3-8b or qwen3-1.7b."
        ) from None
    if as_json:
        write_json(record)
        return
    write_text(f"{record['device']}, copies {record['copy_gb_s']:.0f} GB/s")
    columns = {
        "batch": "Requests", "prompt_tokens": "Prompt", "ttft_ms": "TTFT ms", "tpot_ms": "TPOT ms",
        "decode_tok_s": "Tokens/s", "gb_s": "GB/s", "share_of_copy": "Share of copy",
        "engine_tok_s": "Served tokens/s", "busy": "Busy",
    }  # fmt: skip
    write_table(list(columns.values()), [[str(row[key]) for key in columns] for row in record["rows"]])
    for load in record["loads"]:
        write_text(
            f"Loading {load['file_gb']} GB: {load['load_s']} s, {load['first_load_s']} s with kernels to compile."
        )


def list_(context: typer.Context, as_json: JsonOption = False) -> None:
    """Show the models that are here, and those of other programs on this computer."""
    session = session_of(context)
    models = _store(session).all()
    used = session.settings.model.name
    elsewhere = _elsewhere(session)
    if as_json:
        listed = [{**model_json(model), "used": model.name == used} for model in models]
        write_json({"models": listed, "elsewhere": [found_json(found) for found in elsewhere]})
        return
    if models:
        rows = [[model.name + (" *" if model.name == used else ""), *model_row(model)] for model in models]
        write_table(["Model", "Kind", "Weights", "Size", "Context", "Licence", "Note"], rows)
    else:
        write_note("docent: There is no model yet. Get one with `docent model pull OWNER/NAME`.")
    if elsewhere:
        write_text("\nOf other programs; `docent model use MODEL` takes one without copying it:")
        columns = ["Model", "Place", "Kind", "Size", "Context", "Licence", "Note"]
        write_table(columns, [found_row(found) for found in elsewhere])


def info(
    context: typer.Context,
    model: NameArgument,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read all of its files and builds and tell whether they are whole.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Show the properties of a model."""
    session = session_of(context)
    found = model_json(_store(session).info(model))
    if verify:
        from app.models.build import verify_model

        checked = dict(verify_model(_store(session), model, session.settings.folder.builds))
        found["damaged"] = {name: problem for name, problem in checked.items() if problem}
    if as_json:
        write_json(found)
    else:
        for key, value in found.items():
            write_text(one_line(f"{key:14} {value}"))
    if verify and found["damaged"]:
        write_note(f"docent: {model} is damaged. Pull or import it again; a damaged build is made again by itself.")
        raise typer.Exit(1)


def import_(
    context: typer.Context,
    path: Annotated[str, typer.Argument(metavar="PATH", help="A GGUF file, or a folder with a Hugging Face model.")],
    name: NameOption = None,
    link: Annotated[
        bool, typer.Option("--link", help="Leave the files where they are and only point to them.")
    ] = False,
    as_json: JsonOption = False,
) -> None:
    """Import a model from a GGUF file or a folder.

    Of a GGUF model in several files name the first one.
    """
    session = session_of(context)
    _added(session, _store(session).add(Path(path), name, link=link), as_json)


def use(
    context: typer.Context,
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A name that `docent model list` shows.")],
    name: NameOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a model answer from now on.

    A model of another program is taken where it lies, without copying it. The choice is written into the settings file.
    """
    session, key = session_of(context), "model.name"
    check_is_from_file(session, key)
    store = _store(session)
    own = [BUILTIN, *store.names()]
    found = {} if model in own else {found.name: found for found in _elsewhere(session)}
    if model not in own and model not in found:
        near = difflib.get_close_matches(model, [*found, *own], n=1)
        raise UsageError(
            f'There is no model "{model}".',
            f'Did you mean "{near[0]}"?' if near else "`docent model list` shows those that there are.",
        )
    taken = store.info(model) if model in own else store.add(found[model].path, name or model, link=True)
    if taken.problem:
        raise UsageError(f"{taken.name} cannot be used. {taken.problem}", "Take another one.")
    file = write_setting(session, key, taken.name)
    if as_json:
        write_json(model_json(taken) | {"used": True})
        return
    write_text(
        f"{taken.name} answers from now on ({file}). A Docent that is running takes it over when it starts again."
    )
    if session.settings.model.endpoint is not None:
        write_note("docent: model.endpoint is set, so its server answers until that is null.")


def pull(
    context: typer.Context,
    repository: Annotated[str, typer.Argument(metavar="OWNER/NAME", help="A model of the Hugging Face hub.")],
    name: NameOption = None,
    revision: Annotated[str, typer.Option(metavar="REVISION", help="A branch, tag or commit.")] = "main",
    as_json: JsonOption = False,
) -> None:
    """Download a model.

    Goes on where an earlier try broke off, and checks every file. HF_TOKEN is used for models that need it.
    """
    from app.models.pull import ModelHub

    session = session_of(context)
    with _bytes_bar() as show:
        hub = ModelHub(session.settings.model.hub)
        pulled = hub.pull(
            _store(session),
            repository,
            name=name,
            revision=revision,
            on_progress=lambda progress: show(progress.file, progress.done, progress.total),
        )
    _added(session, pulled, as_json)


def remove(context: typer.Context, model: NameArgument, as_json: JsonOption = False) -> None:
    """Delete a model, or the link to one."""
    from app.models.build import forget_builds

    session = session_of(context)
    built_from = _store(session).folder(model).resolve()  # a link leads elsewhere
    folder = _store(session).remove(model)
    forget_builds(built_from, session.settings.folder.builds)
    if as_json:
        write_json({"model": model, "removed": str(folder)})
    else:
        write_text(f"Removed {folder}.")


def quantize(
    context: typer.Context,
    model: NameArgument,
    out: Annotated[str, typer.Argument(metavar="OUT", help="A name for the new model, or a path of a new folder.")],
    scheme: Annotated[
        str, typer.Option(metavar="SCHEME", help="awq or gptq (4 bits), fp8 or int8-smooth (8 bits).")
    ] = "awq",
    group: Annotated[int, typer.Option(min=8, metavar="N", help="Weights that share a scale: 128, 64 or 32.")] = 128,
    symmetric: Annotated[bool, typer.Option("--symmetric", help="Without zero points.")] = False,
    calibration: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Text like what the model will read; otherwise the sample documents."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Make a model in 4 or 8 bits of a full-precision one.

    An interrupted run goes on where it stopped when it is repeated.
    """
    from app.models.quantize import quantize_model
    from app.models.store import describe
    from engines.quantize.quantizer import SCHEMES, QuantizeOptions

    chosen = next((known for known in SCHEMES if known == scheme), None)
    if chosen is None:
        raise UsageError(f"There is no scheme {scheme}.", f"Take {', '.join(SCHEMES)}.")
    session = session_of(context)
    store = _store(session)
    text = Path(calibration) if calibration else None
    with _steps_bar("layers") as show:
        target = quantize_model(store, model, out, QuantizeOptions(group, symmetric, scheme=chosen), text, show)
    _added(session, describe(target, target.name), as_json)


def export(
    context: typer.Context,
    model: NameArgument,
    triton: Annotated[Path, typer.Option("--triton", metavar="FOLDER", help="The model repository to write into.")],
    seen_as: Annotated[
        str | None, typer.Option(metavar="PATH", help="Where the server finds the weights, if not where they lie here.")
    ] = None,
    backend: Annotated[
        str, typer.Option(metavar="BACKEND", help=f"Which of Triton's backends serves it: {' or '.join(_BACKENDS)}.")
    ] = _BACKENDS[0],
    engine: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="For tensorrt-llm: where the server finds what trtllm-build made of it."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Write what Triton needs to serve a model, whose weights stay where they are.

    Docent then asks it by model.endpoint, through Triton's frontend for OpenAI's API.
    """
    from app.models.triton import export_tensorrt_llm, export_vllm

    if backend not in _BACKENDS:
        raise UsageError(f"There is no backend {backend}.", f"Take {' or '.join(_BACKENDS)}.")
    if (engine is None) != (backend == _BACKENDS[0]):
        raise UsageError(
            "The backend tensorrt-llm serves an engine, vllm none.", "Name the engine's folder with --engine, or vllm."
        )
    session = session_of(context)
    chosen, store = session.settings.model, _store(session)
    if engine is None:
        made = export_vllm(store, model, triton, seen_as=seen_as, context=chosen.context, gpus=chosen.gpus)
    else:
        made = export_tensorrt_llm(store, model, triton, seen_as=seen_as, engine=engine)
    if as_json:
        write_json({"model": model, "exported": str(made)})
    else:
        write_text(f"Written to {made}.")


def build(
    context: typer.Context,
    model: NameArgument,
    runtime: Annotated[
        str, typer.Option(metavar="RUNTIME", help="What it is to run on; auto is this CPU's best.")
    ] = "auto",
    as_json: JsonOption = False,
) -> None:
    """Prepare a model for a runtime, so that its first use need not wait.

    An interrupted build goes on where it stopped when it is repeated.
    """
    from app.models.build import build_model, buildable
    from engines.runtimes.registry import automatic

    if runtime == "auto":
        runtime = automatic("cpu")[0].name
    if runtime not in buildable():
        raise UsageError(
            f"There is no runtime {runtime} to prepare a model for.", f"Use one of auto, {', '.join(buildable())}."
        )
    session = session_of(context)
    with _steps_bar("parts") as show:
        notes = build_model(_store(session), model, runtime, session.settings.folder.builds, show)
    if as_json:
        write_json({"model": model, "runtime": runtime, "notes": list(notes)})
    else:
        write_text("\n".join([f"{model} is ready for {runtime}.", *notes]))


def _store(session: Session) -> "ModelStore":
    from app.models.store import ModelStore
    from app.settings.paths import builtin_model

    return ModelStore(session.settings.folder.models, builtin_model())


def _added(session: Session, model: "ModelInfo", as_json: bool) -> None:
    if as_json:
        write_json(model_json(model))
        return
    write_text(f"{model.name}: {model.parameters / 1e9:.2f} billion weights, {model.format}, in {model.folder}.")
    if session.settings.model.name != model.name:
        write_note(f"Let it answer with `docent model use {model.name}`.")


def _elsewhere(session: Session) -> "list[FoundModel]":
    if not session.settings.model.look_elsewhere:
        return []
    from app.models.found import find_models

    return find_models()


@contextmanager
def _bytes_bar() -> Iterator[Callable[[str, int, int], None]]:
    """Shows a download on stderr; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda name, done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("asking the hub", total=None)
        yield lambda name, done, total: bar.update(task, description=name, completed=done, total=total)


@contextmanager
def _steps_bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Shows counted steps on stderr; nothing where that is no terminal."""
    if not sys.stderr.isatty():
        yield lambda done, total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn(name), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(name, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
