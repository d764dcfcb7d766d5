"""The results as HTML: nothing typed becomes markup, marks cover exactly the evidence, nothing grave stays silent."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest

from demo.bars import percent
from demo.examples import EXAMPLES
from demo.highlight import highlight
from demo.render import render_error, render_results
from demo.strings import Lang
from mentalglm.analysis import Analysis, Evidence
from mentalglm.hotlines import crisis_notice
from mentalglm.tasks import Crisis, load_task

POST = "开会时我说错了一个数字，大家一定都在笑话我，我这个人没救了😀。"


def span(start: int, end: int, label: str | None = None, text: str = POST) -> Evidence:
    return Evidence(text=text[start:end], start=start, end=end, label=label)


def analysis(task: str = "suicide_risk", text: str = POST, **fields: Any) -> Analysis:
    names = load_task(task).label_names
    given = {"labels": [], "probabilities": {name: 1 / len(names) for name in names}, "crisis": "none"} | fields
    return Analysis(task=task, text=text, model="test", prompt_hash="0", **given)


class Reader(HTMLParser):
    """Reads HTML back: elements with their classes, the text of each mark, and the post without its tags."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.marks: list[tuple[list[int], str]] = []
        self.text = ""
        self._open: list[tuple[str, str]] = []
        self.feed(str(html))  # plain: slices of Markup would escape what they are joined with

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.elements.append((tag, values))
        self._open.append((tag, values.get("class") or ""))
        if tag == "mark":
            self.marks.append(([int(k) for k in (values["data-spans"] or "").split()], ""))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop()[0] == tag, "elements must nest"

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1][0] == "mark":
            self.marks[-1] = (self.marks[-1][0], self.marks[-1][1] + data)
        if not any(css.startswith("tag") for _, css in self._open):
            self.text += data

    def covered(self, number: int) -> str:
        return "".join(text for spans, text in self.marks if number in spans)


@pytest.mark.parametrize(
    "spans",
    [
        [],
        [span(0, 4)],
        [span(0, len(POST), "放大")],
        [span(2, 9, "放大"), span(9, 12, "读心术")],
        [span(2, 12, "放大"), span(8, 20, "读心术"), span(10, 15, "乱贴标签")],
        [span(3, 9, "放大"), span(3, 9, "读心术")],
        [span(len(POST) - 3, len(POST), "乱贴标签")],
    ],
)
def test_marks_cover_exactly_the_evidence(spans: list[Evidence]) -> None:
    read = Reader(highlight(POST, spans, str))
    assert read.text == POST
    for number, evidence in enumerate(spans):
        assert read.covered(number) == POST[evidence.start : evidence.end] == evidence.text


def test_every_labelled_span_shows_its_label_and_overlaps_show_both() -> None:
    html = highlight(POST, [span(2, 12, "放大"), span(8, 20, "读心术"), span(22, 25)], str)
    assert re.findall(r'class="tag c(\d)">(.*?)<', html) == [("0", "放大"), ("1", "读心术")]
    assert 'class="c0 both d1" data-spans="0 1"' in html


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_nothing_typed_or_generated_becomes_markup(lang: Lang) -> None:
    nasty = "<script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp; ${1} {{value}} **x** </mark></p>"
    result = analysis(
        "cognitive_distortion",
        text=nasty,
        labels=["放大"],
        evidence=[span(0, 8, "放大", nasty), span(4, 40, "放大", nasty)],
        explanation=nasty,
    )
    result.model = nasty
    read = Reader(render_results([result], lang))
    assert not {tag for tag, _ in read.elements} & {"script", "img"}
    assert not [name for _, values in read.elements for name in values if name.startswith("on")]
    assert read.text.count(nasty) == 3, "post, explanation and model's name, verbatim"
    assert Reader(render_error(nasty)).text == nasty


def test_the_crisis_notice_stands_once_and_on_top() -> None:
    calm = analysis("cognitive_distortion")
    wish = analysis("suicide_level", labels=["4"], crisis="wish")
    urgent = analysis(labels=["高自杀风险"], crisis="urgent")
    assert "<aside" not in render_results([calm], "zh")
    cases: list[tuple[list[Analysis], Crisis]] = [([calm, wish], "wish"), ([calm, wish, urgent], "urgent")]
    for results, crisis in cases:
        html = render_results(results, "zh")
        assert html.startswith("<aside") and html.count("<aside") == 1
        notice = Reader(html[: html.index("</aside>") + len("</aside>")])
        assert (crisis_notice(crisis, "zh") or "-") in notice.text
        assert ("a", {"href": "tel:12356"}) in notice.elements


def test_an_unreadable_answer_concludes_nothing() -> None:
    html = render_results([analysis(labels=[], parsed=False, crisis=None, probabilities={})], "zh")
    assert "未能读出" in html and "不能下任何结论" in html and "尤其不能当作“没有风险”" in html
    assert "低自杀风险" not in html and "未见" not in html


def test_an_abstention_shows_its_candidates_as_no_decision() -> None:
    html = render_results([analysis("suicide_level", candidates=["3", "4"], abstained=True, crisis="wish")], "zh")
    candidates = html[html.index('class="candidates"') :]
    assert 'class="labels"' not in html and "没有作出判断" in html
    assert "<b>3</b>" in candidates and "<b>4</b>" in candidates and html.startswith("<aside")


def test_labels_read_as_their_display_with_the_bare_name_beside_it() -> None:
    display = load_task("suicide_risk").label("低自杀风险").display
    assert display is not None
    html = render_results([analysis(labels=["低自杀风险"])], "zh")
    assert f"<b>{display.zh}</b> <small>低自杀风险</small>" in html
    assert f"<b>{display.en}</b> <small>低自杀风险</small>" in render_results([analysis(labels=["低自杀风险"])], "en")


def test_no_label_is_said_and_where_risk_was_asked_is_no_all_clear() -> None:
    assert "不等于没有风险" in render_results([analysis("risk_category")], "zh")
    assert "未见这项任务的任何类别" in render_results([analysis("cognitive_distortion")], "zh")


def test_conflicts_name_the_tasks_by_title() -> None:
    conflict = "suicide_level=7 ≠ suicide_risk=低自杀风险"
    html = render_results([analysis(labels=["低自杀风险"], conflicts=[conflict])], "zh")
    assert "自杀风险等级：7 ≠ 自杀风险：低自杀风险" in html


def test_every_probability_is_shown_and_decided_labels_come_first() -> None:
    task = load_task("cognitive_distortion")
    values = {name: 0.61 if name == "放大" else 0.02 * k for k, name in enumerate(task.label_names)}
    html = render_results([analysis(task.name, labels=["放大"], probabilities=values)], "zh")
    names = re.findall(r'<li class="(\w*)"><span class="name">(.*?)</span>', html)
    assert names[0] == ("decided", "放大") and {name for _, name in names} == set(task.label_names)
    assert "61%" in html and "<summary>其余 8 个标签</summary>" in html
    unknown: dict[str, float | None] = dict.fromkeys(task.label_names)
    assert "不给出概率" in render_results([analysis(task.name, probabilities=unknown)], "zh")


@pytest.mark.parametrize(("p", "shown"), [(0.0, "<1%"), (0.004, "<1%"), (0.5, "50%"), (0.996, ">99%"), (1.0, ">99%")])
def test_no_probability_claims_certainty(p: float, shown: str) -> None:
    assert percent(p) == shown


def test_examples_are_different_posts() -> None:
    assert len({example.post for example in EXAMPLES}) == len(EXAMPLES) == 4
