"""The scores of a run as tables for a terminal."""

from typing import Any

from rich.console import Console

from eval.explanations.wording import LACKING
from eval.reporting import tables
from eval.score import task_scores
from mentalglm.tasks import Bilingual


def print_scores(console: Console, scores: dict[str, Any]) -> None:
    """Prints one table per task: parse rate, measures, and for an alarm what 1,000 posts bring."""
    for each in task_scores(scores).values():
        title = f"{each['model']} · {tables.task_title(each['task'])}: n = {each['n']}, {each['groups']} groups"
        if each["n"] < each["n_expected"]:
            title += f" · 未完成 unfinished ({each['n_expected']})"
        made = tables.table(title, Bilingual(zh="值", en="value"), Bilingual(zh="95% 区间", en="95% interval"))
        for name, score in {"parse_rate": each["parse_rate"], **each["metrics"]}.items():
            made.add_row(tables.measure_title(name), tables.value(score["value"]), tables.interval(score))
        tables.show(console, made)
        if each.get("explanations"):
            _print_explanations(console, each)
        if each["screening"]:
            _print_screening(console, each["screening"])


def _print_explanations(console: Console, each: dict[str, Any]) -> None:
    """The model's explanations, and beside them what one constant text per label would be worth."""
    heads = [Bilingual(zh="值", en="value"), Bilingual(zh="95% 区间", en="95% interval")]
    if each["template"]:
        heads += [Bilingual(zh="固定模板", en="template"), Bilingual(zh="95% 区间", en="95% interval")]
    made = tables.table(f"解释 · Explanations: {each['n_explained']} 条留有文字 with their words", *heads)
    for name, score in each["explanations"].items():
        cells = [tables.value(score["value"]), tables.interval(score)]
        if each["template"]:
            constant = each["template"].get(name)
            cells += [tables.value(constant["value"]), tables.interval(constant)] if constant else ["", ""]
        made.add_row(tables.measure_title(name), *cells)
    lacked: dict[str, list[str]] = {}
    for block, why in each["not_measured"].items():
        lacked.setdefault(why, []).append(block)
    notes = []
    for why, blocks in lacked.items():
        names = ", ".join(blocks)
        notes.append(Bilingual(zh=f"未计算 {names}：{LACKING[why].zh}", en=f"not measured: {names}: {LACKING[why].en}"))
    tables.show(console, made, *notes)


def _print_screening(console: Console, screening: list[dict[str, Any]]) -> None:
    made = tables.table(
        "每千条帖子 · Per 1,000 posts",
        Bilingual(zh="报警", en="alarms"),
        Bilingual(zh="漏报", en="misses"),
        Bilingual(zh="阳性预测值", en="PPV"),
        Bilingual(zh="阴性预测值", en="NPV"),
    )
    for at in screening:
        counts = ["–" if at[name]["value"] is None else f"{at[name]['value']:.1f}" for name in ("alarms", "misses")]
        shares = [f"{tables.value(at[name]['value'])} {tables.interval(at[name])}" for name in ("ppv", "npv")]
        made.add_row(f"{100 * at['prevalence']:g} %", *counts, *shares)
    note = Bilingual(
        zh="左列：设想每百条帖子中有多少条属正类。测试集自身的比例不能说明实际使用时的比例。",
        en="left: how many posts in a hundred are taken to be positive. A test set's own share says nothing about use.",
    )
    tables.show(console, made, note)
