"""Every setting of a training run: declared once, typed, its docstring the help text."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_FP16 = (
    "fp16 is not offered: GLM's activations exceed its largest number, 65,504, and the loss becomes 0 or NaN "
    "(GLM-4 issues 261 and 724); use bf16, or fp32 on a device without it"
)


def _no_fp16(value: Any) -> Any:
    if value in ("fp16", "float16", "half"):
        raise ValueError(_FP16)
    return value


Precision = Annotated[Literal["fp32", "bf16"], BeforeValidator(_no_fp16)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class NewModel(_Strict):
    """A GLM to be made from nothing.

    Attributes:
        tokenizer_data: Instruction folders whose messages the tokenizer is trained on.
        vocab_size: Tokens, special ones and labels included.
        label_tokens: Tasks whose labels are one token each, so that scoring a label takes one step.
        max_position_embeddings: The context, in tokens.
    """

    tokenizer_data: list[Path]
    vocab_size: int = Field(8000, ge=512)
    label_tokens: list[str] = []
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
        target_modules: Which linear layers, by name; ``all-linear`` takes every one but the head, whatever the model
            calls them.
        use_rslora: Multiply by alpha / sqrt(r) instead (rsLoRA, Kalajdzievski 2023).
        use_dora: Learn direction and magnitude apart (DoRA, Liu et al. 2024).
    """

    r: int = Field(8, ge=1)
    alpha: int = Field(32, ge=1)
    dropout: float = Field(0.05, ge=0, lt=1)
    target_modules: str | list[str] = "all-linear"
    use_rslora: bool = False
    use_dora: bool = False


