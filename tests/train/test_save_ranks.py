"""Two ranks save as one does, whatever ZeRO has done to the weights, and fail together."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from mentalglm.models import load_model
from tests.needs import need_compiler
from tests.tiny import save_tiny, tiny_model
from tests.train.runs import ROOT, command, two_ranks
from tests.train.saving_ranks import KINDS, STAGES

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need_compiler()
    folder = tmp_path_factory.mktemp("ranks")
    save_tiny(folder / "base")
    (folder / "file").touch()
    how = command(launcher=two_ranks())
    script = str(Path(__file__).with_name("saving_ranks.py"))
    how["args"] = [script if part.endswith("run.py") else part for part in how["args"]] + [str(folder)]
    how["env"] |= {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(**how, capture_output=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def weights(run: Path) -> dict[str, torch.Tensor]:
    [path] = (run / "model").glob("*.safetensors")
    return dict(load_file(path))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("stage", STAGES[1:])
def test_every_stage_saves_the_same(place: Path, kind: str, stage: str) -> None:
    plain, sharded = weights(place / f"{kind}-zero0"), weights(place / f"{kind}-{stage}")
    assert plain.keys() == sharded.keys()
    tolerance = 1e-2 if kind == "bf16" else 1e-5
    for name in plain:
        assert torch.allclose(plain[name].float(), sharded[name].float(), rtol=0, atol=tolerance), name


@pytest.mark.parametrize("stage", STAGES)
def test_an_adapter_is_all_there(place: Path, stage: str) -> None:
    for kind, per_layer in (("lora", 2), ("dora", 3)):
        found = weights(place / f"{kind}-{stage}")
        assert len(found) == 2 * 6 * per_layer
        assert all(weight.numel() for weight in found.values())
        assert all(weight.any() for name, weight in found.items() if "lora_B" in name)


@pytest.mark.parametrize("stage", STAGES)
def test_a_whole_model_is_loaded_by_its_names(place: Path, stage: str) -> None:
    model: Any = load_model(str(place / f"full-{stage}" / "model")).model
    assert model.state_dict().keys() == tiny_model().state_dict().keys()
    moved = [
        not torch.equal(one, other) for one, other in zip(model.parameters(), tiny_model().parameters(), strict=True)
    ]
    assert all(moved)


def test_a_failure_on_one_rank_is_known_to_all(place: Path) -> None:
    said = [(place / f"failed-{rank}").read_text("utf-8") for rank in (0, 1)]
    assert "cannot be written: Not a directory" in said[0]
    assert said[1] == "rank 0 could not go on; see what it says"
