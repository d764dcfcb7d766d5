"""Settings: a wrong one is named with what to do about it; the command line overrides the file."""

from pathlib import Path

import pytest
import yaml

from mentalglm.errors import UserError
from train.config import Lora, TrainConfig
from train.read_config import load_config


def write(folder: Path, **settings: object) -> Path:
    path = folder / "run.yaml"
    path.write_text(yaml.safe_dump({"output_dir": "out", "data": "data", "model": "base"} | settings), "utf-8")
    return path


@pytest.mark.parametrize(
    ("settings", "overrides", "expected"),
    [
        ({"learningrate": 1e-3}, [], "unknown setting 'learningrate'; did you mean 'learning_rate'?"),
        ({"lora": {"rr": 8}}, [], "unknown setting 'lora.rr'; did you mean 'r'?"),
        ({}, ["max_step=3"], "unknown setting 'max_step'; did you mean 'max_steps'?"),
        ({"zzqqxx": 1}, [], "unknown setting 'zzqqxx'; see train/config.py"),
        ({"learning_rate": "fast"}, [], "learning_rate: "),
        ({}, ["learning_rate=-1"], "learning_rate: Input should be greater than 0; the value is -1"),
        ({"dtype": "fp8"}, [], "dtype: Input should be 'fp32' or 'bf16'; the value is 'fp8'"),
        ({"dtype": "fp16"}, [], "dtype: fp16 is not offered: GLM's activations exceed its largest number, 65,504"),
        ({}, ["save_dtype=half"], "save_dtype: fp16 is not offered"),
        ({}, ["zero_stage=3"], "unknown setting 'zero_stage'"),
        ({}, ["overlong=cut"], "overlong: Input should be 'truncate' or 'drop'; the value is 'cut'"),
        ({}, ["report_to=[mlflow]"], "report_to.0: Input should be 'tensorboard', 'wandb' or 'swanlab'"),
        ({"new_model": {"tokenizer_data": ["d"]}}, [], "give either model or new_model"),
        ({"model": None}, [], "give either model or new_model"),
        (
            {"model": None, "new_model": {"tokenizer_data": []}, "lora": {}},
            [],
            "lora and adapter need a model to adapt",
        ),
        ({"lora": {}, "adapter": "a"}, [], "adapter brings its own lora settings"),
        ({}, ["load_in_4bit=true"], "load_in_4bit trains an adapter only; add lora"),
        ({}, ["merge=true"], "merge=true needs lora or adapter"),
        ({}, ["early_stopping_patience=2"], "early_stopping_patience needs eval_steps"),
        ({}, ["attn_implementation=flash_attention_2"], "apart only with per_device_train_batch_size=1"),
        ({}, ["class_weights=balanced", "loss_on=all"], "class_weights=balanced needs loss_on=answer"),
        ({"data": None}, [], "data: "),
        ({}, ["max_steps"], "'max_steps' is not a setting; write key=value"),
        ({}, ["model.r=1"], "model holds no further settings"),
        ({}, ["max_steps=[1"], "not valid YAML"),
    ],
)
def test_a_wrong_setting_is_named(
    tmp_path: Path, settings: dict[str, object], overrides: list[str], expected: str
) -> None:
    with pytest.raises(UserError) as caught:
        load_config(write(tmp_path, **settings), overrides)
    assert expected in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_required_setting_is_named(tmp_path: Path) -> None:
    path = tmp_path / "run.yaml"
    path.write_text("output_dir: out\nmodel: base\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"^\S+run\.yaml: data: missing; add it$"):
        load_config(path, [])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"absent\.yaml not found") as caught:
        load_config(tmp_path / "absent.yaml", [])
    assert caught.value.code == "missing_file"


@pytest.mark.parametrize("content", [b"", b"- a\n- b\n", b"just words", b"a: [", b"\xff\xfe\x00bad"])
def test_a_file_that_holds_no_settings_is_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "run.yaml"
    path.write_bytes(content)
    for overrides in ([], ["max_steps=2"]):
        with pytest.raises(UserError, match=r"run\.yaml") as caught:
            load_config(path, overrides)
        assert "\n" not in str(caught.value)


def test_overrides_reach_top_level_and_nested_settings(tmp_path: Path) -> None:
    path = write(tmp_path, max_steps=5, lora=None)
    config = load_config(path, ["max_steps=2", "lora.r=4", "lora.target_modules=[q_proj, v_proj]", "data=a=b"])
    assert config.max_steps == 2
    assert config.lora is not None
    assert (config.lora.r, config.lora.target_modules) == (4, ["q_proj", "v_proj"])
    assert config.data == Path("a=b")
    assert load_config(path, ["max_steps=null"]).max_steps is None


def test_scientific_notation_without_a_point_is_a_number(tmp_path: Path) -> None:
    # YAML 1.1 reads 1e-3 as text; people write it all the same.
    assert load_config(write(tmp_path), ["learning_rate=1e-3"]).learning_rate == 0.001


def test_one_task_and_several_are_both_a_list(tmp_path: Path) -> None:
    path = write(tmp_path)
    assert load_config(path, []).tasks is None
    assert load_config(path, ["task=suicide_risk"]).tasks == ["suicide_risk"]
    assert load_config(path, ["task=[suicide_risk, risk_category]"]).tasks == ["suicide_risk", "risk_category"]


@pytest.mark.parametrize("settings", [Lora, TrainConfig], ids=lambda kind: kind.__name__)
def test_every_setting_is_explained_where_it_is_declared(settings: type[TrainConfig]) -> None:
    explained = {line.strip().partition(":")[0] for line in (settings.__doc__ or "").splitlines() if ": " in line}
    assert set(settings.model_fields) - explained == set()
