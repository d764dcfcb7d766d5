"""Memory foretold against memory taken: real steps of a real (random) model, each in processes of their own."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.needs import need_compiler
from tests.train.published_shapes import model_without_weights
from train.adapters import with_new_adapter
from train.config import Lora, TrainConfig
from train.engine import deepspeed_settings
from train.memory import MemoryEstimate, estimate_memory
from train.model_shape import model_shape

ROOT = Path(__file__).parents[2]
GIB = 2**30
NINE = "zai-org/glm-4-9b-chat-hf"


def settings_of(**settings: Any) -> dict[str, Any]:
    common = {"output_dir": "out", "model": "random", "data": "data"}
    return {**common, "max_seq_length": 256, "per_device_train_batch_size": 2, **settings}


def probe(world: int, **settings: Any) -> tuple[int, int]:
    """Bytes measured on the first of ``world`` ranks, and bytes foretold."""
    need_compiler()
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        port = str(server.getsockname()[1])
    common = {
        "WORLD_SIZE": str(world),
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": port,
        "OMP_NUM_THREADS": "1",
        "DS_ACCELERATOR": "cpu",
        "PATH": f"{os.environ['PATH']}{os.pathsep}{Path(sys.executable).parent}",
        # What is freed goes back at once: glibc would keep it, and the peak would be that of all pieces ever held.
        "MALLOC_MMAP_THRESHOLD_": "65536",
    }
    command = [sys.executable, "-m", "tests.train.memory_probe", json.dumps(settings_of(**settings))]
    started = [
        subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | common | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(world)
    ]
    outputs = [process.communicate(timeout=300) for process in started]
    assert all(process.returncode == 0 for process in started), outputs[0][1][-2000:]
    told = json.loads(outputs[0][0].splitlines()[-1])
    return told["measured"], told["foretold"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("world", "settings"),
    [
        (1, {}),
        (1, {"gradient_accumulation_steps": 2}),
        (1, {"lora": {"dropout": 0.05}}),
        (1, {"lora": {"dropout": 0.0}, "gradient_checkpointing": True, "per_device_train_batch_size": 8}),
        (1, {"lora": {"use_dora": True}, "per_device_train_batch_size": 4}),
        (1, {"dtype": "bf16"}),
        (2, {"deepspeed": "zero2"}),
        (2, {"deepspeed": "zero3"}),
        (2, {"deepspeed": "zero3", "lora": {}}),
    ],
    ids=lambda value: json.dumps(value).replace('"', "") if isinstance(value, dict) else f"{value} ranks",
)
def test_what_is_foretold_is_what_is_taken(world: int, settings: dict[str, Any]) -> None:
    measured, foretold = probe(world, **settings)
    assert foretold == pytest.approx(measured, rel=0.25)


def foretold_for_nine_billion(world: int = 1, **settings: Any) -> MemoryEstimate:
    config = TrainConfig.model_validate(settings_of(**{"dtype": "bf16", "max_seq_length": 2048, **settings}))
    model = model_without_weights(NINE)
    if config.lora is not None:
        model = with_new_adapter(model, config.lora, 0)
    return estimate_memory(config, model_shape(model), world, deepspeed_settings(config, world), "cuda")


def test_nine_billion_weights_in_bf16_and_in_nf4() -> None:
    lora = Lora().model_dump()
    assert foretold_for_nine_billion(lora=lora).weights / GIB == pytest.approx(9.42e9 * 2 / GIB, rel=0.01)
    nf4 = foretold_for_nine_billion(lora=lora, load_in_4bit=True)
    # 8.2 billion in half a byte and a little, table and head in two, and the largest matrix unpacked to multiply with.
    assert nf4.weights / GIB == pytest.approx((8.16e9 * 0.516 + 1.27e9 * 2 + 2 * 13696 * 4096 * 2) / GIB, rel=0.01)
    assert nf4.optimizer == foretold_for_nine_billion(lora=lora).optimizer


def test_zero_divides_what_it_says_it_divides() -> None:
    whole, one, two, three = (
        foretold_for_nine_billion(8, deepspeed=f"zero{stage}", gradient_accumulation_steps=2) for stage in range(4)
    )
    assert one.optimizer == two.optimizer == three.optimizer == pytest.approx(whole.optimizer / 8, rel=1e-6)
    assert one.gradients == whole.gradients
    assert two.gradients == three.gradients == pytest.approx(whole.gradients / 8, rel=1e-6)
    assert two.weights == whole.weights
    assert three.weights < whole.weights / 3  # its eighth, and what is gathered at once
    assert whole.peak > one.peak > two.peak > three.peak + 10 * GIB


def test_offloading_moves_the_optimizer_to_the_host() -> None:
    plain, offloaded = (foretold_for_nine_billion(8, deepspeed=name) for name in ("zero3", "zero3_offload"))
    assert plain.host == 0
    assert offloaded.optimizer == 0
    assert offloaded.host > plain.optimizer
    assert offloaded.peak < plain.peak


def test_checkpointing_keeps_a_vector_a_layer() -> None:
    lora = Lora(dropout=0).model_dump()
    kept, spared = (foretold_for_nine_billion(lora=lora, gradient_checkpointing=on).activations for on in (False, True))
    assert spared < kept / 10
    assert spared > 40 * 2 * 2048 * 4096 * 2  # layers · packs · tokens · width · bytes
