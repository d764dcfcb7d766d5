"""Tables for a paper: the numbers of scores.json in Markdown, LaTeX and CSV; published rows apart."""

import csv
import json
import re
from pathlib import Path
from typing import Any

import pytest

from eval.reporting.report import write_report
from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.eval.commands import evaluate
from tests.eval.conftest import sample, write_run
from tests.eval.reporting.test_report import HIGH, LOW, RUN

KINDS = ["all_scores", "comparison", "per_class", "scores", "screening", "slices"]
ODD = "50%_a&b #1 {x}~^\\ |=cmd"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    tmp_path = tmp_path_factory.mktemp("tables")
    lines = [{**line, "length": 10 + i, "language": "zh"} for i, line in enumerate(RUN * 3)]
    better = [{**line, "labels": line["gold"]} for line in lines]
    first = write_run(tmp_path / "a", "suicide_risk", lines, ODD, source="SOS-HL-1K")
    second = write_run(tmp_path / "b", "suicide_risk", better, "=other", source="SOS-HL-1K")
    write_report([first, second], tmp_path / "r.html", tables=tmp_path / "t")
    scores: dict[str, Any] = json.loads((first / "scores.json").read_text(encoding="utf-8"))
    return tmp_path / "t", scores


def test_one_file_per_kind_and_format(made: tuple[Path, dict[str, Any]]) -> None:
    names = {path.name for path in made[0].iterdir() if path.is_file()}
    assert names == {f"{kind}.{ending}" for kind in KINDS for ending in ("md", "tex", "csv")}


def test_csv_has_every_digit_and_no_formula(made: tuple[Path, dict[str, Any]]) -> None:
    folder, scores = made
    assert (folder / "scores.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    with (folder / "all_scores.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    found = {row["row"]: row for row in rows if row["column"] == ODD}
    f1 = scores["metrics"]["f1"]
    row = found["F1, positive class"]
    assert [float(row[key]) for key in ("value", "low", "high")] == [f1["value"], f1["low"], f1["high"]]
    assert row["bca_low"] == ("" if f1["bca"][0] is None else str(f1["bca"][0]))
    assert {row["column"] for row in rows} == {ODD, "'=other"}
    assert len(found) == len(scores["metrics"]) + 1 and all(len(row) == 11 for row in rows)


def test_markdown_rows_fit_their_heads(made: tuple[Path, dict[str, Any]]) -> None:
    for kind in KINDS:
        text = (made[0] / f"{kind}.md").read_text(encoding="utf-8")
        for table in re.findall(r"(?:^\|.*\n)+", text, re.M):
            widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
            assert len(widths) == 1, (kind, table)
    f1 = made[1]["metrics"]["f1"]
    assert f"{f1['value']:.3f} [{f1['low']:.3f}, {f1['high']:.3f}]" in (made[0] / "scores.md").read_text(
        encoding="utf-8"
    )


def test_latex_is_booktabs_with_everything_escaped(made: tuple[Path, dict[str, Any]]) -> None:
    for kind in KINDS:
        text = (made[0] / f"{kind}.tex").read_text(encoding="utf-8")
        code = "\n".join(line for line in text.splitlines() if not line.startswith("%"))
        bare = re.sub(r"\\[{}%&#_$\\]", "", code)
        assert bare.count("{") == bare.count("}") > 0 and not re.search(r"(?<!\{)%|#|(?<!\$)\^\^", bare)
        for table in re.findall(r"\\begin\{tabular\}\{(\w+)\}(.*?)\\end\{tabular\}", code, re.S):
            assert all(word in table[1] for word in (r"\toprule", r"\midrule", r"\bottomrule"))
            rows = [line for line in table[1].splitlines() if line.endswith(r"\\")]
            assert {len(re.findall(r"(?<!\\)&", row)) + 1 for row in rows} == {len(table[0])}
    assert r"50\%\_a\&b \#1 \{x\}\textasciitilde{}\textasciicircum{}\textbackslash{}" in code
    assert "↑" not in code and "−" not in code


def test_published_rows_are_grey_last_and_in_no_comparison(made: tuple[Path, dict[str, Any]]) -> None:
    folder = made[0]
    tex = (folder / "scores.tex").read_text(encoding="utf-8")
    table = tex[tex.index(r"\toprule") : tex.index(r"\bottomrule")]
    ours, theirs = table.rsplit(r"\midrule", 1)
    assert theirs.count(r"$^\dagger$") == 3 and "textcolor{gray}{0.828}" in theirs and "gray" not in ours
    markdown = (folder / "scores.md").read_text(encoding="utf-8")
    assert "*0.828*" in markdown and "in no test" in markdown
    with (folder / "scores.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {bool(row["published"]) for row in rows if row["value"] == "0.8276"} == {True}
    assert all(not row["published"] for row in rows if row["low"])
    for kind in set(KINDS) - {"scores"}:
        assert "0.828" not in (folder / f"{kind}.md").read_text(encoding="utf-8")


def test_tables_in_chinese(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", "cognitive_pathway", _pathway())
    write_report([folder], tmp_path / "r.html", tables=tmp_path / "t", lang="zh")
    assert "微平均 F1" in (tmp_path / "t" / "scores.md").read_text(encoding="utf-8")
    per_class = (tmp_path / "t" / "per_class.md").read_text(encoding="utf-8")
    assert load_task("cognitive_pathway").label_names[0].replace("##", " · ") in per_class and "##" not in per_class[3:]
    with pytest.raises(UserError, match="--lang fr: tables are written in en or zh"):
        write_report([folder], tmp_path / "r.html", tables=tmp_path / "t", lang="fr")


def _pathway() -> list[dict[str, Any]]:
    names = load_task("cognitive_pathway").label_names
    return [sample([name], [names[0]]) for name in names]


def test_undefined_is_a_dash_and_absent_is_empty(tmp_path: Path) -> None:
    one = [sample([LOW], [LOW])] * 6 + [sample([HIGH], [LOW])]
    folder = write_run(tmp_path / "a", "suicide_risk", one)
    write_report([folder], tmp_path / "r.html", tables=tmp_path / "t")
    assert re.search(r"Precision, positive class \| – \|", (tmp_path / "t/all_scores.md").read_text(encoding="utf-8"))
    with (tmp_path / "t/all_scores.csv").open(encoding="utf-8-sig", newline="") as file:
        row = next(row for row in csv.DictReader(file) if row["row"] == "Precision, positive class")
    assert row["value"] == row["low"] == ""


def test_the_command_says_what_it_wrote(tmp_path: Path) -> None:
    folder = write_run(tmp_path / "a", "suicide_risk", RUN)
    said = evaluate("report", folder, "--tables", tmp_path / "t").output.split()
    assert said == [str(folder / "report.html"), str(tmp_path / "t")]
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="name another folder with --tables"):
        evaluate("report", folder, "--tables", tmp_path / "file" / "t")


def test_a_small_p_is_never_shown_as_0() -> None:
    from eval.reporting.paper_tables import _chance
    from eval.reporting.table_files import _shown, _tex_cell

    small = _chance({"p": 0.0001}, "p")
    assert _shown(small, "en") == "<0.001" and _tex_cell(small, "en") == "$<$0.001"
    assert _shown(_chance({"p": 0.012}, "p"), "en") == "0.012" and _chance({}, "p") is None
