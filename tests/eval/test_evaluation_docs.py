"""docs/evaluation.md tells of every suite, file, measure and option, in both languages, with commands that run."""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from eval.explanations.model_measures import MODEL_MEASURES
from eval.explanations.reference_free import REFERENCE_FREE
from eval.explanations.text_measures import TEXT_MEASURES
from eval.measure import READING
from eval.probes import PROBES
from eval.reporting.wording import METRICS, SETTINGS
from eval.suite import load_suite, suite_names
from mentalglm.metrics.calibration import BINS
from mentalglm.metrics.screening import PREVALENCES
from tests.eval.commands import evaluate, manifest, samples
from tests.eval.experts.books import filled
from tests.eval.explanations.test_meta import published
from tests.eval.published_files import downstream

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "docs" / name for name in ("evaluation.md", "evaluation.zh-CN.md")]
both = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
LIMIT = 4


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.S)


def commands(path: Path) -> list[list[str]]:
    """The arguments of every ``python -m eval`` on the page."""
    lines = [line for block in blocks(path, "bash") for line in block.splitlines()]
    return [shlex.split(line)[3:] for line in lines if line.startswith("python -m eval ")]


@both
def test_every_suite_measure_and_module_is_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(r"`([\w.-]+)`", text))
    assert set(suite_names()) | {folder.name for folder in (ROOT / "eval" / "metrics").iterdir()} <= named
    assert {setting for setting in SETTINGS if ", " not in setting} <= named
    shown = {re.sub(r"^(parent|pooled)_.*|^labelled_evidence_.*", r"", name) for name in METRICS} - {"", "parse_rate"}
    assert {re.sub(r"^evidence_(precision|recall)$", "evidence_f1", name) for name in shown} <= named
    assert {"bca", "low", "high", "answered_only", "reading"} <= named
    assert {name for block in (*TEXT_MEASURES, *MODEL_MEASURES) for name in block.names} <= named
    unreferenced = {name for block in REFERENCE_FREE for name in block.names}
    assert {name for name in unreferenced if not name.startswith("labelled_")} | set(PROBES) <= named


@both
def test_the_figures_are_those_of_the_code(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    screening = re.findall(r"([\d.]+)(?:, |、| or )([\d.]+)(?:, |、| or )([\d.]+)(?:, |、| or )([\d.]+) %", text)
    assert [tuple(f"{100 * x:g}" for x in shares) for shares in (PREVALENCES, READING)] == screening
    assert f"{BINS} bins" in text or f"{BINS} 个区段" in text


@both
def test_every_file_of_the_downstream_suite_is_named(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for entry in load_suite("downstream").tasks:
        for first, *others in entry.files.values():
            assert f"`{first}`" in text
            assert all(f"`{Path(other).parent}/`" in text for other in others)


def test_both_languages_show_the_same_commands() -> None:
    english, chinese = (blocks(path, "bash") for path in PAGES)
    assert english == chinese
    code = [[line.split("#")[0] for line in blocks(path, "python")[0].splitlines()] for path in PAGES]
    assert code[0] == code[1]


@pytest.mark.slow
def test_every_command_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "instructions").symlink_to(ROOT / "instructions")
    downstream(tmp_path / "data")
    (tmp_path / "data/imhi/human_evaluation").mkdir(parents=True)
    published(tmp_path / "data/imhi/human_evaluation/DR_annotation")
    for trained in ("seed-0", "seed-1", "whole", "labels"):  # a reader trains these
        (tmp_path / "out" / trained).mkdir(parents=True)
        (tmp_path / "out" / trained / "model").symlink_to(ROOT / "mentalglm" / "weights" / "embedded")
    quick = tmp_path / "quick.yaml"  # one pass instead of a minute's work
    quick.write_text("model: tiny\nlearning_rates: [0.002]\nepochs: 1\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    seen = set()
    for written in commands(PAGES[0]):
        command = [word.replace("encoder:tiny", f"encoder:{quick}") for word in written]
        cut = ["--limit", LIMIT] if command[0] == "run" else []
        for place, sheet in enumerate(command[1:3] if command[0] == "ratings" else []):  # experts fill these in
            filled(Path(sheet), Path(sheet).stem, lambda number, aspect, strict=place: (number + aspect) % (4 - strict))
        assert evaluate(*command, *cut).exit_code == 0, command
        seen.add(command[0])
    asked = {"ls", "run", "compare", "report", "score", "validate", "aggregate", "slice", "export"}
    assert seen == asked | {"sheet", "ratings", "meta"}
    runs = tmp_path / "runs"
    assert len(samples(runs / "open")) == 6 * LIMIT and len(samples(runs / "downstream")) == 2 * LIMIT
    assert manifest(runs / "few-shot")["setting"] == "fine-tuned, few-shot"
    assert manifest(runs / "generated")["options"]["generate"]
    assert manifest(runs / "tiny")["model"]["tasks"]["suicide_risk"]["model"] == "tiny"
    assert manifest(runs / "again")["options"]["probe"] == ["self-consistency"]
    assert all("comprehensiveness" in item["probes"] for item in samples(runs / "explanations"))
    assert manifest(runs / "lexicon")["model"]["name"] == "lexicon"
    assert manifest(runs / "downstream")["tasks"]["cognitive_distortion"]["data"]["split"] == "held_out"
    posts = {record["text"] for record in samples(runs / "open")}
    assert posts and any(post in (runs / "both.html").read_text(encoding="utf-8") for post in posts)
    third_party = [runs / "downstream" / name for name in ("samples.jsonl", "report.html", "manifest.json")]
    for words in ("照常上班", "日子定了", "我这种人就是"):  # of the invented posts in published formats
        assert not any(words in file.read_text(encoding="utf-8") for file in third_party)
    tables = {path.stem for path in (runs / "tables").glob("*.*")}
    assert tables == {"scores", "all_scores", "per_class", "screening", "comparison", "explanations", "slices", "paper"}
    drawn = {path.stem.split("-")[1] for path in (runs / "tables" / "figures").iterdir()}
    assert all(f"`TASK-{kind}`" in page.read_text(encoding="utf-8") for kind in drawn for page in PAGES)
    assert "数据声明" in (runs / "paper.html").read_text(encoding="utf-8")
    for name in ("tfidf/comparison.json", "seed-0/aggregate.json", "suicide_risk/slices.json"):
        assert (runs / name).is_file()


@pytest.mark.slow
def test_the_modules_say_what_the_page_says(tmp_path: Path) -> None:
    home = {"HF_HOME": str(tmp_path), "HF_HUB_OFFLINE": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", blocks(PAGES[0], "python")[0]]
    done = subprocess.run(command, cwd=ROOT, env={**os.environ, **home}, capture_output=True, text=True, check=True)
    accuracy, by_label = done.stdout.splitlines()[-2:]
    assert accuracy == "0.75" and by_label.startswith("{'高自杀风险': 0.8,")
