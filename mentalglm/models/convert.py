"""``mentalglm convert``: a ChatGLM-format checkpoint as a native folder, which loads anywhere without remote code."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from mentalglm.errors import UserError, exit_on_user_error
from mentalglm.models.chatglm import is_chatglm, native_config, native_shards, native_tokenizer, stop_settings
from mentalglm.models.find import check_folder, find_model

# What may lie beside the weights and says something about them.
_KEPT = ("mentalglm.json", "calibration.json", "LICENSE", "LICENSE.txt", "MODEL_LICENSE")


@exit_on_user_error()
def convert(
    source: Annotated[str, typer.Argument(metavar="SRC", help="Folder, hub name or modelscope:ID of the checkpoint.")],
    destination: Annotated[Path, typer.Argument(metavar="DST", help="The native folder to write; must not exist.")],
    revision: Annotated[str | None, typer.Option(help="Revision of a hub name.")] = None,
) -> None:
    """Write a ChatGLM-format checkpoint (glm-4-9b-chat, MentalGLM) as a native folder. Runs no code from it."""
    for line in convert_checkpoint(find_model(source, revision), destination):
        typer.echo(line, err=True)


def convert_checkpoint(source: Path, destination: Path) -> Iterator[str]:
    """Converts the checkpoint in ``source``, shard by shard, so that no more than one is in memory.

    The weights keep their dtype. The folder is written aside and renamed when it is whole.

    Yields:
        A line when the tokenizer, each shard and the whole are done.

    Raises:
        UserError: The source is no ChatGLM-format checkpoint or a broken one, or the destination is there already.
    """
    check_folder(source)
    if not is_chatglm(source):
        raise UserError(f"{source} is no ChatGLM-format checkpoint: it is used as it is, without conversion")
    if destination.exists():
        raise UserError(f"{destination} exists already; name a new folder, or remove it first")
    config = native_config(source)
    aside = destination.with_name(destination.name + ".partial")
    shutil.rmtree(aside, ignore_errors=True)
    aside.mkdir(parents=True)
    tokenizer = native_tokenizer(source)
    tokenizer.save_pretrained(aside)
    yield f"tokenizer: {len(tokenizer)} tokens"
    stops = stop_settings(source, tokenizer)
    yield from _write_weights(source, aside, config)
    config.update(stops)
    config.save_pretrained(aside)
    _write_json(aside / "generation_config.json", _generation_settings(source) | stops)
    for name in _KEPT:
        if (source / name).is_file():
            shutil.copy(source / name, aside)
    if (source / "tasks").is_dir():
        shutil.copytree(source / "tasks", aside / "tasks")
    aside.rename(destination)
    yield f"written: {destination}"


def _write_weights(source: Path, folder: Path, config: Any) -> Iterator[str]:
    from safetensors.torch import save_file

    written: list[tuple[Path, list[str]]] = []
    size = 0
    for shard in native_shards(source, config):
        if not shard:  # it held nothing but what is computed
            continue
        path = folder / f"shard-{len(written)}.safetensors"
        save_file({name: weight.contiguous() for name, weight in shard.items()}, path, {"format": "pt"})
        size += sum(weight.nbytes for weight in shard.values())
        config.dtype = next(iter(shard.values())).dtype
        written.append((path, sorted(shard)))
        yield f"shard {len(written)}: {len(shard)} weights"
        shard.clear()
    places: dict[str, str] = {}
    for number, (path, names) in enumerate(written, 1):
        name = f"model-{number:05d}-of-{len(written):05d}.safetensors"
        path.rename(folder / name)
        places |= dict.fromkeys(names, name)
    _write_json(folder / "model.safetensors.index.json", {"metadata": {"total_size": size}, "weight_map": places})


def _generation_settings(source: Path) -> dict[str, Any]:
    """How the checkpoint says it should sample; its stops are merged apart."""
    path = source / "generation_config.json"
    said: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    return {key: value for key, value in said.items() if key != "transformers_version"}


def _write_json(path: Path, data: dict[str, Any]) -> None:
    path.write_text(json.dumps(data, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
