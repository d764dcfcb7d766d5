"""QLoRA on the CPU, where bitsandbytes works too: the base is in four bits, stays as it is, and an adapter learns."""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from mentalglm.errors import UserError
from mentalglm.models import load_model
from tests.needs import need_bitsandbytes
from tests.tiny import TASKS, save_tiny, tiny_model
from tests.train.runs import ROOT, losses, ran, write_instructions
from train.config import TrainConfig
from train.merge import merge_adapter
from train.model import starting_model
from train.save import save_model

IDS = torch.arange(7, 39)[None]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_bitsandbytes()
    return save_tiny(tmp_path_factory.mktemp("four") / "base")


def config_of(base: Path, **changed: Any) -> TrainConfig:
    settings: dict[str, Any] = {"lora": {"dropout": 0.0}, "load_in_4bit": True} | changed
    return TrainConfig(output_dir=base.parent / "run", model=str(base), data=base, **settings)


def packed(model: Any) -> dict[str, torch.Tensor]:
    """The four-bit weights and the scales beside them."""
    return {
        name: torch.cat([weight.detach().view(torch.uint8).flatten(), weight.quant_state.absmax.view(torch.uint8)])
        for name, weight in model.named_parameters()
        if hasattr(weight, "quant_state")
    }


@pytest.mark.parametrize("dtype", ["fp32", "bf16"])
def test_every_linear_layer_but_the_head_is_in_nf4(base: Path, dtype: str) -> None:
    from bitsandbytes.nn import Linear4bit

    model, _ = starting_model(config_of(base, dtype=dtype), {})
    layers = {name: module for name, module in model.named_modules() if isinstance(module, Linear4bit)}
    assert len(layers) == 2 * 6
    for layer in layers.values():
        state = layer.weight.quant_state
        assert (state.quant_type, state.nested, state.blocksize) == ("nf4", True, 64)
        assert not layer.weight.requires_grad
    # One dtype in memory, as DeepSpeed asks, and half a byte for each of the base's weights.
    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}[dtype]
    assert {weight.dtype for weight in model.parameters()} == {kind}
    assert sum(layer.weight.nbytes for layer in layers.values()) == sum(
        module.weight.numel() // 2
        for name, module in tiny_model().named_modules()
        if isinstance(module, torch.nn.Linear) and name != "lm_head"
    )
    with torch.no_grad():
        gap = model.eval()(input_ids=IDS).logits.float() - tiny_model()(input_ids=IDS).logits
    assert 0.001 < gap.norm() / tiny_model()(input_ids=IDS).logits.norm() < 0.3


@pytest.mark.parametrize("checkpointing", [False, True])
def test_the_adapter_learns_and_the_base_stays(base: Path, checkpointing: bool) -> None:
    model, _ = starting_model(config_of(base, gradient_checkpointing=checkpointing), {})
    before = packed(model)
    trained = [weight for weight in model.parameters() if weight.requires_grad]
    assert len(trained) == 2 * 12
    optimizer = torch.optim.AdamW(trained, lr=0.02)
    losses = []
    for _ in range(8):
        loss = model(input_ids=IDS, labels=IDS, use_cache=False).loss
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
        with torch.no_grad():  # a measurement in between must not repack the base
            model.eval()(input_ids=IDS)
        model.train()
    assert losses[-1] < losses[0] - 0.1
    after = packed(model)
    assert len(after) == 12 and all(torch.equal(before[name], after[name]) for name in before)


def test_it_is_saved_verified_and_merged_into_the_whole_base(base: Path, tmp_path: Path) -> None:
    config = config_of(base, save_dtype="bf16", lora={"use_dora": True})
    model, tokenizer = starting_model(config, {})
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.1)
    folder = save_model(model, tokenizer, config, TASKS)  # verifies on a base in four bits again
    assert load_model(str(folder)).model.base_model.model.dtype == torch.float32
    report = merge_adapter(folder, tmp_path / "merged", dtype="fp32")
    assert report.agreement == 1 and report.largest_logit_gap < 1e-4


@pytest.mark.parametrize(("zero", "dtype"), [("zero0", "fp32"), ("zero2", "bf16")])
def test_a_run_trains_in_four_bits(base: Path, zero: str, dtype: str) -> None:
    write_instructions(base.parent / "data")
    settings = {"deepspeed": zero, "dtype": dtype, "num_train_epochs": 4, "gradient_checkpointing": True}
    run = ran(base.parent, f"run-{zero}", lora={"r": 4}, load_in_4bit=True, **settings)
    assert losses(run)[-1] < losses(run)[0] - 0.1
    assert load_model(str(run / "model")).manifest.config["load_in_4bit"] is True


def test_without_bitsandbytes_the_command_to_install_it_is_named(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "bitsandbytes" else real(name))
    with pytest.raises(UserError, match=r'load_in_4bit needs bitsandbytes; pip install "mentalglm\[qlora\]"'):
        starting_model(config_of(base), {})


def test_importing_bitsandbytes_fetches_no_code(tmp_path: Path) -> None:
    """Where the package ``kernels`` is installed, bitsandbytes would download compiled code through it."""
    need_bitsandbytes()
    trap = "import pathlib\ndef get_kernel(*a, **k): pathlib.Path(__file__).with_name('fetched').touch()\n"
    (tmp_path / "kernels.py").write_text(trap, encoding="utf-8")
    program = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        "from mentalglm.models.bitsandbytes_import import import_bitsandbytes\n"
        "import_bitsandbytes()\nimport bitsandbytes\n"
        "assert 'kernels' not in sys.modules\nimport kernels\n"  # afterwards it is what it was
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert "kernels" not in done.stderr
    assert not (tmp_path / "fetched").exists()
