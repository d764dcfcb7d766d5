"""The tables of a paper, by what they show: rows of words and scores, which table_files.py writes."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from eval.reporting.comparison import Pair
from eval.reporting.explanation_rows import Explanations
from eval.reporting.runs import headlines
from eval.reporting.sections import SCREENING_FORMS, Section
from eval.reporting.wording import metric_name
from mentalglm.tasks import Bilingual, Task

Words = str | Bilingual


@dataclass(frozen=True)
class Score:
    """A number with its interval, as it is stored, and how many digits it is shown with."""

    score: dict[str, Any]
    form: str = "{:.3f}"


Cell = Words | Score | None


@dataclass(frozen=True)
class Table:
    """One table.

    Attributes:
        key: Which file it goes to.
        task: The task.
        caption: What it shows.
        head: The columns' names.
        rows: The cells.
        published: The numbers of the rows that others published.
        facts: The columns of words that every record of the CSV file repeats: the first so many.
    """

    key: str
    task: Task
    caption: Bilingual
    head: list[Words]
    rows: list[list[Cell]]
    published: dict[int, str] = field(default_factory=dict)
    facts: int = 1


def tables_of(sections: list[Section]) -> list[Table]:
    """All tables of a report, task by task."""
    return [table for each in sections for table in _tables(each) if table.rows]


def _tables(each: Section) -> Iterable[Table]:
    yield _scores(each)
    yield _all_scores(each)
    yield _per_class(each)
    yield _screening(each)
    for pair in each.comparison:
        yield _comparison(each, pair)
    if each.explanations:
        yield _explanations(each)
    yield from _slices(each)


def _scores(each: Section) -> Table:
    """Models as rows, the task's foremost measures as columns; published figures below."""
    names = list(dict.fromkeys(["parse_rate", *headlines(each.runs), *(known.metric for known in each.published)]))
    rows: list[list[Cell]] = [
        [run.name, str(run.scores["n"]), *(_score(run.score(name)) for name in names)] for run in each.runs
    ]
    published = {}
    for known in each.published:
        mark = known.mark(each.runs[0].manifest["data"])
        for model in known.rows:
            published[len(rows)] = f"{known.source} ({known.data})"
            cells: list[Cell] = [Score({"value": model.value}) if name == known.metric else None for name in names]
            zh, en = f"{model.name.zh}（{mark.zh}）", f"{model.name.en} ({mark.en})"
            rows.append([Bilingual(zh=zh, en=en), "", *cells])
    head: list[Words] = [Bilingual(zh="模型", en="Model"), "n", *map(metric_name, names)]
    caption = Bilingual(zh="分数与 95% 区间", en="Scores with 95% intervals")
    return Table("scores", each.task, caption, head, rows, published, facts=2)


def _all_scores(each: Section) -> Table:
    """Every measure as a row, models as columns."""
    names = list(dict.fromkeys(["parse_rate", *(name for run in each.runs for name in run.scores["metrics"])]))
    rows: list[list[Cell]] = [[metric_name(name), *(_score(run.score(name)) for run in each.runs)] for name in names]
    head: list[Words] = [Bilingual(zh="指标", en="Measure"), *(run.name for run in each.runs)]
    return Table("all_scores", each.task, Bilingual(zh="全部分数", en="All scores"), head, rows)


def _per_class(each: Section) -> Table:
    entries = [run.scores["per_class"] for run in each.runs]
    rows: list[list[Cell]] = [
        [at[0]["label"].replace("##", " · "), str(at[0]["n"]), *(_score(entry["f1"]) for entry in at)]
        for at in zip(*entries, strict=True)
    ]
    head: list[Words] = [Bilingual(zh="标签", en="Label"), "n", *(run.name for run in each.runs)]
    return Table("per_class", each.task, Bilingual(zh="各标签的 F1", en="F1 per label"), head, rows, facts=2)


