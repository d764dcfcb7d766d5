"""Parts of the report: comparison, explanations, published figures, slices; nothing computed anew."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from eval.compare import compare_runs
from eval.explanations.blocks import BLOCKS
from eval.reporting.explanation_rows import explanations_of
from eval.reporting.published import all_published, published_for
from eval.reporting.report import write_report
from eval.reporting.runs import read_runs
from eval.reporting.wording import METRICS, block_name, metric_name
from eval.score import score_folder
from mentalglm.tasks import load_task
from tests.eval.conftest import sample, write_run
from tests.eval.reporting.test_report import HIGH, LOW, RUN, Reader, report

BETTER = [sample([HIGH], [HIGH]), sample([LOW], [LOW]), sample([LOW], [LOW])] * 4


def text(html: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", html))


def test_the_comparison_is_the_one_of_compare(tmp_path: Path) -> None:
    folders = [
        write_run(tmp_path / "a", "suicide_risk", RUN, "a"),
        write_run(tmp_path / "b", "suicide_risk", BETTER, "b"),
    ]
    html = report(*folders)
    task = compare_runs(folders)["comparisons"][0]["tasks"]["suicide_risk"]
    f1 = task["metrics"]["f1"]
    table = text(html[html.index("每个运行减去第一个") : html.index("混淆矩阵")])
    change = f"{f1['difference']:+.3f} {f1['low']:+.3f} … {f1['high']:+.3f}".replace("-", "−")
    assert change in table and f"{f1['p']:.3f}"[1:] in table and f"{f1['p_holm']:.3f}"[1:] in table
    assert f"{f1['detectable']:.3f}" in table and f"{task['mcnemar']['p']:.3f}"[1:] in table
    assert not (tmp_path / "b" / "comparison.json").exists()  # a report changes no run
    assert not Reader(html).open


def test_one_run_is_compared_with_nothing(tmp_path: Path) -> None:
    assert "每个运行减去第一个" not in report(write_run(tmp_path / "a", "suicide_risk", RUN))


def test_shared_samples_alone_are_compared_and_said_so(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", "suicide_risk", RUN, "a")
    html = text(report(first, write_run(tmp_path / "b", "suicide_risk", BETTER[:9], "b")))
    assert "Shared samples only; left out of the two runs: 3 · 0" in html and "n = 9" in html


def test_runs_that_share_nothing_are_named_not_compared(tmp_path: Path) -> None:
    first = write_run(tmp_path / "a", "suicide_risk", RUN, "a")
    other = [{**line, "id": f"x{i}"} for i, line in enumerate(BETTER)]
    html = text(report(first, write_run(tmp_path / "b", "suicide_risk", other, "b")))
    assert "b: 与第一个运行没有共同的样本" in html and "每个运行减去第一个" not in html
    assert str(tmp_path) not in html  # nobody needs to know where it lay


def with_explanations(folder: Path, **scores: Any) -> Path:
    stored = score_folder(folder) | scores
    (folder / "scores.json").write_text(json.dumps(stored), encoding="utf-8")
    return folder


def score(value: float | None) -> dict[str, Any]:
    ends = (None, None) if value is None else (value - 0.05, value + 0.05)
    return {"value": value, "low": ends[0], "high": ends[1], "bca": [None, None]}


def test_explanations_beside_the_template_with_their_direction(tmp_path: Path) -> None:
    values = {"chrf": 0.31, "repetition": 0.12, "explanation_length": 38.2, "advice": None}
    folder = with_explanations(
        write_run(tmp_path / "a", "suicide_risk", RUN),
        explanations={name: score(value) for name, value in values.items()},
        template={"chrf": score(0.27)},
        n_explained=11,
        not_measured={"bert_score": "bert_score", "template_chrf": "template"},
    )
    plain = with_explanations(write_run(tmp_path / "b", "suicide_risk", RUN, "labels"), explanations={})
    html = report(folder, plain)
    part = html[html.index(">解释</span>") : html.index("这些运行是怎样做的")]
    shown = text(part)
    assert "↑ chrF" in shown and re.search(r"0\.310 0\.260–0\.360 模板 template 0\.270 0\.220–0\.320", shown)
    assert re.search(r"↓ 有重复六元组的解释 ", shown) and "越少越好" not in shown
    assert "38.2" in shown and re.search(r"[^↑↓] 解释长度", shown)
    assert "BERTScore （ (" in shown and "--bert-score MODEL" in shown
    assert "labels" not in shown.replace("--labels", "")  # a run without explanations has no column here
    found = explanations_of([run["suicide_risk"] for run in read_runs([folder, plain])])
    assert found and [run.name for run in found.runs] == ["m"] and found.explained == [11]
    assert dict(zip([row.name.en for row in found.rows], [row.cells[0][0] for row in found.rows], strict=True)) == {
        "chrF (characters)": "0.310",
        "Explanations that repeat six words": "0.120",
        "Length of explanations (characters)": "38.2",
        "Explanations that advise": "–",
    }


def test_every_measure_of_explanations_has_a_name_in_both_languages() -> None:
    for block in BLOCKS:
        for name in block.names:
            assert metric_name(name).zh != name, name
        assert block_name(block.name).zh != block.name, block.name


def test_published_figures_stand_only_beside_the_set_they_are_of(tmp_path: Path) -> None:
    def shown(name: str, **data: Any) -> str:
        return text(report(write_run(tmp_path / name, "suicide_risk", RUN, **data)))

    own = shown("own", source="SOS-HL-1K")
    assert "0.828" in own and "arXiv 2309.03564" in own and "published, other set-up" in own
    assert "perhaps other posts" in shown("held", source="SOS-HL-1K", split="held_out")
    assert "perhaps other posts" in shown("unsaid") and "0.828" not in shown("open", source="open corpus")


def test_published_figures_are_of_known_tasks_and_measures() -> None:
    entries = all_published()
    assert len(entries) == 11
    for entry in entries:
        assert entry.metric in METRICS and all(load_task(task) for task in entry.tasks)
    assert [row.value for entry in published_for("cognitive_pathway", "CP") for row in entry.rows] == [0.6234]


def test_slices_by_what_the_samples_keep(tmp_path: Path) -> None:
    def lines(answers: list[dict[str, Any]]) -> list[dict[str, Any]]:
        kept = [("zh", 10 + 3 * i) if i % 3 else ("other", 200 + i) for i in range(len(answers))]
        return [{**line, "language": language, "length": n} for line, (language, n) in zip(answers, kept, strict=True)]

    first = write_run(tmp_path / "a", "suicide_risk", lines(RUN * 4), "a")
    short = write_run(tmp_path / "b", "suicide_risk", lines(BETTER * 4)[:18], "b")
    html = report(first, short)
    part = text(html[html.index("按帖子的长度与语言") : html.index("这些运行是怎样做的")])
    assert "13–" in part and "n=32 · 12 *" in part and "English" not in part
    names = re.findall(r"(\d+–\d+) 字 \1 characters", part)
    assert len(set(names)) == 4  # cut at the same places for both runs
    assert not Reader(html).open and "None" not in part


def test_runs_without_lengths_have_no_slices(tmp_path: Path) -> None:
    assert "按帖子的长度与语言" not in report(write_run(tmp_path / "a", "suicide_risk", RUN))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_are_named_for_light_and_dark_paper(scheme: str, tmp_path: Path) -> None:
    html = report(write_run(tmp_path / "a", "suicide_risk", RUN))
    style = html[html.index("<style>") : html.index("</style>")]
    block = style[style.index(f"color-scheme: {scheme}") :]
    named = set(re.findall(r"var\((--[\w-]+)\)", html))
    assert named <= set(re.findall(r"(--[\w-]+):", block[: block.index("}")]))


def test_the_tables_are_written_beside_and_said_nothing_else(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", "suicide_risk", RUN)
    before = {path.name for path in folder.iterdir()}
    write_report([folder], tmp_path / "r.html", tables=tmp_path / "t")
    assert {path.name for path in folder.iterdir()} - before <= {"scores.json"}
