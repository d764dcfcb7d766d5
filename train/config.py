"""Every setting of a training run: declared once, typed, its docstring the help text; unknown keys are refused."""

import difflib
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from mentalglm.errors import UserError


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewModel(_Strict):
    """A GLM to be made from nothing.

    Attributes:
        tokenizer_data: Instruction folders whose messages the tokenizer is trained on.
        vocab_size: Tokens, special ones included.
        max_position_embeddings: The context, in tokens.
    """

    tokenizer_data: list[Path]
    vocab_size: int = Field(8000, ge=512)
    hidden_size: int = 256
    num_hidden_layers: int = 6
    num_attention_heads: int = 4
    num_key_value_heads: int = 2
    intermediate_size: int = 768
    max_position_embeddings: int = 2048


class Lora(_Strict):
    """A low-rank adapter (PEFT). The defaults are those of Qi et al. (arXiv:2309.03564), the group behind MentalGLM.

    Attributes:
        r: Rank.
        alpha: Scale; the update is multiplied by alpha / r.
        dropout: On the adapter's input.
        target_modules: Which linear layers; ``all-linear`` takes every one but the head.
    """

    r: int = Field(8, ge=1)
    alpha: int = 32
    dropout: float = Field(0.05, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"


class TrainConfig(_Strict):
    """One run of ``train/run.py``.

    Attributes:
        output_dir: Where checkpoints, logs and the finished model go.
        model: Folder or name of the model to start from; or
        new_model: the shape of a model to be made.
        data: Instruction folder, as written by ``python -m instructions build``.
        loss_on: ``answer`` scores the assistant's words and the stop token; ``all`` scores every token (pre-training).
        max_tokens: Take no more tokens of the training data than this (the first ones of the folder).
        lora: Train an adapter instead of all weights.
        max_seq_length: Length of a pack, in tokens.
        per_device_train_batch_size: Packs in one micro-step of one rank.
        gradient_accumulation_steps: Micro-steps in one optimizer step.
        num_train_epochs: Passes over the data.
        max_steps: Stop after this many optimizer steps, whatever the epochs.
        learning_rate: The peak, reached after the warm-up, then a cosine down to a tenth.
        warmup_ratio: Share of the steps.
        max_grad_norm: Gradients are clipped to this norm.
        label_smoothing: Share of the target spread over the vocabulary.
        zero_stage: DeepSpeed ZeRO stage.
        dtype: Precision of weights and compute. fp16 is not offered: GLM overflows in it.
        save_dtype: Precision of the finished weights on disk.
        save_steps: Steps between checkpoints.
        logging_steps: Steps between lines of the log.
        resume: ``auto`` (the newest checkpoint of output_dir, if any), ``never``, or a checkpoint's path.
        show_sample: Print one sample with its mask at the start: only for texts that may be shown.
        dry_run: Print the plan and stop.
    """

    output_dir: Path
    model: str | None = None
    new_model: NewModel | None = None
    data: Path
    loss_on: Literal["answer", "all"] = "answer"
    max_tokens: int | None = Field(None, ge=1)
    lora: Lora | None = None
    max_seq_length: int = Field(512, ge=16)
    per_device_train_batch_size: int = Field(8, ge=1)
    gradient_accumulation_steps: int = Field(1, ge=1)
    num_train_epochs: int = Field(1, ge=1)
    max_steps: int | None = Field(None, ge=1)
    learning_rate: float = Field(1e-3, gt=0)
    warmup_ratio: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    adam_beta2: float = Field(0.95, gt=0, lt=1)
    max_grad_norm: float = Field(1.0, gt=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    zero_stage: Literal[0, 1, 2] = 0
    dtype: Literal["fp32", "bf16"] = "fp32"
    save_dtype: Literal["fp32", "bf16"] = "fp32"
    save_steps: int = Field(200, ge=1)
    logging_steps: int = Field(10, ge=1)
    seed: int = 0
    resume: str = "auto"
    show_sample: bool = False
    dry_run: bool = False

    @model_validator(mode="after")
    def _one_start(self) -> "TrainConfig":
        if (self.model is None) == (self.new_model is None):
            raise ValueError("give either model or new_model")
        if self.new_model is not None and self.lora is not None:
            raise ValueError("lora needs a model to adapt, not new_model")
        return self


def load_config(path: Path, overrides: list[str]) -> TrainConfig:
    """Reads the YAML at ``path`` and applies ``key.sub=value`` overrides, whose values are YAML too.

    Raises:
        UserError: The file is missing or broken, a key is unknown (the nearest known one is named) or a value is wrong.
    """
    if not path.is_file():
        raise UserError(f"{path} not found; name a configuration such as train/configs/embedded.yaml", "missing_file")
    try:
        data: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict):
            raise UserError(f"{path} holds no settings; write key: value lines as in train/configs/embedded.yaml")
        for override in overrides:
            _apply(data, override)
        return TrainConfig.model_validate(data)
    except UnicodeDecodeError:
        raise UserError(f"{path}: not UTF-8; save it as UTF-8") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path}: not valid YAML: {str(error).splitlines()[-1].strip()}") from None
    except ValidationError as error:
        raise UserError(f"{path}: {_problem(error)}") from None


def _apply(data: dict[str, Any], override: str) -> None:
    key, equals, value = override.partition("=")
    if not equals:
        raise UserError(f"{override!r} is not a setting; write key=value, such as max_steps=2")
    *parents, last = key.split(".")
    for parent in parents:
        if data.get(parent) is None:
            data[parent] = {}
        if not isinstance(data[parent], dict):
            raise UserError(f"{key}: {parent} holds no further settings")
        data = data[parent]
    data[last] = yaml.safe_load(value)


def _problem(error: ValidationError) -> str:
    first: Any = error.errors()[0]
    key = ".".join(map(str, first["loc"]))
    if first["type"] == "extra_forbidden":
        sections: dict[str, type[BaseModel]] = {"lora": Lora, "new_model": NewModel}
        section = sections.get(str(first["loc"][0]), TrainConfig)
        near = difflib.get_close_matches(str(first["loc"][-1]), section.model_fields, n=1)
        return f"unknown setting {key!r}" + (f"; did you mean {near[0]!r}?" if near else "; see train/config.py")
    if first["type"] == "missing":
        return f"{key}: missing; add it"
    if not first["loc"]:
        return str(first["msg"]).removeprefix("Value error, ")
    return f"{key}: {first['msg']}; the value is {first['input']!r}"
