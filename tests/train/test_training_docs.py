"""docs/training.md tells of every setting and configuration, in both languages, with commands that would run."""

import re
import shlex
from pathlib import Path

import pytest

from tests.train.runs import ROOT
from train.config import Lora, NewModel, TrainConfig
from train.read_config import load_config

PAGES = [ROOT / "docs" / name for name in ("training.md", "training.zh-CN.md")]
both = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)


def blocks(path: Path) -> list[str]:
    return re.findall(r"```\n(.*?)```", path.read_text(encoding="utf-8"), re.S)


def runs(path: Path) -> list[list[str]]:
    """The arguments of every ``train/run.py`` on the page, its configuration first."""
    lines = [line for block in blocks(path) for line in block.splitlines() if "train/run.py train/configs" in line]
    return [shlex.split(line.rpartition("train/run.py")[2].strip("'")) for line in lines]


@both
def test_every_setting_is_named(path: Path) -> None:
    named = set(re.findall(r"`([a-z_0-9.]+)`", path.read_text(encoding="utf-8")))
    settings = {*TrainConfig.model_fields, *Lora.model_fields, *NewModel.model_fields}
    assert settings - named - {name.removeprefix("lora.") for name in named} == set()


@both
def test_every_shipped_configuration_and_way_to_shard_is_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace("`-stage2`", "`glm-4-9b-chat-lora-stage2`")
    named = set(re.findall(r"`([a-z0-9_.-]+)`", text))
    assert {file.stem for file in (ROOT / "train" / "configs").glob("*.yaml")} - named == set()
    assert {file.stem for file in (ROOT / "train" / "deepspeed").glob("*.json")} - named == set()


@both
def test_the_defaults_are_those_of_the_code(path: Path) -> None:
    compared = 0
    settings = re.split(r"^## ", path.read_text(encoding="utf-8"), flags=re.M)[3]
    for first, second in re.findall(r"^\| (`[^|]*?) \| ([^|]*?) \|", settings, re.M):
        names = re.findall(r"`([a-z_0-9]+)`", first)
        values = [value.strip("` ") for value in re.split("[,，]", second)]
        for name, value in zip(names, values if len(values) == len(names) else values * len(names), strict=True):
            default = TrainConfig.model_fields[name].default
            if isinstance(default, str | float):  # int and bool are told in the same words
                assert value == default or float(value) == default, name
                compared += 1
            elif isinstance(default, int):
                assert value == str(default).lower(), name
                compared += 1
    assert compared >= 20


@both
def test_every_run_on_the_page_names_a_valid_configuration(path: Path) -> None:
    commands = runs(path)
    assert len(commands) >= 7
    for config, *overrides in commands:
        load_config(ROOT / config, overrides)


def test_both_languages_show_the_same_commands() -> None:
    english, chinese = (blocks(path) for path in PAGES)
    assert english == chinese
