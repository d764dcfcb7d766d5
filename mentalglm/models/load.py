"""Loads a model with native transformers classes: no code from a checkpoint, no pickle, no network unless named."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError

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
    manifest: dict[str, Any] = field(default_factory=dict)
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
        UserError: The model is not there, is not one that transformers knows natively, or would need code or pickled
            weights of its own.
    """
    import torch

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    name = name_or_path or "embedded"
    folder = EMBEDDED if name == "embedded" else Path(name)
    if not folder.is_dir():
        if name == "embedded" or folder.is_absolute() or name.startswith("."):
            raise UserError(f"model {name!r} not found at {folder}; give a folder or a hub name", "missing_model")
        return _load_parts(name, name, None, device, _dtype(dtype, device), revision)
    return _load_parts(name, str(folder), folder, device, _dtype(dtype, device), revision)


def _load_parts(
    name: str, source: str, folder: Path | None, device: str, dtype: Any, revision: str | None
) -> LoadedModel:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    base, base_revision = source, revision
    adapter = folder is not None and (folder / "adapter_config.json").is_file()
    if folder is not None:
        if adapter:
            base = str(_read_json(folder / "adapter_config.json").get("base_model_name_or_path"))
            base_revision = None
        elif not (folder / "config.json").is_file():
            raise UserError(f"{folder} holds no config.json; give the folder of a model or adapter", "missing_model")
        else:
            _refuse_foreign_code(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(source, revision=revision, trust_remote_code=False)
        model = AutoModelForCausalLM.from_pretrained(
            base, revision=base_revision, trust_remote_code=False, use_safetensors=True, dtype=dtype
        )
    except (OSError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise UserError(f"model {name!r} cannot be loaded: {reason}", "missing_model") from None
    if adapter:
        from peft import PeftModel

        model = PeftModel.from_pretrained(model, source)
    manifest = folder / "mentalglm.json" if folder is not None else None
    known = _read_json(manifest) if manifest is not None and manifest.is_file() else {}
    return LoadedModel(name, model.to(device).eval(), tokenizer, known, folder, revision)


def weights_hash(folder: Path | None) -> str | None:
    """sha256 over a model folder's weight files, in the order of their names; None for a hub name."""
    if folder is None:
        return None
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()


def _refuse_foreign_code(folder: Path) -> None:
    config = _read_json(folder / "config.json")
    if config.get("model_type") == "chatglm":
        raise UserError(
            f"{folder} is a ChatGLM-format checkpoint, whose loader is code inside the checkpoint; "
            "use the native edition of the model (its name ends in -hf)",
            "remote_code",
        )
    if not any(folder.glob("*.safetensors")):
        raise UserError(f"{folder} holds no .safetensors weights; pickled weights are never read", "unsafe_weights")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from None
    return dict(data)


def _dtype(name: str | None, device: str) -> Any:
    import torch

    names = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if name is None:
        return torch.float32 if device == "cpu" else "auto"
    if name not in names:
        raise UserError(f"dtype {name!r} is not known; use one of {', '.join(names)}")
    return names[name]