class TrainConfig(_Strict):
    """One run of ``train/run.py``.

    Attributes:
        output_dir: Where checkpoints, logs and the finished model go.
        model: Folder or name of the model to start from; or
        new_model: the shape of a model to be made.
        revision: Of a hub name.
        adapter: A trained adapter of ``model`` to go on from (stage 2 on stage 1); it brings its own ``lora`` settings.
        attn_implementation: What computes attention (``sdpa``, ``eager``, ``flash_attention_2``); by default the
            model's own choice.
        data: Instruction folder, as written by ``python -m instructions build``.
        task: Train on the rows of this task, or of these, alone.
        loss_on: ``answer`` scores the assistant's words and the stop token; ``all`` scores every token (pre-training).
        max_tokens: Take no more tokens of the training data than this (the first ones of the folder).
        overlong: What becomes of a row longer than ``max_seq_length``: ``truncate`` cuts its post, never the
            instruction, the words the answer quotes, the answer or its stop token; ``drop`` leaves it out. Counted.
        class_weights: ``balanced`` weighs each row by the inverse frequency of its labels within its task.
        lora: Train an adapter instead of all weights.
        load_in_4bit: Hold the base in NF4 (QLoRA, Dettmers et al. 2023), by bitsandbytes; trains an adapter only.
        gradient_checkpointing: Keep one activation per layer and compute the rest again: a third more work.
        neftune_noise_alpha: Noise on the embeddings (NEFTune, Jain et al. 2023); 5 is the paper's.
        max_seq_length: Length of a pack, in tokens.
        share_prefixes: Read once what the examples of a pack begin with alike, such as a post that several tasks ask
            about: the same losses and gradients for less work.
        per_device_train_batch_size: Packs in one micro-step of one rank.
        gradient_accumulation_steps: Micro-steps in one optimizer step.
        num_train_epochs: Passes over the data.
        max_steps: Stop after this many optimizer steps, whatever the epochs.
        optimizer: ``adamw``, or ``muon``: the layers' matrices learn by Muon (Jordan et al. 2024), all else by AdamW;
            for training whole models at ZeRO stage 0.
        learning_rate: The peak, reached after the warm-up, then a cosine down to a tenth.
        loraplus_lr_ratio: How many times faster an adapter's B learns than its A (LoRA+, Hayou et al. 2024); 16 is the
            paper's.
        warmup_ratio: Share of the steps.
        weight_decay: Of matrices; vectors (norms, biases) are never decayed.
        adam_beta2: Adam's second decay; the first is 0.9.
        max_grad_norm: Gradients are clipped to this norm.
        label_smoothing: Share of the target spread over the vocabulary.
        deepspeed: ``zero0`` … ``zero3_offload``, the files in train/deepspeed, or a DeepSpeed JSON of your own.
        dtype: Precision of weights and compute.
        save_dtype: Precision of the finished weights on disk.
        eval_steps: Steps between measurements of macro-F1 on the validation split, by label scoring; the model saved
            is then the best one.
        max_eval_samples: Rows of the validation split to measure on, drawn evenly over tasks.
        early_stopping_patience: Stop after this many measurements without a better one.
        save_steps: Steps between checkpoints.
        save_total_limit: Checkpoints kept.
        logging_steps: Steps between lines of the log.
        report_to: Where the log goes besides ``log.jsonl``; wandb and swanlab send it to their servers.
        stop_after_zero_losses: Stop after this many steps whose loss is exactly 0; NaN stops at once.
        merge: Merge the finished adapter into its base too, and check that the two agree.
        seed: Of everything random.
        resume: ``auto`` (the newest checkpoint of output_dir, if any), ``never``, or a checkpoint's path.
        show_sample: Show the post, too, in the sample printed at the start: only for texts that may be shown.
        dry_run: Print the plan and stop.
    """

    output_dir: Path
    model: str | None = None
    new_model: NewModel | None = None
    revision: str | None = None
    adapter: Path | None = None
    attn_implementation: str | None = None
    data: Path
    task: str | list[str] | None = None
    loss_on: Literal["answer", "all"] = "answer"
    max_tokens: int | None = Field(None, ge=1)
    overlong: Literal["truncate", "drop"] = "truncate"
    class_weights: Literal["none", "balanced"] = "none"
    lora: Lora | None = None
    load_in_4bit: bool = False
    gradient_checkpointing: bool = False
    neftune_noise_alpha: float | None = Field(None, gt=0)
    max_seq_length: int = Field(512, ge=16)
    share_prefixes: bool = False
    per_device_train_batch_size: int = Field(8, ge=1)
    gradient_accumulation_steps: int = Field(1, ge=1)
    num_train_epochs: int = Field(1, ge=1)
    max_steps: int | None = Field(None, ge=1)
    optimizer: Literal["adamw", "muon"] = "adamw"
    learning_rate: float = Field(1e-3, gt=0)
    loraplus_lr_ratio: float | None = Field(None, ge=1)
    warmup_ratio: float = Field(0.03, ge=0, lt=1)
    weight_decay: float = Field(0.01, ge=0)
    adam_beta2: float = Field(0.95, gt=0, lt=1)
    max_grad_norm: float = Field(1.0, gt=0)
    label_smoothing: float = Field(0.0, ge=0, lt=1)
    deepspeed: str = "zero0"
    dtype: Precision = "fp32"
    save_dtype: Precision = "fp32"
    eval_steps: int | None = Field(None, ge=1)
    max_eval_samples: int | None = Field(None, ge=1)
    early_stopping_patience: int | None = Field(None, ge=1)
    save_steps: int = Field(200, ge=1)
    save_total_limit: int = Field(2, ge=1)
    logging_steps: int = Field(10, ge=1)
    report_to: list[Literal["tensorboard", "wandb", "swanlab"]] = ["tensorboard"]
    stop_after_zero_losses: int = Field(3, ge=1)
    merge: bool = False
    seed: int = 0
    resume: str = "auto"
    show_sample: bool = False
    dry_run: bool = False

    @property
    def tasks(self) -> list[str] | None:
        """The tasks to train on, or None for all of the data's."""
        return [self.task] if isinstance(self.task, str) else self.task

    @property
    def trains_adapter(self) -> bool:
        """Whether the base stays as it is."""
        return self.lora is not None or self.adapter is not None

    @model_validator(mode="after")
    def _fits_together(self) -> "TrainConfig":
        if (self.model is None) == (self.new_model is None):
            raise ValueError("give either model or new_model")
        if self.new_model is not None and self.trains_adapter:
            raise ValueError("lora and adapter need a model to adapt, not new_model")
        if self.lora is not None and self.adapter is not None:
            raise ValueError("adapter brings its own lora settings; leave lora out, or adapter to start a new one")
        if self.load_in_4bit and not self.trains_adapter:
            raise ValueError("load_in_4bit trains an adapter only; add lora")
        if self.loraplus_lr_ratio is not None and not self.trains_adapter:
            raise ValueError("loraplus_lr_ratio is about an adapter's B; add lora or adapter")
        if self.optimizer == "muon" and (self.trains_adapter or self.deepspeed != "zero0"):
            raise ValueError("optimizer=muon trains whole models with deepspeed=zero0; use adamw here")
        if self.merge and not self.trains_adapter:
            raise ValueError("merge=true needs lora or adapter; without one the whole model is saved anyway")
        if self.early_stopping_patience is not None and self.eval_steps is None:
            raise ValueError("early_stopping_patience needs eval_steps, the steps between measurements")
        if "flash" in (self.attn_implementation or "") and self.per_device_train_batch_size > 1:
            # transformers reads packs off their positions for one row alone; of several it would mix the examples.
            raise ValueError(
                f"attn_implementation={self.attn_implementation} keeps the examples of a pack apart only with "
                "per_device_train_batch_size=1; raise max_seq_length instead, or leave attn_implementation out"
            )
        if self.share_prefixes and "flash" in (self.attn_implementation or ""):
            raise ValueError("share_prefixes needs an attention that takes masks: attn_implementation=sdpa or eager")
        if self.share_prefixes and self.loss_on == "all":
            raise ValueError("share_prefixes needs loss_on=answer: a token that is scored is not shared")
        if self.class_weights == "balanced" and self.loss_on == "all":
            raise ValueError("class_weights=balanced needs loss_on=answer; pre-training has no labels")
        return self
