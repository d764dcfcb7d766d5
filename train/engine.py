"""The DeepSpeed engine: a JSON of ZeRO settings, completed with what the run's YAML decides."""

import json
from pathlib import Path
from typing import Any

from mentalglm.errors import UserError
from train.config import TrainConfig
from train.loss import AnswerLoss
from train.optimizer import make_optimizer

_SHIPPED = Path(__file__).parent / "deepspeed"


def deepspeed_settings(config: TrainConfig, world: int) -> dict[str, Any]:
    """DeepSpeed's configuration: the JSON that ``config.deepspeed`` names, and the sizes that the YAML decides.

    Raises:
        UserError: The JSON is missing or broken, or sets what the YAML sets to something else.
    """
    path = _json_path(config.deepspeed)
    try:
        settings = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise UserError(f"{path}: not valid JSON: {error}") from None
    if not isinstance(settings, dict):
        raise UserError(f"{path}: holds no settings; see train/deepspeed/zero2.json")
    for key in ("optimizer", "scheduler", "fp16"):
        if settings.get(key):
            raise UserError(f"{path}: {key!r} is decided by the run's YAML (learning_rate, dtype, …); take it out")
    batch, steps = config.per_device_train_batch_size, config.gradient_accumulation_steps
    decided = {
        "train_batch_size": batch * steps * world,
        "train_micro_batch_size_per_gpu": batch,
        "gradient_accumulation_steps": steps,
        "gradient_clipping": config.max_grad_norm,
        "bf16": {"enabled": config.dtype == "bf16"},
    }
    _check_zero(path, settings.get("zero_optimization", {}))
    for key, value in decided.items():
        if settings.get(key, "auto") not in ("auto", value):
            raise UserError(f"{path}: {key} is {settings[key]!r}, the run's YAML makes it {value!r}; take it out")
    return settings | decided | {"zero_allow_untested_optimizer": True}


def zero_stage(settings: dict[str, Any]) -> int:
    """The ZeRO stage of DeepSpeed settings."""
    return int(settings.get("zero_optimization", {}).get("stage", 0))


def offloads(settings: dict[str, Any], part: str) -> bool:
    """Whether ``part``, ``offload_optimizer`` or ``offload_param``, is kept outside the device."""
    return ((settings.get("zero_optimization", {}).get(part) or {}).get("device") or "none") != "none"


def _check_zero(path: Path, zero: Any) -> None:
    if not isinstance(zero, dict):
        raise UserError(f"{path}: zero_optimization is {zero!r}; see train/deepspeed/zero2.json")
    for key, value in zero.items():
        if value == "auto":  # Hugging Face's Trainer fills it in; DeepSpeed knows no such word
            raise UserError(
                f"{path}: zero_optimization.{key} is 'auto'; take it out, or copy train/deepspeed/zero3.json"
            )


def shard_while_loading(settings: dict[str, Any]) -> Any:
    """Under ZeRO-3, lets transformers give each rank its share of a model alone while it is read.

    Returns:
        What keeps this in force as long as it lives; None under the other stages.
    """
    if zero_stage(settings) != 3:
        return None
    from transformers.integrations import HfDeepSpeedConfig

    return HfDeepSpeedConfig(settings)


def start_engine(model: Any, config: TrainConfig, settings: dict[str, Any]) -> Any:
    """The engine that trains ``model`` under :class:`train.loss.AnswerLoss`.

    Raises:
        UserError: An extension that DeepSpeed needs can't be built here.
    """
    import deepspeed

    module = AnswerLoss(model, config.label_smoothing, config.neftune_noise_alpha)
    if zero_stage(settings) == 3:
        # The loss multiplies with the projection's weights itself, outside the layer that owns them.
        deepspeed.zero.register_external_parameter(module, model.get_output_embeddings().weight)
    optimizer = make_optimizer(module, config, offloads(settings, "offload_optimizer"))
    return deepspeed.initialize(model=module, optimizer=optimizer, config=settings)[0]


def _json_path(name: str) -> Path:
    shipped = _SHIPPED / f"{name}.json"
    path = shipped if shipped.is_file() else Path(name)
    if not path.is_file():
        known = ", ".join(sorted(file.stem for file in _SHIPPED.glob("*.json")))
        raise UserError(f"deepspeed: {name!r} is neither one of {known} nor a file", "missing_file")
    return path
