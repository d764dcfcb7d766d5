"""``mentalglm convert`` writes a folder that any transformers loads natively and that answers as before."""

import json
from pathlib import Path

import pytest
import torch
import typer
from typer.testing import CliRunner

from mentalglm.models import load_model
from mentalglm.models.convert import convert
from tests.mentalglm.models.chatglm_reference import forward, random_weights, settings, write_checkpoint

CONFIG = settings(torch_dtype="float32")
TOKENS = [5, 300, 6, 7, 8, 5, 5, 301]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = write_checkpoint(tmp_path / "chatglm", CONFIG, random_weights(CONFIG), shards=3)
    (folder / "mentalglm.json").write_text('{"tasks": ["suicide_risk"], "style": "grounded"}', encoding="utf-8")
    generation = {"do_sample": True, "temperature": 0.8, "eos_token_id": [3], "transformers_version": "4.40.2"}
    (folder / "generation_config.json").write_text(json.dumps(generation), encoding="utf-8")
    return folder


def run(*arguments: str | Path) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(convert)
    done = CliRunner().invoke(app, [str(argument) for argument in arguments])
    return done.exit_code, done.output


def test_the_native_folder_gives_the_checkpoint_s_logits_tokens_and_stops(source: Path, tmp_path: Path) -> None:
    native = tmp_path / "deep" / "native"
    code, said = run(source, native)
    assert code == 0 and said.splitlines()[-1] == f"written: {native}"
    assert not (source / "ran").exists() and not native.with_name("native.partial").exists()
    ours, theirs = load_model(str(native), device="cpu"), load_model(str(source), device="cpu")
    with torch.inference_mode():
        logits = ours.model(input_ids=torch.tensor([TOKENS])).logits[0]
    assert (logits - forward(CONFIG, random_weights(CONFIG), TOKENS)).abs().max() < 1e-4
    text = "今天又没有睡好 <|user|>\n🙂 it's 123"
    chat = [{"role": "user", "content": text}]
    assert ours.tokenizer(text)["input_ids"] == theirs.tokenizer(text)["input_ids"]
    assert ours.tokenizer.apply_chat_template(chat, tokenize=False) == theirs.tokenizer.apply_chat_template(
        chat, tokenize=False
    )
    assert ours.tokenizer.model_max_length == theirs.tokenizer.model_max_length == CONFIG["seq_length"]
    settings_of = ours.model.generation_config
    assert settings_of.eos_token_id == theirs.model.generation_config.eos_token_id
    assert 3 in settings_of.eos_token_id and settings_of.temperature == 0.8
    assert ours.model.config.eos_token_id == settings_of.eos_token_id
    assert ours.manifest == theirs.manifest and ours.manifest.tasks == ["suicide_risk"]


def test_plain_transformers_loads_it_without_remote_code(source: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    run(source, tmp_path / "native")
    model, info = AutoModelForCausalLM.from_pretrained(tmp_path / "native", output_loading_info=True)
    assert type(model).__name__ == "GlmForCausalLM" and not any(info.values())
    assert model.config.rope_parameters["rope_theta"] == 10_000 * CONFIG["rope_ratio"]
    assert AutoTokenizer.from_pretrained(tmp_path / "native").chat_template
    files = {path.suffix for path in (tmp_path / "native").iterdir()}
    assert files == {".json", ".jinja", ".safetensors"}


def test_the_weights_keep_their_dtype(tmp_path: Path) -> None:
    source = write_checkpoint(tmp_path / "chatglm", CONFIG, random_weights(CONFIG), dtype=torch.bfloat16)
    run(source, tmp_path / "native")
    assert json.loads((tmp_path / "native" / "config.json").read_text("utf-8"))["dtype"] == "bfloat16"
    stored = load_model(str(tmp_path / "native"), device="cpu", dtype="bf16").model.state_dict()
    direct = load_model(str(source), device="cpu", dtype="bf16").model.state_dict()
    assert stored.keys() == direct.keys() and all(torch.equal(stored[name], direct[name]) for name in stored)


def test_what_cannot_be_converted_is_one_line_and_leaves_nothing(
    source: Path, tmp_path: Path, model_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(model_folder, tmp_path / "native")[0] == 2
    (tmp_path / "there").mkdir()
    assert run(source, tmp_path / "there")[0] == 2
    (source / "model-00003-of-00003.safetensors").unlink()
    code, said = run(source, tmp_path / "native")
    assert code == 2 and "model-00003-of-00003.safetensors is missing" in said
    assert not (tmp_path / "native").exists()
