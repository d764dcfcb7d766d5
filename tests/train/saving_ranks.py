"""Run by ``test_save_ranks`` under DeepSpeed's launcher: both ranks train a little and save, in every way there is."""

import sys
from pathlib import Path
from typing import Any

import torch

from mentalglm.errors import UserError
from train.config import TrainConfig
from train.engine import deepspeed_settings, shard_while_loading, start_engine
from train.model import starting_model
from train.ranks import start_ranks
from train.save import save_model

KINDS: dict[str, dict[str, Any]] = {
    "full": {},
    "lora": {"lora": {"r": 4, "dropout": 0.0}},
    "dora": {"lora": {"r": 4, "dropout": 0.0, "use_dora": True}},
    "bf16": {"lora": {"r": 4, "dropout": 0.0}, "dtype": "bf16", "save_dtype": "bf16"},
}
STAGES = ("zero0", "zero2", "zero3")


def main(place: Path) -> None:
    """Saves ``place/KIND-STAGE/model`` for all of them, then fails to save on purpose."""
    torch.set_num_threads(1)
    rank, world = start_ranks()
    for stage in STAGES:
        for kind, changed in KINDS.items():
            config = TrainConfig(
                output_dir=place / f"{kind}-{stage}",
                model=str(place / "base"),
                data=place,
                deepspeed=stage,
                per_device_train_batch_size=1,
                gradient_checkpointing=True,
                **changed,
            )
            settings = deepspeed_settings(config, world)
            sharding = shard_while_loading(settings)
            model, tokenizer = starting_model(config, settings)
            engine = start_engine(model, config, settings)
            train_a_little(engine, rank)
            save_model(engine, tokenizer, config, ["suicide_risk"])
            train_a_little(engine, rank)  # saving must not have harmed the engine
            del sharding
    impossible = config.model_copy(update={"output_dir": place / "file"})
    try:
        save_model(engine, tokenizer, impossible, ["suicide_risk"])
    except UserError as error:
        (place / f"failed-{rank}").write_text(str(error), encoding="utf-8")


def train_a_little(engine: Any, rank: int) -> None:
    """Two steps on made-up tokens, other ones on each rank."""
    ids = torch.arange(10, 42).view(1, -1) + 100 * rank
    targets = torch.roll(ids, -1, dims=1)
    targets[0, -1] = -100
    for _ in range(2):
        positions = torch.arange(ids.shape[1])[None]
        loss = engine(input_ids=ids, position_ids=positions, targets=targets, weights=torch.ones(ids.shape))
        engine.backward(loss / ids.numel())
        engine.step()


if __name__ == "__main__":
    main(Path(sys.argv[-1]))
