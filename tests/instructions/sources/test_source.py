"""The YAML of a source: what it may hold, how it is found, and what its mistakes are called."""

import hashlib
from pathlib import Path
from typing import Any

import pytest

from instructions.sources import absent_files, changed_files, load_source, source_names
from instructions.sources.labels import LabelReader
from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.instructions.sources.made import read, source, write


@pytest.mark.parametrize("name", source_names())
def test_every_shipped_source_says_whose_it_is_and_fits_its_tasks(name: str) -> None:
    shipped = load_source(name)
    assert shipped.citation and shipped.title
    assert shipped.licence in {"CC0-1.0", "CC-BY-4.0", "MIT", "Apache-2.0", "NOASSERTION"}
    assert not (shipped.redistributable and shipped.licence == "NOASSERTION")
    for rows in shipped.tasks:
        task = load_task(rows.task)
        assert task.language == shipped.language
        LabelReader(rows, task).check(name)


def test_ones_own_yaml_is_loaded_by_its_path(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.yaml", "name: lab\nreader: lines\nfiles: [a.txt]\nlanguage: zh\n")
    mine = load_source(path)
    assert (mine.name, mine.title, mine.licence, mine.redistributable) == ("lab", "lab", "NOASSERTION", False)


def test_an_unknown_source_is_one_line_with_the_known_ones() -> None:
    with pytest.raises(UserError, match=r"unknown source 'sos'; known sources: .*sos-4k"):
        load_source("sos")


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"colour": "red"}, "test: colour: Extra inputs are not permitted"),
        ({"reader": "excel"}, "test: reader: .*'table'"),
        ({"files": []}, "files: needed by every reader but hub"),
        ({"files": ["a.csv", "a.csv"]}, "a file or sheet stands twice"),
        ({"splits": "column"}, "split_column: needed where splits is column"),
        ({"reader": "exam"}, "the reader exam gives dialogue"),
        ({"reader": "imhi"}, "the reader imhi needs both"),
        ({"name": "a:b"}, "test: name: "),
        ({"tasks": [{"task": "suicide_risk"}]}, "suicide_risk: name its labels, ticks, annotators or assumed"),
        ({"tasks": [{"task": "a", "labels": "x"}, {"task": "a", "labels": "y"}]}, "a task stands twice"),
        ({"tasks": [{"task": "a", "labels": "x", "ticks": {"c": "l"}}]}, "labels and ticks: name one of them"),
        ({"tasks": [{"task": "a", "assumed": [], "annotators": {"甲": "x"}}]}, "assumed and annotators"),
        ({"tasks": [{"task": "a", "labels": "x", "map": {"1": True}}]}, 'write "yes"'),
    ],
)
def test_a_wrong_key_is_named(keys: dict[str, Any], wrong: str) -> None:
    with pytest.raises(UserError, match=wrong):
        source(**keys)


def test_numbers_in_a_map_need_no_quotes() -> None:
    rows = source(tasks=[{"task": "suicide_level", "labels": "x", "map": {1: 4, 2: None, "3": ["5"]}}]).tasks[0]
    assert rows.map == {"1": "4", "2": None, "3": ["5"]}


@pytest.mark.parametrize(
    ("keys", "wrong"),
    [
        ({"tasks": [{"task": "nowhere", "labels": "label"}]}, "unknown task 'nowhere'"),
        ({"language": "en"}, "lab: suicide_risk is asked in 'zh', but the source is 'en'"),
        ({"tasks": [{"task": "therapy_engagement", "labels": "label"}]}, "asked of a conversation"),
        ({"tasks": [{"task": "suicide_risk", "labels": "label", "map": {"1": "高"}}]}, "tasks.suicide_risk: '高'"),
        ({"tasks": [{"task": "cognitive_distortion", "ticks": {"c": "放小"}}]}, "'放小' is not one of its labels"),
        ({"tasks": [{"task": "cognitive_distortion", "annotators": {"甲": {"c": "放小"}}}]}, "'放小'"),
        ({"text": "post"}, r"a\.csv: no column 'post'; columns found: text, label"),
        ({"files": ["b.csv"]}, r"b\.csv not found"),
        ({"files": ["a.doc"]}, r"files ending in \.doc are not read"),
    ],
)
def test_a_source_that_does_not_fit_is_one_line(tmp_path: Path, keys: dict[str, Any], wrong: str) -> None:
    write(tmp_path / "a.csv", "text,label\n一\n")
    write(tmp_path / "a.doc", "text")
    with pytest.raises(UserError, match=wrong):
        read(source(**keys), tmp_path)


def test_an_absent_file_is_named_with_where_it_is_published(tmp_path: Path) -> None:
    write(tmp_path / "here.csv", "text,label\n")
    wanted = source(files=["here.csv", "gone.csv"], url="https://example.org/data", heldout="hashes.json")
    where = " (published at https://example.org/data)"
    assert absent_files(wanted, tmp_path) == [f"lab: gone.csv{where}", f"lab: hashes.json{where}"]
    assert absent_files(source(files=["gone.csv"]), tmp_path) == ["lab: gone.csv"]


def test_a_changed_file_is_found_by_its_hash(tmp_path: Path) -> None:
    content = "text,label\n"
    write(tmp_path / "a.csv", content)
    good = hashlib.sha256(content.encode()).hexdigest()
    assert changed_files(source(files=[{"path": "a.csv", "sha256": good}]), tmp_path) == []
    (changed,) = changed_files(source(files=[{"path": "a.csv", "sha256": "0" * 64}]), tmp_path)
    assert changed == f"lab: a.csv has sha256 {good[:12]}…, not 000000000000…"
    assert changed_files(source(files=[{"path": "gone.csv", "sha256": "0" * 64}]), tmp_path) == []
