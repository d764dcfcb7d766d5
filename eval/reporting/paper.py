"""What a paper must tell beside its scores: the data, the annotators, and what it takes to repeat a run.

paper.yaml holds the questions. What the runs know is filled in here; the rest is a blank for who writes the paper.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from eval.folder import samples_hash
from eval.reporting.comparison import Comparison
from eval.reporting.runs import Run
from eval.reporting.sections import Section
from eval.reporting.wording import LANGUAGES
from eval.significance import PERMUTATIONS
from mentalglm.tasks import Bilingual

FILE = Path(__file__).parent / "paper.yaml"
Answer = tuple[Bilingual, Bilingual]  # of which task or run (empty where it holds for all), and what


@dataclass(frozen=True)
class Item:
    """A thing to tell, and what the runs know of it; a blank where that is nothing."""

    asks: Bilingual
    answers: list[Answer]


@dataclass(frozen=True)
class Part:
    """A part of the paper."""

    title: Bilingual
    items: list[Item]


Paper = list[Part]


def paper_of(sections: list[Section], comparison: Comparison | None) -> Paper:
    """The data statement, the section on annotators, and the reproducibility checklist.

    Args:
        sections: The tasks of the report.
        comparison: The runs compared, if there are several.
    """
    parts = yaml.safe_load(FILE.read_text(encoding="utf-8"))
    return [
        Part(
            Bilingual(**part["title"]),
            [
                Item(Bilingual(zh=item["zh"], en=item["en"]), _answers(item.get("known"), sections, comparison))
                for item in part["items"]
            ],
        )
        for part in parts
    ]


def _answers(known: str | None, sections: list[Section], comparison: Comparison | None) -> list[Answer]:
    if known is None:
        return []
    if known in _OF_TASKS:
        return _told([(title, _OF_TASKS[known](run)) for each in sections for title, run in _data_of(each)])
    if known in _OF_RUNS:
        runs = {run.folder: run for each in sections for run in each.runs}.values()
        return _told([(_same(run.name), _OF_RUNS[known](run)) for run in runs])
    return _told([(_same(""), _OF_ALL[known](sections, comparison))])


def _data_of(section: Section) -> list[tuple[Bilingual, Run]]:
    """A run for each set of rows that the task was asked of; it is named where there are several."""
    runs = list({run.rows_asked: run for run in reversed(section.runs)}.values())[::-1]
    title = section.task.title
    if len(runs) == 1:
        return [(title, runs[0])]
    return [(Bilingual(zh=f"{title.zh}，{run.name}", en=f"{title.en}, {run.name}"), run) for run in runs]


def _told(answers: list[tuple[Bilingual, Bilingual | None]]) -> list[Answer]:
    """Those that are known; what is the same of all is said once."""
    known = [(of, told) for of, told in answers if told is not None]
    if len(known) == len(answers) and len({told.en for _, told in known}) == 1:
        return [(_same(""), known[0][1])]
    return known


def _same(text: object) -> Bilingual:
    return Bilingual(zh=str(text), en=str(text))


def _file(run: Run) -> Bilingual:
    data = run.manifest["data"]
    name = f"{data['source']}: {data['file']}" if data.get("source") else str(data["file"])
    zh, en = f"{name}，{data['split'] or '未划分'}", f"{name}, {data['split'] or 'no split'}"
    if data.get("held_out"):
        share = f"{100 * data['held_out']:.0f}%"
        zh, en = f"{zh}（训练帖子的 {share}，代替测试文件）", f"{en} ({share} of the training posts, for the test file)"
    if about := data.get("split_by"):
        column, start = about.get("by") or about["time_column"], about.get("from")
        zh = f"{zh}（按列 {column} 重新划分{f'，自 {start} 起' if start else ''}）"
        en = f"{en} (divided anew by column {column}{f', from {start} on' if start else ''})"
    if data["limit"]:
        zh, en = f"{zh}，抽取 {data['limit']} 条", f"{en}, {data['limit']} drawn"
    return Bilingual(zh=zh, en=en)


def _size(run: Run) -> Bilingual:
    n, groups = run.scores["n"], run.scores["groups"]
    return Bilingual(zh=f"{n} 条，{groups} 组", en=f"{n} posts, {groups} groups")


def _languages(run: Run) -> Bilingual | None:
    if run.arrays is None or not (run.arrays.languages != "").any():
        return None
    names, counts = np.unique(run.arrays.languages, return_counts=True)
    shares = [(LANGUAGES[str(name)], f"{n / counts.sum():.0%}") for name, n in zip(names, counts, strict=True) if name]
    zh = "，".join(f"{name.zh} {share}" for name, share in shares)
    return Bilingual(zh=zh, en=", ".join(f"{name.en} {share}" for name, share in shares))


def _lengths(run: Run) -> Bilingual | None:
    if run.arrays is None or np.isnan(run.arrays.lengths).all():
        return None
    lengths = run.arrays.lengths
    return _same(f"{np.nanmedian(lengths):g}, {np.nanmin(lengths):g}–{np.nanmax(lengths):g}")


def _labels(run: Run) -> Bilingual:
    return _same("; ".join(f"{entry['label'].replace('##', ' · ')}: {entry['n']}" for entry in run.scores["per_class"]))


def _model(run: Run) -> Bilingual:
    facts = [(key, run.manifest["model"].get(key)) for key in _OF_A_MODEL]
    return _same(", ".join(f"{key} {value}" for key, value in facts if isinstance(value, str | int | float)))


_OF_A_MODEL = ("name", "model", "revision", "dtype", "quantization", "parameters", "weights_sha256", "corpus_sha256")


def _asked(run: Run) -> Bilingual:
    manifest = run.manifest
    said = [run.setting] if run.setting else []
    if manifest.get("shots"):
        k = manifest["shots"]["per_label"]
        said.append(Bilingual(zh=f"每个标签 {k} 个例子", en=f"{k} examples per label"))
    if manifest["options"].get("generate"):
        said.append(Bilingual(zh="自由生成（贪心）", en="free generation (greedy)"))
    elif manifest.get("setting") != "baseline":
        said.append(Bilingual(zh="标签打分", en="label scoring"))
    if manifest["style"]:
        said.append(Bilingual(zh=f"问法 {manifest['style']}", en=f"style {manifest['style']}"))
    return Bilingual(zh="，".join(each.zh for each in said), en=", ".join(each.en for each in said))


def _versions(run: Run) -> Bilingual:
    suite = run.manifest.get("suite")
    if suite is None:
        return _same(f"{run.task} {run.manifest['task_version']}")
    return _same(f"{suite['name']} {suite['version']} ({suite['sha256']})")


def _pairs(key: str) -> Callable[[Run], Bilingual | None]:
    def told(run: Run) -> Bilingual | None:
        known = run.manifest.get(key)
        return _same(", ".join(f"{name} {value}" for name, value in known.items())) if known else None

    return told


def _prompts(sections: list[Section], _: Any) -> Bilingual | None:
    asked = [(each.task.name, run.manifest["prompt_hash"]) for each in sections for run in each.runs]
    known = dict.fromkeys(f"{task} {prompt}" for task, prompt in asked if prompt)
    return _same("; ".join(known)) if known else Bilingual(zh="基线，不用提示词", en="baselines: not asked in words")


def _intervals(sections: list[Section], _: Any) -> Bilingual:
    draws = sections[0].runs[0].scores["bootstrap"]
    share, times, seed = f"{100 * draws['level']:g}%", draws["resamples"], draws["seed"]
    return Bilingual(
        zh=f"{share} 自助法区间（百分位），{times} 次，按组整体重抽，种子 {seed}",
        en=f"{share} percentile bootstrap, {times} draws of whole groups, seed {seed}",
    )


def _unread(*_: Any) -> Bilingual:
    return Bilingual(
        zh="对每一类都算错；可解析率与分数同列", en="wrong for every class; the parse rate stands beside the scores"
    )


def _tests(_: Any, comparison: Comparison | None) -> Bilingual | None:
    if comparison is None or not comparison.tests:
        return None
    tests, swaps = comparison.tests, PERMUTATIONS
    return Bilingual(
        zh=f"按组成对置换（{swaps} 次）与 McNemar 精确检验，双侧；Holm 校正，共 {tests} 次检验",
        en=f"paired permutation by group ({swaps}) and exact McNemar, two-sided; Holm over {tests} tests",
    )


_OF_TASKS: dict[str, Callable[[Run], Bilingual | None]] = {
    "file": _file,
    "size": _size,
    "licenses": lambda run: _same(", ".join(run.manifest["data"]["licenses"])),
    "languages": _languages,
    "lengths": _lengths,
    "labels": _labels,
    "bad_rows": lambda run: _same(run.manifest["data"]["bad_rows"]),
    "definitions": lambda run: _same(f"{run.task}.yaml, {run.manifest['task_version']}"),
    "data_hashes": lambda run: _same(run.manifest["data"]["sha256"]),
}
_OF_RUNS: dict[str, Callable[[Run], Bilingual | None]] = {
    "model": _model,
    "asked": _asked,
    "command": lambda run: _same(run.command),
    "versions": _versions,
    "answers": lambda run: _same(samples_hash(run.folder)),
    "seeds": _pairs("seeds"),
    "hardware": _pairs("hardware"),
    "software": _pairs("versions"),
    "started": lambda run: _same(run.manifest["started"]),
}
_OF_ALL: dict[str, Callable[[list[Section], Comparison | None], Bilingual | None]] = {
    "prompts": _prompts,
    "intervals": _intervals,
    "unread": _unread,
    "tests": _tests,
}
