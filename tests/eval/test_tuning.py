"""Labels alone against labels with explanations: two builds of the same rows, two trainings, as the pages say."""

import re
import shlex
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from instructions.build import build
from instructions.config import Config
from mentalglm.answer import parse_answer
from mentalglm.tasks import load_task
from mentalglm.yaml_files import read_yaml
from tests.tiny import save_tiny
from tests.train.runs import run_here
from train.read_config import load_config

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / "instructions" / "configs"


def lines(page: str, word: str) -> list[list[str]]:
    """The commands of a page that hold ``word``, as arguments."""
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", text, re.S)
    return [shlex.split(line) for block in blocks for line in block.splitlines() if word in line]


@pytest.mark.parametrize("page", ["evaluation.md", "evaluation.zh-CN.md"])
def test_the_commands_name_what_is_there(page: str) -> None:
    builds, trainings = lines(page, "instructions build"), lines(page, "train/run.py")
    assert len(builds) == len(trainings) == 2
    written = [command[-1] for command in builds]
    for command in builds:
        assert read_yaml(ROOT / command[4], Config)
    read = [load_config(ROOT / command[4], command[5:]) for command in trainings]
    assert [str(config.data) for config in read] == written
    assert {str(config.model) for config in read} == {"out/embedded-pretrain/model"}  # has not seen the answers
    asked = [
        command[command.index("--model") + 1] for command in lines(page, "--model out/") if "seed" not in str(command)
    ]
    assert asked == [f"{config.output_dir}/model" for config in read]


@pytest.mark.slow
def test_the_two_builds_differ_in_their_answers_alone_and_train(tmp_path: Path) -> None:
    for name in ("open", "open-labels"):
        build(CONFIGS / f"{name}.yaml", tmp_path / "no-data", tmp_path / name)
    for split in ("train", "validation"):
        whole, alone = (
            pq.read_table(tmp_path / name / f"{split}.parquet").to_pylist() for name in ("open", "open-labels")
        )
        assert [row["id"] for row in whole] == [row["id"] for row in alone] and len(whole) > 1000
        explained = 0
        for one, two in zip(whole, alone, strict=True):
            assert one["messages"][0] == two["messages"][0]
            answers = [
                parse_answer(row["messages"][1]["content"], load_task(row["task"]), "grounded") for row in (one, two)
            ]
            assert answers[0] is not None and answers[1] is not None
            assert answers[1].labels == answers[0].labels  # in the same order, too
            assert answers[1].explanation is None and not answers[1].evidence
            explained += answers[0].explanation is not None
        assert explained == len(whole)
    base = save_tiny(tmp_path / "base")
    settings = [
        f"model={base}",
        f"data={tmp_path / 'open-labels'}",
        "max_steps=2",
        "max_seq_length=256",
        "save_steps=1000",
    ]
    assert run_here(ROOT / "train/configs/embedded.yaml", *settings, f"output_dir={tmp_path / 'out'}") == 0
    assert (tmp_path / "out" / "model" / "mentalglm.json").is_file()
