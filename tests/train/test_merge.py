"""Merged is the adapter: the sum is right to the last digit that its dtype has, and where it is not, that is said."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from mentalglm.errors import UserError
from mentalglm.models import load_model
from mentalglm.models.adapter import is_adapter
from tests.tiny import TASKS, save_tiny
from train import merge
from train.agreement_probe import EXAMPLES, Answers, read_posts
from train.config import TrainConfig
from train.merge import MergeReport, main, merge_adapter
from train.model import starting_model
from train.save import save_model

IDS = torch.arange(7, 39)[None]
DOWN = "model.layers.1.mlp.down_proj.weight"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("merge")
    save_tiny(folder / "base")
    (folder / "posts.txt").write_text("今天下雨。\n\n又没睡着，什么都不想做。\n", encoding="utf-8")
    adapter(folder, "plain")
    return folder


def adapter(place: Path, name: str, **lora: Any) -> Path:
    """An adapter that changes every answer a good deal."""
    settings = {"r": 4, "alpha": 8} | lora
    config = TrainConfig(output_dir=place / name, model=str(place / "base"), data=place, lora=settings)
    model, tokenizer = starting_model(config, {})
    torch.manual_seed(1)
    for path, weight in model.named_parameters():
        if "lora_B" in path:
            torch.nn.init.normal_(weight, std=0.3)
        if "magnitude" in path:
            weight.data *= 1.1
    return save_model(model, tokenizer, config, TASKS)


def logits(folder: Path) -> torch.Tensor:
    with torch.no_grad():
        return torch.as_tensor(load_model(str(folder)).model(input_ids=IDS).logits)


def test_the_sum_is_made_in_fp32_and_rounded_once(place: Path, tmp_path: Path) -> None:
    merge_adapter(place / "plain" / "model", tmp_path / "merged", probe=place / "posts.txt")
    base, learned = (
        load_file(next(folder.glob("*.safetensors"))) for folder in (place / "base", place / "plain/model")
    )
    key = "base_model.model." + DOWN.removesuffix("weight")
    update = learned[key + "lora_B.weight"].double() @ learned[key + "lora_A.weight"].double() * (8 / 4)
    merged = load_file(tmp_path / "merged" / "model.safetensors")
    assert merged.keys() == base.keys()
    assert {weight.dtype for weight in merged.values()} == {torch.bfloat16}
    exact = base[DOWN].double() + update
    # Rounded once: no bf16 number is nearer. fp32 itself may tip a tie.
    wrong = (merged[DOWN] != exact.to(torch.bfloat16)).double().mean()
    assert wrong < 0.001
    assert torch.equal(merged["model.norm.weight"], base["model.norm.weight"].to(torch.bfloat16))


@pytest.mark.parametrize("lora", [{}, {"use_rslora": True}, {"use_dora": True}, {"target_modules": ["q_proj"]}])
def test_it_answers_like_the_adapter_without_it(place: Path, tmp_path: Path, lora: dict[str, Any]) -> None:
    folder = adapter(place, "-".join(["kind", *lora]), **lora)
    report = merge_adapter(folder, tmp_path / "merged", dtype="fp32", probe=place / "posts.txt")
    assert torch.allclose(logits(tmp_path / "merged"), logits(folder), atol=1e-5)
    assert (logits(folder) - logits(place / "base")).abs().max() > 0.01
    assert not is_adapter(tmp_path / "merged")
    assert report.agreement == 1 and report.largest_logit_gap < 1e-4


def test_the_report_lies_beside_the_weights(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "merged"
    report = merge_adapter(place / "plain" / "model", out, probe=place / "posts.txt")
    assert (report.posts, report.questions, report.tasks) == (2, 2 * len(TASKS), sorted(TASKS))
    assert 0 < report.mean_logit_gap < report.largest_logit_gap < 0.2  # bf16 rounds
    said = json.loads((out / "merge_report.json").read_text("utf-8"))
    assert said["agreement"] == report.agreement and said["adapter"] == "model" and said["enough"] is report.agrees
    text = (out / "merge_report.md").read_text("utf-8")
    assert str(report) in text and "今天" not in text


def test_the_merged_folder_says_what_it_is_and_is_asked_as_before(place: Path, tmp_path: Path) -> None:
    out = tmp_path / "merged"
    (place / "plain" / "model" / "calibration.json").write_text("{}", encoding="utf-8")
    merge_adapter(place / "plain" / "model", out, probe=place / "posts.txt")
    loaded = load_model(str(out))
    assert loaded.manifest.tasks == sorted(TASKS) and loaded.manifest.base_sha256 is None
    assert json.loads((out / "mentalglm.json").read_text("utf-8"))["merged_from"] == "model"
    assert loaded.model.generation_config.eos_token_id == load_model(str(place / "base")).model.config.eos_token_id
    assert "bfloat16" in (out / "config.json").read_text("utf-8")
    assert {"README.md", "training_config.yaml", "calibration.json"} <= {path.name for path in out.iterdir()}


def test_too_little_agreement_is_loud(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """Another model lies on the disk than the one that was merged."""
    real = merge._describe

    def spoil(source: Path, aside: Path) -> None:
        weights = load_file(aside / "model.safetensors")
        generator = torch.Generator().manual_seed(0)
        for weight in weights.values():
            weight.copy_(torch.randn(weight.shape, generator=generator))
        save_file(weights, aside / "model.safetensors", {"format": "pt"})
        real(source, aside)

    monkeypatch.setattr(merge, "_describe", spoil)
    assert main([str(place / "plain" / "model"), str(tmp_path / "merged")]) == 1
    told = capsys.readouterr().err
    assert f"WARNING: {tmp_path / 'merged'} is not the adapter" in told
    assert "does NOT stand in" in (tmp_path / "merged" / "merge_report.md").read_text("utf-8")


def test_the_command(place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "merged"
    arguments = [str(place / "plain" / "model"), str(out), "--dtype", "fp32", "--probe", str(place / "posts.txt")]
    assert main(arguments) == 0
    assert main(arguments) == 0  # an earlier merge may be replaced
    told = capsys.readouterr()
    assert told.out == "" and f"merged into {out}: same labels in 12 of 12 questions (100.0%)" in told.err


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("base", "out"), "holds no adapter_config.json"),
        (("absent", "out"), "holds no adapter_config.json"),
        (("plain/model", "base"), "exists and is no earlier merge"),
        (("plain/model", "out", "--dtype", "fp16"), "fp16 overflows"),
        (("plain/model", "out", "--probe", "absent.txt"), "absent.txt"),
    ],
)
def test_a_mistake_is_one_line(
    place: Path, arguments: tuple[str, ...], expected: str, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(place)
    before = sorted(path.name for path in place.iterdir())
    with pytest.raises(SystemExit) as caught:
        main(list(arguments))
    assert caught.value.code == 2
    [line] = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and expected in line
    assert sorted(path.name for path in place.iterdir()) == before


def test_agreement_is_counted_and_gaps_are_measured() -> None:
    one = Answers([("a",), ("b",), (), ("c", "d")], torch.tensor([[0.0, 1.0], [2.0, 3.0]]))
    other = Answers([("a",), ("c",), (), ("c", "d")], torch.tensor([[0.0, 1.5], [2.0, 2.9]]))
    report = merge._compare(Path("x"), "bf16", ["p", "q"], ["t", "u"], one, other)
    assert (report.same_labels, report.questions, report.agreement, report.agrees) == (3, 4, 0.75, False)
    assert report.largest_logit_gap == 0.5
    assert report.mean_logit_gap == pytest.approx(0.15)
    assert MergeReport("x", "bf16", 1, ["t"], 99, 100, 0, 0).agrees


def test_the_shipped_probe_is_there_and_long_posts_are_cut(tmp_path: Path) -> None:
    assert len(read_posts(EXAMPLES)) >= 20
    (tmp_path / "long.txt").write_text("好" * 2000 + "\n", encoding="utf-8")
    assert [len(post) for post in read_posts(tmp_path / "long.txt")] == [500]
    (tmp_path / "blank.txt").write_text("\n \n", encoding="utf-8")
    with pytest.raises(UserError):
        read_posts(tmp_path / "blank.txt")
