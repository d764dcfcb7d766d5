"""Suites: those that ship are sound and name scores that exist; mistakes are named."""

from pathlib import Path

import pytest
import yaml

from eval.explanations.blocks import BLOCKS
from eval.score import score_folder, task_scores
from eval.suite import FOLDER, Suite, load_suite, suite_names
from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.eval.commands import evaluate
from tests.eval.conftest import sample, write_run

BASE = yaml.safe_load((FOLDER / "downstream.yaml").read_text(encoding="utf-8"))


def test_the_suites_of_the_issue_are_there() -> None:
    assert {"downstream", "imhi", "open", "explanations"} <= set(suite_names())


@pytest.mark.parametrize("name", suite_names())
def test_a_shipped_suite_names_scores_that_its_tasks_get(tmp_path: Path, name: str) -> None:
    for entry in load_suite(name).tasks:
        labels = load_task(entry.task).label_names
        probabilities = dict.fromkeys(labels, 1 / len(labels))
        spans = [{"start": 0, "end": 2, "label": labels[0] if load_task(entry.task).many else None}]
        rows = [
            sample([label], [labels[0]], probabilities=probabilities, gold_evidence=spans, evidence=spans)
            for label in labels * 2
        ]
        scores = task_scores(score_folder(write_run(tmp_path / entry.task, entry.task, rows)))[entry.task]
        of_explanations = {name for block in BLOCKS if block.group == "explanations" for name in block.names}
        assert set(entry.metrics) <= set(scores["metrics"]) | of_explanations


def test_settings_go_from_suite_to_task_to_command() -> None:
    suite = Suite.model_validate(BASE | {"settings": {"labels_only": True, "shots": 2}})
    entry = suite.tasks[0].model_copy(update={"settings": {"shots": 3}})
    assert suite.settings_of(entry).shots == 3 and suite.settings_of(entry).labels_only
    chosen = suite.settings_of(entry, shots=0, labels_only=False, limit=None)
    assert chosen.shots == 0 and not chosen.labels_only and chosen.limit is None


def test_the_hash_covers_everything_a_suite_says() -> None:
    one = Suite.model_validate(BASE)
    assert one.sha256 == Suite.model_validate(BASE).sha256
    assert one.sha256 != Suite.model_validate(BASE | {"settings": {"seed": 1}}).sha256


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"version": 0}, "version"),
        ({"colour": "red"}, "colour"),
        ({"name": "other"}, "must equal the file's name"),
        ({"tasks": [BASE["tasks"][0]] * 2}, "a task stands twice"),
        ({"tasks": [{**BASE["tasks"][0], "task": "nonsense"}]}, "unknown task 'nonsense'"),
        ({"tasks": [{**BASE["tasks"][0], "files": {"test": ["a"]}}]}, "held_out takes posts of the file train"),
        ({"tasks": [{**BASE["tasks"][0], "files": {"all": ["a"]}}]}, "all stands alone"),
        ({"tasks": [{**BASE["tasks"][0], "settings": {"shot": 1}}]}, "shot is no setting"),
        ({"tasks": [{**BASE["tasks"][0], "settings": {"shots": -1}}]}, "shots"),
    ],
)
def test_a_suite_that_cannot_be(tmp_path: Path, change: dict[str, object], message: str) -> None:
    path = tmp_path / "downstream.yaml"
    path.write_text(yaml.safe_dump(BASE | change, allow_unicode=True), encoding="utf-8")
    with pytest.raises(UserError, match=message) as error:
        load_suite(str(path))
    assert "\n" not in str(error.value)


def test_unknown_names_and_broken_files(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="known suites: downstream"):
        load_suite("nonsense")
    with pytest.raises(UserError, match="cannot be read"):
        load_suite(str(tmp_path / "none.yaml"))
    (tmp_path / "a.yaml").write_text("a: [", encoding="utf-8")
    with pytest.raises(UserError, match="not valid YAML"):
        load_suite(str(tmp_path / "a.yaml"))


def test_ls_shows_every_suite_and_task() -> None:
    shown = evaluate("ls").stdout
    for name in suite_names():
        assert name in shown and all(entry.task in shown for entry in load_suite(name).tasks)
