"""Trains two steps of a random model in a process of its own and prints what memory that took and what was foretold."""

import gc
import json
import sys
from pathlib import Path
from typing import Any

from train.config import TrainConfig


def main() -> None:
    """Reads settings of a run as JSON from the command line; prints ``{"measured": bytes, "foretold": bytes, …}``."""
    from train.engine import deepspeed_settings
    from train.memory import estimate_memory
    from train.ranks import start_ranks

    config = TrainConfig.model_validate(json.loads(sys.argv[1]))
    _, world = start_ranks()
    settings = deepspeed_settings(config, world)
    # The same with next to nothing first: what Python and its libraries take is not the run's.
    _train(config, settings, _model_config(vocab=64, hidden=64, intermediate=64))
    gc.collect()
    before = _resident("VmRSS")
    shape = _train(config, settings, _model_config(vocab=16000, hidden=512, intermediate=1536))
    foretold = estimate_memory(config, shape, world, settings, "cpu", scored_share=0.5)
    told = {"measured": _resident("VmHWM") - before, "foretold": foretold.peak, "parts": vars(foretold)}
    print(json.dumps(told), flush=True)


def _train(config: TrainConfig, settings: dict[str, Any], model_config: Any) -> Any:
    """Two steps; the peak of loading is forgotten. Returns the model's shape."""
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.integrations import HfDeepSpeedConfig

    from train.adapters import with_new_adapter
    from train.engine import start_engine, zero_stage
    from train.model_shape import model_shape

    torch.manual_seed(0)
    sharded = HfDeepSpeedConfig(settings) if zero_stage(settings) == 3 else None
    model = AutoModelForCausalLM.from_config(
        model_config, dtype=getattr(torch, {"bf16": "bfloat16"}.get(config.dtype, "float32"))
    )
    if config.lora is not None:
        model = with_new_adapter(model, config.lora, config.seed)
    if config.gradient_checkpointing:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    shape = model_shape(model)
    engine = start_engine(model.train(), config, settings)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    for _ in range(2 * config.gradient_accumulation_steps):
        size = (config.per_device_train_batch_size, config.max_seq_length)
        ids = torch.randint(0, shape.vocab, size)
        positions = torch.arange(size[1]).expand(size) % (size[1] // 2)
        targets = torch.where(positions > size[1] // 4, ids, -100)
        engine.backward(engine(ids, positions, targets, torch.ones(size)) / ids.numel())
        engine.step()
    engine.destroy()
    del sharded
    return shape


def _model_config(vocab: int, hidden: int, intermediate: int) -> Any:
    from transformers import GlmConfig

    return GlmConfig(
        vocab_size=vocab,
        hidden_size=hidden,
        num_hidden_layers=4,
        num_attention_heads=hidden // 64,
        num_key_value_heads=1,
        head_dim=64,
        intermediate_size=intermediate,
        pad_token_id=None,
        eos_token_id=0,
        bos_token_id=None,
        attention_bias=False,
    )


def _resident(key: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{key}:"))


if __name__ == "__main__":
    main()
