"""Metric meta-evaluation: how well each automatic measure ranks explanations as people do.

Every measure of :mod:`eval.explanations.blocks` that needs no more than the texts is computed for each explanation by
itself, held against the post and, where there is one, against a reference, and its ranks are correlated with those of
the raters' mean score.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console

from eval.explanations.bartscore import bart_scores, load_bart_scorer
from eval.explanations.bertscore import bert_scores, load_bert_scorer
from eval.explanations.blocks import BLOCKS
from eval.explanations.label_recovery import LabelRecovery, fit_label_recovery
from eval.explanations.observed import observe
from eval.explanations.rank_correlation import Ranking, kendall, spearman
from eval.explanations.rated import Rated
from eval.explanations.sums import Block, Sample
from eval.explanations.text_measures import EXPLAINED
from eval.folder import write_json
from eval.intervals import LEVEL, RESAMPLES, SEED
from eval.reporting import tables
from eval.same_post import post_key
from mentalglm.errors import UserError
from mentalglm.metrics import percentile_ends
from mentalglm.metrics.sums import Floats
from mentalglm.readers import LabelledRow
from mentalglm.tasks import Bilingual, Task

Judge = Callable[[list[str], list[str]], list[list[float]]]
ONE_RATER = "one_rater"
AGAINST = {
    "post": Bilingual(zh="与帖子比", en="against the post"),
    "reference": Bilingual(zh="与参考解释比", en="against the reference"),
    "none": Bilingual(zh="不需参考", en="no reference needed"),
    "people": Bilingual(zh="人", en="people"),
}
# What an explanation says of the labels, which are not known here.
_OF_LABELS = ("contradiction",)
_CORRELATIONS = {"spearman": spearman, "kendall": kendall}


def correlate(
    rated: Sequence[Rated],
    task: Task,
    *,
    bert_score: str | None = None,
    bart_score: str | None = None,
    layer: int | None = None,
    device: str | None = None,
    train: Sequence[LabelledRow] = (),
    out: Path | None = None,
) -> dict[str, Any]:
    """Correlates measures with people's scores, and writes the result if ``out`` is given.

    Args:
        rated: The explanations.
        task: The task explained, whose language says how texts are cut.
        bert_score: Measure BERTScore with this model.
        bart_score: Measure BARTScore with this model.
        layer: BERTScore's layer.
        device: Where these models run.
        train: Rows to learn from how labels are recovered from explanations, for consistency; none of them may be a
            post that was rated, and such rows are left out.
        out: The file.

    Returns:
        ``subsets``: by set of rows (``all``, and each system where there are several) ``n``, ``posts`` and
        ``correlations``, a list of ``{"measure", "against", "n", "aspect", "spearman", "kendall"}``, these two
        ``{"value", "low", "high"}``; the measure ``one_rater`` is each rater against the mean of the others, averaged:
        no measure need do better. ``models`` are those of BERTScore and BARTScore.
    """
    judges, models = _judges(bert_score, bart_score, layer, device)
    posts = {post_key(row.post) for row in rated}
    recovery = fit_label_recovery([row for row in train if post_key(row.text) not in posts], task)
    if train and recovery is None:
        raise UserError("--train: too few explanations to learn from; give 50 or more, of two labels at least")
    columns = list(_columns(rated, task, judges, recovery))
    systems = list(dict.fromkeys(row.system for row in rated))
    subsets = {"all": np.ones(len(rated), bool)}
    if len(systems) > 1:
        subsets |= {system: np.array([row.system == system for row in rated]) for system in systems}
    result = {
        "subsets": {name: _subset(rated, columns, chosen) for name, chosen in subsets.items()},
        "models": models,
        "bootstrap": {"resamples": RESAMPLES, "seed": SEED, "level": LEVEL, "clustered_by": "post"},
    }
    if out is not None:
        write_json(out, result)
    return result


def _judges(
    bert: str | None, bart: str | None, layer: int | None, device: str | None
) -> tuple[dict[str, Judge], dict[str, Any]]:
    judges: dict[str, Judge] = {}
    models: dict[str, Any] = {}
    if bert is not None:
        scorer, models["bert_score"] = load_bert_scorer(bert, device, layer)
        chosen = models["bert_score"]["layer"]
        judges["bert_score"] = lambda said, wanted: bert_scores(scorer, chosen, said, wanted)
    if bart is not None:
        writer, models["bart_score"] = load_bart_scorer(bart, device)
        judges["bart_score"] = lambda said, wanted: bart_scores(writer, said, wanted)
    return judges, models


def _columns(
    rated: Sequence[Rated], task: Task, judges: dict[str, Judge], recovery: LabelRecovery | None
) -> Iterator[tuple[str, str, Floats]]:
    """Measure, what it is held against, and its value for every explanation (``nan`` where it has none)."""
    without = [_sample(row, task, None) for row in rated]
    if recovery is not None:
        for sample, row, found in zip(
            without, rated, recovery.recover([row.explanation for row in rated]), strict=True
        ):
            label = _label(row, task)
            if label is not None and sample["explained"]["own"] is not None:
                sample["labels"] = sample["gold"] = [label]
                sample["explained"]["recoverable"] = True
                sample["explained"]["own"]["recovered"] = found
    free = [block for block in BLOCKS if block is not EXPLAINED and block.name not in _OF_LABELS]
    yield from _measured(free, without, task, "none")
    paired = [block for block in BLOCKS if block.needs in ("gold_explanation", *judges)]
    for against in ("post", "reference"):
        samples = [_sample(row, task, getattr(row, against)) for row in rated]
        known = [sample for sample in samples if sample["gold_explanation"]]
        for name, judge in judges.items():
            texts = [[sample[key] for sample in known] for key in ("explanation", "gold_explanation")]
            for sample, scores in zip(known, judge(*texts), strict=True):
                sample[name] = scores
        yield from _measured(paired, samples, task, against)


def _label(row: Rated, task: Task) -> str | None:
    """The label of a rated row: by its name, or 1 and 0 of a task with a positive label."""
    said = (row.label or "").strip()
    if task.binary_label is not None and said in ("0", "1"):
        other = next(name for name in task.label_names if name != task.binary_label)
        return task.binary_label if said == "1" else other
    return said if said in task.label_names else None


def _sample(row: Rated, task: Task, reference: str | None) -> Sample:
    """A line such as a run stores, of which nothing but the texts is known."""
    seen = observe(row.explanation, row.post, [], task, None)
    facts: Sample = {
        "labels": [],
        "gold": [],
        "evidence": [],
        "gold_evidence": None,
        "parsed": True,
        "abstained": False,
    }
    words = {"explanation": row.explanation, "gold_explanation": reference}
    return {**facts, **words, "explained": {"recoverable": False, "own": seen, "gold": None, "template": None}}


def _measured(
    blocks: Sequence[Block], samples: Sequence[Sample], task: Task, against: str
) -> Iterator[tuple[str, str, Floats]]:
    for block in blocks:
        if block.group == "explanations":
            rows = block.rows(samples, task)
            for name, values in block.formula(rows).items():
                values = np.where(np.isnan(rows).any(1), np.nan, values)
                if len(np.unique(values[~np.isnan(values)])) > 1:
                    yield name, against, values


def _subset(rated: Sequence[Rated], columns: list[tuple[str, str, Floats]], chosen: Any) -> dict[str, Any]:
    rows = [row for row, take in zip(rated, chosen, strict=True) if take]
    posts, place = np.unique([row.post for row in rows], return_inverse=True)
    drawn = _weights(len(posts))[place]
    aspects = list(rows[0].scores)
    raters = {aspect: np.array([_padded(row.scores[aspect], rated, aspect) for row in rows]) for aspect in aspects}
    found = [
        {"measure": ONE_RATER, "against": "people", "aspect": aspect, **_one_rater(scores, drawn)}
        for aspect, scores in raters.items()
        if scores.shape[1] > 1
    ]
    people: dict[tuple[str, bytes], Ranking] = {}
    for name, against, values in columns:
        known = ~np.isnan(values[chosen])
        if known.sum() < 3:
            continue
        measured = Ranking(np.round(values[chosen][known], 9), drawn[known])  # what differs by rounding is a tie
        for aspect, scores in raters.items():
            key = aspect, known.tobytes()
            if key not in people:
                people[key] = Ranking(np.nanmean(scores, axis=1)[known], drawn[known])
            ends = _correlations(measured, people[key])
            found.append({"measure": name, "against": against, "aspect": aspect, "n": int(known.sum()), **ends})
    return {"n": len(rows), "posts": len(posts), "correlations": found}


def _padded(scores: tuple[float, ...], rated: Sequence[Rated], aspect: str) -> list[float]:
    return [*scores, *[np.nan] * (max(len(row.scores[aspect]) for row in rated) - len(scores))]


def _weights(posts: int) -> Floats:
    """How often each post stands in the data as they are (first column) and in each resample."""
    generator = np.random.default_rng(SEED)
    drawn = [np.bincount(generator.integers(posts, size=posts), minlength=posts) for _ in range(RESAMPLES)]
    return np.stack([np.ones(posts), *drawn], axis=1).astype(float)


def _one_rater(raters: Floats, drawn: Floats) -> dict[str, Any]:
    """Each rater against the mean of the others, averaged over the raters."""
    known = ~np.isnan(raters).any(1)
    scores, weights = raters[known], drawn[known]
    found: dict[str, Any] = {"n": len(scores)}
    pairs = [
        (Ranking(mine, weights), Ranking(np.delete(scores, i, 1).mean(1), weights)) for i, mine in enumerate(scores.T)
    ]
    for name, correlation in _CORRELATIONS.items():
        found[name] = _ends(np.mean([correlation(*pair) for pair in pairs], axis=0))
    return found


def _correlations(measured: Ranking, people: Ranking) -> dict[str, Any]:
    return {name: _ends(correlation(measured, people)) for name, correlation in _CORRELATIONS.items()}


def _ends(draws: Floats) -> dict[str, float | None]:
    low, high = percentile_ends(draws[1:, None], LEVEL)
    ends = {"value": draws[0], "low": low[0], "high": high[0]}
    return {name: None if np.isnan(x) else round(float(x), 4) for name, x in ends.items()}


def print_correlations(console: Console, result: dict[str, Any]) -> None:
    """Prints a table per set of rows: Spearman's ρ with its interval, and Kendall's τ."""
    for subset, found in result["subsets"].items():
        rows: dict[tuple[str, str, int], dict[str, Any]] = {}
        for each in found["correlations"]:
            rows.setdefault((each["measure"], each["against"], each["n"]), {})[each["aspect"]] = each
        aspects = list(dict.fromkeys(each["aspect"] for each in found["correlations"]))
        name = "全部 · all" if subset == "all" else tables.plain(subset)
        made = tables.table(
            f"{name}: n = {found['n']}, {found['posts']} posts",
            Bilingual(zh="n", en="n"),
            *(Bilingual(zh=f"{tables.plain(aspect)} ρ", en="[95%] τ") for aspect in aspects),
        )
        for (measure, against, n), by_aspect in rows.items():
            cells = [_cell(by_aspect[aspect]) if aspect in by_aspect else "" for aspect in aspects]
            words = AGAINST[against]
            made.add_row(f"{measure}\n[dim]{words.zh} · {words.en}[/dim]", str(n), *cells)
        tables.show(console, made)
    note = Bilingual(
        zh=f"{ONE_RATER}：每位评分者与其余人均值的相关，取平均。ρ：Spearman；τ：Kendall τ-b；95% 区间按帖子抽样。",
        en=f"{ONE_RATER}: each rater against the others' mean, averaged. ρ Spearman, τ Kendall's τ-b, 95 % over posts.",
    )
    tables.show(console, None, note)


def _cell(each: dict[str, Any]) -> str:
    rho = each["spearman"]
    return f"{tables.value(rho['value'])} {tables.interval(rho)}\n[dim]{tables.value(each['kendall']['value'])}[/dim]"
