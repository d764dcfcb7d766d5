"""Loads a model with native transformers classes: no code from a checkpoint, no pickle, no network unless named."""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models.adapter import Base, base_of, check_base, is_adapter, with_adapter
from mentalglm.models.chatglm import is_chatglm, load_weights, native_config, native_tokenizer, stop_settings
from mentalglm.models.find import check_folder, find_model, is_path
from mentalglm.models.first_line import first_line
from mentalglm.models.manifest import Manifest, read_manifest
from mentalglm.models.quiet import quiet


@dataclass(frozen=True)
class LoadedModel:
    """A model ready for inference.

    Attributes:
        name: How the user called it.
        model: A causal language model in evaluation mode.
        tokenizer: Its tokenizer.
        manifest: What ``mentalglm.json`` says; empty for a model that was not trained here.
        folder: Where it lies; of a hub name, in the cache.
        revision: Of a hub name.
        quantization: ``int8``, ``int4`` or None.
    """

    name: str
    model: Any
    tokenizer: Any
    manifest: Manifest = field(default_factory=Manifest)
    folder: Path | None = None
    revision: str | None = None
    quantization: str | None = None


def load_model(
    name_or_path: str | None = None,
    device: str | None = None,
    dtype: str | None = None,
    revision: str | None = None,
    quantization: str | None = None,
    loading: dict[str, Any] | None = None,
) -> LoadedModel:
    """Loads a model and its tokenizer.

    Args:
        name_or_path: A folder, a hub name, ``modelscope:`` and a name there, or None for the embedded model. One with
            ``adapter_config.json`` is a PEFT adapter: its base is loaded first. One in the ChatGLM format is
            translated while it is read; ``mentalglm convert`` does that once and for all.
        device: Such as ``cpu`` or ``cuda``; by default CUDA where there is one.
        dtype: ``fp32``, ``bf16`` or ``fp16``; by default fp32 on CPU, and the checkpoint's own elsewhere.
        revision: Of a hub name.
        quantization: ``int8`` on CPU; ``int8`` or ``int4`` on CUDA, with bitsandbytes.
        loading: What else ``from_pretrained`` is told about the base, such as ``attn_implementation``.

    Raises:
        UserError: The model is not there, is damaged or incomplete, is not one that transformers knows natively, or
            would need code or pickled weights of its own; or the device cannot be used.
    """
    import torch

    from mentalglm.models.quantize import check_quantization

    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"device {device!r} cannot be used ({first_line(error)}); try cpu", "bad_device") from None
    check_quantization(quantization, device)
    name = name_or_path or "embedded"
    kind = _dtype(dtype, device)
    with quiet():
        folder = find_model(name, revision)
        manifest = read_manifest(folder)  # a broken one is said before the weights are read
        tokenizer, model = _load_parts(name, folder, manifest, device, kind, quantization, loading or {})
    return LoadedModel(name, model.to(device).eval(), tokenizer, manifest, folder, revision, quantization)


def _load_parts(
    name: str,
    folder: Path,
    manifest: Manifest,
    device: str,
    dtype: Any,
    quantization: str | None,
    loading: dict[str, Any],
) -> tuple[Any, Any]:
    adapter = is_adapter(folder)
    base = base_of(folder) if adapter else Base(name, folder)
    check_folder(base.folder)
    if adapter:
        check_base(base, manifest, weights_hash)
    # int8 is made of the checkpoint's own numbers: widened first, they would take twice the memory for nothing. An
    # adapter is added in full precision.
    here = quantization is not None and device == "cpu"
    read_as = "auto" if here and not adapter else dtype
    tokenizer = load_tokenizer(name, folder if adapter else base.folder)
    if is_chatglm(base.folder):
        model = _load_chatglm(base.folder, tokenizer, read_as, device, None if here else quantization, loading)
    else:
        model = _load_native(name, base.folder, read_as, device, None if here else quantization, loading)
    model.name_or_path = model.config._name_or_path = base.name if not is_path(base.name) else str(base.folder)
    if adapter:
        model = with_adapter(model, folder)
    if here:
        from mentalglm.models.quantize import quantize_on_cpu

        model = model.merge_and_unload() if adapter else model
        quantize_on_cpu(model, dtype)
    return tokenizer, model


def load_tokenizer(name: str, folder: Path) -> Any:
    """The tokenizer of a model folder, in whichever format.

    Raises:
        UserError: It cannot be read, or has no chat template.
    """
    from transformers import AutoTokenizer

    if (folder / "config.json").is_file() and is_chatglm(folder):
        return native_tokenizer(folder)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
    except Exception as error:  # a damaged file raises whatever its reader raises, down to KeyError and bare Exception
        raise UserError(f"model {name!r} cannot be loaded: {first_line(error)}", "missing_model") from None
    if not tokenizer.chat_template:
        raise UserError(f"model {name!r} has no chat template; use its chat or instruct edition", "no_chat_template")
    return tokenizer


def _load_chatglm(
    folder: Path, tokenizer: Any, dtype: Any, device: str, quantization: str | None, loading: dict[str, Any]
) -> Any:
    if quantization is not None or "quantization_config" in loading:
        reason = "bitsandbytes reads native folders; run mentalglm convert first"
        raise UserError(f"{folder} is in the ChatGLM format: {reason}")
    config = native_config(folder)
    config.update(stop_settings(folder, tokenizer))
    config._attn_implementation = loading.get("attn_implementation")
    return load_weights(folder, config, dtype, device)


def _load_native(
    name: str, folder: Path, dtype: Any, device: str, quantization: str | None, loading: dict[str, Any]
) -> Any:
    from transformers import AutoModelForCausalLM

    settings = loading
    if quantization is not None:
        from mentalglm.models.quantize import cuda_settings

        settings = loading | {"quantization_config": cuda_settings(quantization), "device_map": {"": device}}
    try:
        model, info = AutoModelForCausalLM.from_pretrained(
            str(folder),
            trust_remote_code=False,
            use_safetensors=True,
            dtype=dtype,
            output_loading_info=True,
            **settings,
        )
    except Exception as error:
        raise UserError(f"model {name!r} cannot be loaded: {first_line(error)}", "missing_model") from None
    if info["missing_keys"]:
        count, first = len(info["missing_keys"]), min(info["missing_keys"])
        raise UserError(
            f"model {name!r} is incomplete: {count} weights are missing, such as {first}", "missing_weights"
        )
    return model


def weights_hash(folder: Path | None) -> str | None:
    """sha256 over a model folder's weight files, in the order of their names; None without a folder."""
    if folder is None:
        return None
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.safetensors")):
        status = path.stat()
        digest.update(_file_hash(path, status.st_size, status.st_mtime_ns))
    return digest.hexdigest()


@lru_cache(maxsize=64)
def _file_hash(path: Path, size: int, modified: int) -> bytes:
    """Of a file that has not changed since; a 9B model takes half a minute."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _dtype(name: str | None, device: str) -> Any:
    import torch

    names = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
    if name is None:
        return torch.float32 if device == "cpu" else "auto"
    if name not in names:
        raise UserError(f"dtype {name!r} is not known; use one of {', '.join(names)}")
    return names[name]
