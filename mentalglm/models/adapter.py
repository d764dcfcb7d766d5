"""PEFT adapters: which base they need, whether it is the one they were made for, and how they are put onto it."""

import importlib.util
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models.bitsandbytes_import import import_bitsandbytes
from mentalglm.models.find import find_model
from mentalglm.models.first_line import first_line
from mentalglm.models.manifest import Manifest
from mentalglm.models.read_json import read_json

_CHATGLM_MODULES = {"query_key_value", "dense", "dense_h_to_4h", "dense_4h_to_h"}


@dataclass(frozen=True)
class Base:
    """The model below an adapter: what it is called, and where it lies."""

    name: str
    folder: Path


def is_adapter(folder: Path) -> bool:
    """Whether ``folder`` holds an adapter and no whole model."""
    return (folder / "adapter_config.json").is_file()


def base_of(folder: Path) -> Base:
    """The base model that the adapter in ``folder`` needs.

    Raises:
        UserError: The adapter names none, or one that is nowhere, has pickled weights or names modules that no native
            class has, or PEFT is not installed.
    """
    path = folder / "adapter_config.json"
    said = read_json(path)
    name, revision, modules = said.get("base_model_name_or_path"), said.get("revision"), said.get("target_modules")
    if not isinstance(name, str) or not name:
        shown = repr(name)[:80]
        reason = f"must be the folder or hub name of the base model; the value is {shown}"
        raise UserError(f"{path}: base_model_name_or_path: {reason}", "bad_adapter")
    if not (folder / "adapter_model.safetensors").is_file():
        reason = "pickled weights are never read"
        raise UserError(f"{folder} holds no adapter_model.safetensors; {reason}", "unsafe_weights")
    foreign = sorted(_CHATGLM_MODULES & set(modules)) if isinstance(modules, list) else []
    if foreign:
        reason = "a module of the ChatGLM format; merge the adapter there, then run mentalglm convert"
        raise UserError(f"{path}: target_modules: {foreign[0]} is {reason}", "bad_adapter")
    if importlib.util.find_spec("peft") is None:
        raise UserError(f"{folder} is an adapter, and peft is missing; pip install peft", "missing_package")
    return Base(name, find_model(name, revision if isinstance(revision, str) else None))


def check_base(base: Base, manifest: Manifest, hash_of: Callable[[Path], str | None]) -> None:
    """Refuses a base whose weights are not those that the adapter was trained on, where it says which they were.

    Args:
        base: What was found under the name that the adapter gives.
        manifest: The adapter's.
        hash_of: Hashes a model folder's weights.

    Raises:
        UserError: They are others: the sum would be a model that nobody trained.
    """
    if manifest.base_sha256 is None:
        return
    seen = hash_of(base.folder)
    if seen != manifest.base_sha256:
        seen_start, wanted = str(seen)[:12], manifest.base_sha256[:12]
        raise UserError(
            f"adapter: its base {base.name!r} has other weights (sha256 {seen_start}…) than those it was trained on "
            f"({wanted}…); restore that base, or train again",
            "bad_adapter",
        )


def with_adapter(model: Any, folder: Path, trainable: bool = False) -> Any:
    """``model`` with the adapter in ``folder`` around it; a trainable one comes in the model's own dtype.

    Raises:
        UserError: The adapter does not fit.
    """
    import_bitsandbytes()
    from peft import PeftModel

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # what PEFT and transformers have to tell each other
            # An adapter saved empty, or under other names, would be the base model with nothing said.
            warnings.filterwarnings("error", message="Found missing adapter keys")
            return PeftModel.from_pretrained(
                model, str(folder), is_trainable=trainable, autocast_adapter_dtype=not trainable
            )
    except Exception as error:
        reason = first_line(error)[:200]
        raise UserError(f"adapter {folder} does not fit its base model: {reason}", "bad_adapter") from None