def _screening(each: Section) -> Table:
    rows: list[list[Cell]] = [
        [run.name, f"{100 * at['prevalence']:g}%", *(Score(at[key], form) for key, form in SCREENING_FORMS.items())]
        for run in each.runs
        for at in run.scores.get("screening") or []
    ]
    names = [
        ("阳性预测值", "PPV"),
        ("阴性预测值", "NPV"),
        ("每千帖报警", "Alarms / 1,000"),
        ("每千帖漏报", "Misses / 1,000"),
    ]
    head: list[Words] = [Bilingual(zh="模型", en="Model"), Bilingual(zh="正类占比", en="Prevalence")]
    head += [Bilingual(zh=zh, en=en) for zh, en in names]
    caption = Bilingual(zh="用于筛查：按正类占比", en="In screening, by prevalence")
    return Table("screening", each.task, caption, head, rows, facts=2)


def _comparison(each: Section, pair: Pair) -> Table:
    rows: list[list[Cell]] = []
    for name, score in pair.metrics.items():
        values = [Score({"value": score[key]}) for key in ("first", "second")]
        change = Score({**score, "value": score["difference"]}, "{:+.3f}")
        p = [_chance(score, key) for key in ("p", "p_holm")]
        rows.append([metric_name(name), *values, change, *p, Score({"value": score["detectable"]})])
    found = pair.mcnemar
    counts: list[Cell] = [Score({"value": found[key]}, "{:.0f}") for key in ("first_only", "second_only")]
    p = [_chance(found, key) for key in ("p", "p_holm")]
    rows.append([Bilingual(zh="仅一方全对（McNemar）", en="Right in one alone (McNemar)"), *counts, None, *p, None])
    head: list[Words] = [
        Bilingual(zh="指标", en="Measure"),
        pair.first.name,
        pair.second.name,
        Bilingual(zh="差", en="Difference"),
        "p",
        Bilingual(zh="p（Holm）", en="p (Holm)"),
        Bilingual(zh="可测出的差", en="Detectable"),
    ]
    zh, en = (
        f"{pair.second.name} − {pair.first.name}，n = {pair.n}",
        f"{pair.second.name} − {pair.first.name}, n = {pair.n}",
    )
    return Table("comparison", each.task, Bilingual(zh=zh, en=en), head, rows)


def _explanations(each: Section) -> Table:
    """Each run's scores, and beside them those of the template, where a measure has them."""
    assert each.explanations is not None
    head: list[Words] = [Bilingual(zh="指标", en="Measure")]
    rows: list[list[Cell]] = []
    for row in each.explanations.rows:
        rows.append([Bilingual(zh=f"{row.arrow} {row.name.zh}".strip(), en=f"{row.arrow} {row.name.en}".strip())])
    for i, run in enumerate(each.explanations.runs):
        template = Bilingual(zh=f"{run.name}：模板", en=f"{run.name}: template")
        own, beside = ([(row, scores[i]) for row, scores in found] for found in _both(each.explanations))
        for name, scores in ((run.name, own), (template, beside)):
            if any(score is not None for _, score in scores):
                head.append(name)
                for cells, (row, score) in zip(rows, scores, strict=True):
                    cells.append(_score(score, row.form))
    return Table("explanations", each.task, Bilingual(zh="解释", en="Explanations"), head, rows)


def _both(found: Explanations) -> tuple[list[Any], list[Any]]:
    return [(row, row.scores) for row in found.rows], [(row, row.template_scores) for row in found.rows]


def _slices(each: Section) -> Iterable[Table]:
    for column in each.slices:
        rows: list[list[Cell]] = [[row.name, row.n, *map(_score, row.scores)] for row in column.rows]
        head: list[Words] = [column.title, "n", *(run.name for run in each.runs)]
        zh, en = f"{column.metric.zh}，按{column.title.zh}", f"{column.metric.en} by {column.title.en.lower()}"
        yield Table("slices", each.task, Bilingual(zh=zh, en=en), head, rows, facts=2)


def _chance(score: dict[str, Any], key: str) -> Score | None:
    """A p-value, never shown as 0; None where nothing was tested."""
    if key not in score:
        return None
    small = score[key] is not None and score[key] < 0.001
    return Score({"value": score[key]}, "<0.001" if small else "{:.3f}")


def _score(score: dict[str, Any] | None, form: str = "{:.3f}") -> Score | None:
    return None if score is None else Score(score, form)
