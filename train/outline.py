"""A model without its weights: everything that a plan asks of it, from a few kilobytes of settings."""

from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from mentalglm.models.chatglm import is_chatglm, native_config
from mentalglm.models.find import EMBEDDED, find_model, is_path
from mentalglm.models.first_line import first_line
from mentalglm.models.hub import NEEDED_FILES
from mentalglm.models.load import load_tokenizer
from train.adapters import with_new_adapter
from train.config import TrainConfig


def outline(config: TrainConfig) -> tuple[Any, Any, Path]:
    """The model on the meta device with its adapter, its tokenizer, and the folder that they were read from.

    Of a hub's model only the settings and the tokenizer are downloaded.

    Raises:
        UserError: The model is nowhere, or is none that transformers knows natively.
    """
    name = str(config.model)
    folder = _settings_folder(name, config.revision)
    if not (folder / "config.json").is_file():
        raise UserError(f"{folder} holds no config.json; give the folder of a model", "missing_model")
    tokenizer = load_tokenizer(name, folder)
    model = _empty_model(name, folder, config)
    if config.lora is not None:
        model = with_new_adapter(model, config.lora, config.seed)
    elif config.adapter is not None:
        model = _with_outlined_adapter(model, config.adapter)
    return model, tokenizer, folder


def weights_bytes(folder: Path) -> int:
    """Bytes of the weights that lie in a model folder; 0 where there are none."""
    return sum(path.stat().st_size for path in folder.glob("*.safetensors"))


def _settings_folder(name: str, revision: str | None) -> Path:
    if name == "embedded":
        return EMBEDDED
    if not is_path(name) and not name.startswith("modelscope:"):
        from huggingface_hub import snapshot_download

        wanted = [pattern for pattern in NEEDED_FILES if not pattern.endswith(".safetensors")]
        try:
            return Path(snapshot_download(name, revision=revision, allow_patterns=wanted))
        except Exception:  # whatever stands in the way, the search below says it in one line
            return find_model(name, revision)
    return find_model(name, revision)


def _empty_model(name: str, folder: Path, config: TrainConfig) -> Any:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    dtype = torch.bfloat16 if config.dtype == "bf16" else torch.float32
    try:
        shape = native_config(folder) if is_chatglm(folder) else AutoConfig.from_pretrained(str(folder))
        with torch.device("meta"):
            return AutoModelForCausalLM.from_config(shape, dtype=dtype, trust_remote_code=False)
    except UserError:
        raise
    except Exception as error:  # a damaged or foreign config raises whatever its reader raises
        raise UserError(f"model {name!r} cannot be read: {first_line(error)}", "missing_model") from None


def _with_outlined_adapter(model: Any, folder: Path) -> Any:
    import torch
    from peft import LoraConfig, get_peft_model

    if not (folder / "adapter_config.json").is_file():
        raise UserError(f"adapter: {folder} holds no adapter_config.json; give the folder of a trained adapter")
    settings = LoraConfig.from_pretrained(str(folder))
    settings.inference_mode = False
    with torch.device("meta"):
        return get_peft_model(model, settings, autocast_adapter_dtype=False)
