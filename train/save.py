"""The finished model folder: Hugging Face's layout, and beside it what the model is and how it was made."""

import json
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from mentalglm.errors import UserError
from mentalglm.models.quiet import quiet
from mentalglm.models.read_json import read_json
from mentalglm.tasks import keep_task
from train.aside import written_aside
from train.config import TrainConfig
from train.describe import describe_run
from train.gather import bare_model, gathered_weights
from train.model_card import model_card
from train.one_rank import on_rank_zero
from train.verify import probe_model, verify_saved


def save_model(
    model: Any,
    tokenizer: Any,
    config: TrainConfig,
    rows: Iterable[dict[str, Any] | str],
    folder_name: str = "model",
) -> Path:
    """Writes the model as it stands, or the adapter alone, to ``output_dir/folder_name``; every rank calls it.

    What was written is opened again and held against the model in memory before it takes its place.

    The weights in training are left as they are: what is saved in another dtype is a copy. Tasks that do not come with
    the package go along, in ``tasks/``: the folder is all that is needed to use the model.

    Args:
        model: DeepSpeed's engine, or the model itself.
        tokenizer: Its tokenizer.
        config: The run's settings.
        rows: The instructions trained on, or only the names of their tasks.
        folder_name: Such as ``model``; what stood there before is replaced once the new one is whole.

    Returns:
        The folder.

    Raises:
        UserError: The disk is full, or cannot be written to; or what was written, opened again, is not what was
            trained. What stood there before is untouched.
    """
    import torch

    bare, folder = bare_model(model), config.output_dir / folder_name
    trained = probe_model(bare, tokenizer)
    dtype = torch.bfloat16 if config.save_dtype == "bf16" else torch.float32
    weights = gathered_weights(bare, dtype, trained_only=config.trains_adapter)
    steps = getattr(model, "global_steps", None)

    def write() -> None:
        described = describe_run(config, rows, steps)
        size = sum(weight.nbytes for weight in weights.values())
        with written_aside(folder, size) as aside, quiet():
            write_weights(bare, dict(weights), aside)
            tokenizer.save_pretrained(aside)
            write_description(aside, described)
            settings = yaml.safe_dump(described["config"], allow_unicode=True, sort_keys=False)
            (aside / "training_config.yaml").write_text(settings, encoding="utf-8")
            (aside / "README.md").write_text(model_card(described, config.output_dir), encoding="utf-8")
            with _kept_if_wrong(aside, folder):
                verify_saved(aside, config, trained, weights)

    on_rank_zero(write)
    return folder


@contextmanager
def _kept_if_wrong(aside: Path, folder: Path) -> Iterator[None]:
    failed = folder.with_name(folder.name + ".failed")
    shutil.rmtree(failed, ignore_errors=True)
    try:
        yield
    except UserError as error:
        aside.rename(failed)
        raise UserError(f"{error}; it is kept in {failed}, and the last checkpoint is untouched", error.code) from None


def write_weights(model: Any, weights: dict[str, Any], folder: Path) -> None:
    """Writes ``weights`` in ``model``'s layout; ``config.json`` names their dtype, not that of the model in memory."""
    if hasattr(model, "peft_config"):
        # "auto" would ask the hub about the base's vocabulary; embeddings are never trained here.
        model.save_pretrained(folder, state_dict=weights, save_embedding_layers=False)
        modules = sorted(model.peft_config["default"].target_modules)  # PEFT writes a set, each time in another order
        _set_in(folder / "adapter_config.json", "target_modules", modules)
        return
    dtype = str(next(iter(weights.values())).dtype).removeprefix("torch.")
    model.save_pretrained(folder, state_dict=weights)
    _set_in(folder / "config.json", "dtype", dtype)


def _set_in(path: Path, key: str, value: Any) -> None:
    path.write_text(json.dumps(read_json(path) | {key: value}, indent=2) + "\n", encoding="utf-8")


def write_description(folder: Path, described: dict[str, Any]) -> None:
    """Writes ``mentalglm.json``, and the tasks it names that do not come with the package."""
    written = json.dumps(described, ensure_ascii=False, indent=2)
    (folder / "mentalglm.json").write_text(written + "\n", encoding="utf-8")
    for name in described["tasks"]:
        keep_task(folder, name)
