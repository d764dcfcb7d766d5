"""Loads a model with native transformers classes: no code from a checkpoint, no pickle, no network unless named."""

import hashlib
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models.adapter import base_name, is_adapter, with_adapter
from mentalglm.models.find import check_folder, find_cached, find_folder
from mentalglm.models.first_line import first_line
from mentalglm.models.manifest import Manifest, read_manifest

EMBEDDED = Path(__file__).parent.parent / "weights" / "embedded"


@dataclass(frozen=True)
class LoadedModel:
    """A model ready for inference.

    Attributes:
        name: How the user called it.
        model: A causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        manifest: What ``mentalglm.json`` says; empty for a model that was not trained here.
        folder: Where it lies, or None for a hub name.
        revision: Of a hub name.
    """

    name: str
    model: Any
    tokenizer: Any
    manifest: Manifest = field(default_factory=Manifest)
    folder: Path | None = None
    revision: str | None = None


def load_model(
    name_or_path: str | None = None, device: str | None = None, dtype: str | None = None, revision: str | None = None
) -> LoadedModel:
    """Loads a model and its tokenizer.

    Args:
        name_or_path: A folder, a hub name, or None for the embedded model. A folder with ``adapter_config.json`` is a
            PEFT adapter: its base is loaded first.
        device: Such as ``cpu`` or ``cuda``; by default CUDA where there is one.
        dtype: ``fp32``, ``bf16`` or ``fp16``; by default fp32 on CPU, and the checkpoint's own elsewhere.
        revision: Of a hub name.

    Raises:
        UserError: The model is not there, is damaged or incomplete, is not one that transformers knows natively, or
            would need code or pickled weights of its own; or the device cannot be used.
    """
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {device!r} cannot be used ({first_line(error)}); try cpu", "bad_device") from None
    name = name_or_path or "embedded"
    if name == "embedded" and not EMBEDDED.is_dir():
        raise UserError(f"model 'embedded' not found at {EMBEDDED}; give a folder or a hub name", "missing_model")
    folder = EMBEDDED if name == "embedded" else find_folder(name)
    manifest = read_manifest(folder)  # a broken one is said before the weights are read
    with _quiet():
        tokenizer, model = _load_parts(name, folder, _dtype(dtype, device), revision)
    return LoadedModel(name, model.to(device).eval(), tokenizer, manifest, folder, revision)


def _load_parts(name: str, folder: Path | None, dtype: Any, revision: str | None) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    adapter = folder if folder is not None and is_adapter(folder) else None
    base = base_name(adapter) if adapter is not None else name
    base_folder = find_folder(base) if adapter is not None else folder
    base_revision = revision if adapter is None else None
    base_folder = base_folder or find_cached(base, base_revision)
    if base_folder is not None:
        check_folder(base_folder)
    try:
        source = str(adapter or base_folder or base)
        tokenizer = AutoTokenizer.from_pretrained(source, revision=base_revision, trust_remote_code=False)
    except Exception as error:  # a damaged file raises whatever its reader raises, down to KeyError and bare Exception
        raise UserError(f"model {name!r} cannot be loaded: {first_line(error)}", "missing_model") from None
    if not tokenizer.chat_template:
        raise UserError(f"model {name!r} has no chat template; use its chat or instruct edition", "no_chat_template")
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            str(base_folder or base),
            revision=base_revision,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=dtype,
            output_loading_info=True,
        )
    except Exception as error:
        raise UserError(f"model {name!r} cannot be loaded: {first_line(error)}", "missing_model") from None
    if info["missing_keys"]:
        count, first = len(info["missing_keys"]), min(info["missing_keys"])
        raise UserError(
            f"model {name!r} is incomplete: {count} weights are missing, such as {first}", "missing_weights"
        )
    return tokenizer, model if adapter is None else with_adapter(model, adapter)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps progress bars and the libraries' own reports off stderr: what matters becomes a UserError."""
    from transformers.utils import logging as reports

    hub = logging.getLogger("huggingface_hub")
    level, verbosity, bars = hub.level, reports.get_verbosity(), reports.is_progress_bar_enabled()
    hub.setLevel(logging.ERROR)
    reports.set_verbosity_error()
    reports.disable_progress_bar()
    try:
        yield
    finally:
        hub.setLevel(level)
        reports.set_verbosity(verbosity)
        if bars:
            reports.enable_progress_bar()


def weights_hash(folder: Path | None) -> str | None:
    """sha256 over a model folder's weight files, in the order of their names; None for a hub name."""
    if folder is None:
        return None
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _dtype(name: str | None, device: str) -> Any:
    import torch

    names = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if name is None:
        return torch.float32 if device == "cpu" else "auto"
    if name not in names:
        raise UserError(f"dtype {name!r} is not known; use one of {', '.join(names)}")
    return names[name]
