"""The report: one offline file, everything escaped, every claim with its n and interval."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from eval.reporting.report import write_report
from mentalglm.errors import UserError
from mentalglm.tasks import load_task
from tests.eval.conftest import sample, write_run

HIGH, LOW = "高自杀风险", "低自杀风险"
RUN = [sample([HIGH], [HIGH]), sample([LOW], [LOW]), sample([LOW], [HIGH])] * 4


class Reader(HTMLParser):
    """Collects tags and attribute values, and checks that tags close in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("src", "href", "action", "data", "xlink:href")]
        if tag not in ("meta", "input", "br"):
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def report(*folders: Path) -> str:
    return write_report(list(folders), folders[0] / "report.html").read_text(encoding="utf-8")


def test_it_is_one_offline_file_without_scripts(tmp_path: Path) -> None:
    html = report(
        write_run(tmp_path / "a", "suicide_risk", RUN), write_run(tmp_path / "b", "suicide_risk", RUN, "other")
    )
    read = Reader(html)
    assert not read.open and not read.links
    assert not {"script", "link", "img", "iframe", "object"} & set(read.tags)
    assert not re.search(r"https?://|url\(|@import|//[a-z]", html)
    assert "svg" in read.tags


def test_it_says_what_the_numbers_rest_on_in_both_languages(tmp_path: Path) -> None:
    html = report(write_run(tmp_path / "a", "suicide_risk", RUN))
    for words in ("不作诊断", "Nothing here diagnoses", "95%", "CC-BY-4.0", "独立组数", "parse rate", HIGH):
        assert words in html
    assert re.search(r"<dd>12</dd>", html)
    assert re.search(r"0\.667</b><span class=\"soft\">0\.\d{3}–", html)
    spans = re.findall(r'class="(zh|en)(?: [a-z-]+)?"', html)
    assert spans.count("zh") == spans.count("en") > 20


def test_everything_from_outside_is_escaped(tmp_path: Path) -> None:
    evil = '<script>alert("x")</script>&'
    html = report(write_run(tmp_path / "a", "suicide_risk", RUN, evil, file=evil, licenses=[evil]))
    assert "<script" not in html
    assert "&lt;script&gt;" in html
    assert not Reader(html).open


def test_runs_on_other_rows_are_not_compared_in_silence(tmp_path: Path) -> None:
    same = report(write_run(tmp_path / "a", "suicide_risk", RUN), write_run(tmp_path / "b", "suicide_risk", RUN))
    assert "did not answer the same rows" not in same
    assert "m (a)" in same and "m (b)" in same  # two runs of one model are told apart
    other = write_run(tmp_path / "c", "suicide_risk", RUN, sha256="1" * 64)
    assert "did not answer the same rows" in report(tmp_path / "a", other)


def test_unfinished_and_unread_are_shown(tmp_path: Path) -> None:
    run = [*RUN, sample([HIGH], [], parsed=False)]
    html = report(write_run(tmp_path / "a", "suicide_risk", run, rows=20, bad_rows=2))
    assert "13 / 20" in html and "left out: </span>2" in html
    assert "无答案" in html


@pytest.mark.parametrize("task", ["suicide_level", "cognitive_distortion", "cognitive_pathway", "emotional_safety"])
def test_every_kind_of_task_is_shown(tmp_path: Path, task: str) -> None:
    names = load_task(task).label_names
    run = [sample([name], [names[0]]) for name in names]
    html = report(write_run(tmp_path / "a", task, run))
    assert not Reader(html).open
    assert "nan" not in re.sub(r"<[^>]*>", " ", html).lower().split()
    assert ("混淆矩阵" in html) == (not load_task(task).many)
    assert ("各标签的 F1" in html) == (task != "suicide_level")
    assert not re.search(r'="(nan|inf|-inf)', html)


def test_what_cannot_be_reported(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="not a run's folder"):
        write_report([tmp_path], tmp_path / "report.html")
