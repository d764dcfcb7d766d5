"""Data sets of the library ``datasets``: a folder of files, a saved data set, and a name that cannot be had."""

from pathlib import Path
from typing import Any

import pytest

from instructions.sources import absent_files
from mentalglm.errors import UserError
from tests.instructions.sources.made import jsonl, read, source, write

ROWS = [{"post": "晚饭吃了面", "risk": 0}, {"post": "票都订好了", "risk": 1}]


def on_hub(**keys: Any) -> Any:
    risk = {"task": "suicide_risk", "labels": "risk", "map": {0: "低自杀风险", 1: "高自杀风险"}}
    return source(**{"reader": "hub", "files": [], "hub": {"name": "mine"}, "text": "post", "tasks": [risk], **keys})


def test_a_folder_of_files(tmp_path: Path) -> None:
    write(tmp_path / "mine" / "train.jsonl", jsonl(*ROWS))
    write(tmp_path / "mine" / "test.jsonl", jsonl(ROWS[0]))
    records, faults = read(on_hub(), tmp_path)
    assert not faults and not absent_files(on_hub(), tmp_path)
    assert [(record.id, record.text, record.labels) for record in records] == [
        ("lab:train:0:suicide_risk", "晚饭吃了面", ["低自杀风险"]),
        ("lab:train:1:suicide_risk", "票都订好了", ["高自杀风险"]),
    ]
    both = on_hub(hub={"name": "mine", "splits": {"train": "train", "test": "test"}}, splits="file")
    assert [record.split for record in read(both, tmp_path)[0]] == ["train", "train", "test"]


def test_a_saved_data_set(tmp_path: Path) -> None:
    from datasets import Dataset, DatasetDict

    Dataset.from_list(ROWS).save_to_disk(str(tmp_path / "mine"))
    assert [record.text for record in read(on_hub(), tmp_path)[0]] == ["晚饭吃了面", "票都订好了"]
    DatasetDict(train=Dataset.from_list(ROWS[:1])).save_to_disk(str(tmp_path / "several"))
    assert len(read(on_hub(hub={"name": "several"}), tmp_path)[0]) == 1


def test_what_cannot_be_had_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets.config
    import huggingface_hub.constants

    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    with pytest.raises(UserError, match=r"nobody/nothing: split 'train' cannot be loaded \(.*\); check the name"):
        read(on_hub(hub={"name": "nobody/nothing"}), tmp_path)
    write(tmp_path / "mine" / "train.jsonl", jsonl(*ROWS))
    with pytest.raises(UserError, match="mine: split 'dev' cannot be loaded"):
        read(on_hub(hub={"name": "mine", "splits": {"dev": "validation"}}), tmp_path)
    with pytest.raises(UserError, match="mine: no column 'text'; columns found: post, risk"):
        read(on_hub(text="text"), tmp_path)
