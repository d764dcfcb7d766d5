"""The experts' ratings as tables for a terminal."""

from typing import Any

from rich.console import Console

from eval.experts.wording import NOTES
from eval.reporting import tables
from mentalglm.rating.aspects import ASPECTS
from mentalglm.tasks import Bilingual

_AGREEMENT = {
    "krippendorff_alpha_ordinal": Bilingual(zh="Krippendorff α（有序）", en="Krippendorff α, ordinal"),
    "fleiss_kappa": Bilingual(zh="Fleiss κ", en="Fleiss κ"),
    "icc_single": Bilingual(zh="ICC(2,1)", en="ICC(2,1)"),
    "icc_mean_of_experts": Bilingual(zh="ICC(2,k)", en="ICC(2,k)"),
}


def print_ratings(console: Console, result: dict[str, Any]) -> None:
    """Prints means, agreement and comparisons, and what could not be used or measured."""
    _print_means(console, result)
    if len(result["raters"]) > 1:
        _print_agreement(console, result)
    if len(result["sources"]) > 1:
        _print_comparisons(console, result)
    tables.show(console, None, *_notes(result))


def _print_means(console: Console, result: dict[str, Any]) -> None:
    raters = [Bilingual(zh=tables.plain(name), en=tables.plain(name)) for name in result["raters"]]
    made = tables.table(
        f"专家评分（0–3）· Expert ratings: {result['rows']} explanations, {len(raters)} raters",
        Bilingual(zh="来源", en="source"),
        Bilingual(zh="均值", en="mean"),
        Bilingual(zh="95% 区间", en="95% interval"),
        Bilingual(zh="条数", en="rated"),
        Bilingual(zh="0 分占比", en="share of 0"),
        *raters,
    )
    for aspect in ASPECTS:
        for place, (name, score) in enumerate(result["aspects"][aspect.name]["sources"].items()):
            each = [tables.value(mean["value"]) for mean in score["by_rater"].values()]
            cells = [tables.value(score["value"]), tables.interval(score), str(score["n"])]
            title = f"{aspect.zh[0]} · {aspect.name}" if place == 0 else ""
            made.add_row(title, tables.plain(name), *cells, tables.value(score["share_of_0"]), *each)
        made.add_section()
    tables.show(console, made)


def _print_agreement(console: Console, result: dict[str, Any]) -> None:
    pairs = list(result["aspects"][ASPECTS[0].name]["agreement"]["pairs"])
    kappas = [Bilingual(zh=f"Cohen κ（二次）{tables.plain(name)}", en="quadratic, and unweighted") for name in pairs]
    made = tables.table("一致性 · Agreement", *_AGREEMENT.values(), *kappas)
    for aspect in ASPECTS:
        found = result["aspects"][aspect.name]["agreement"]
        cells = [f"{tables.value(found[name]['value'])} {tables.interval(found[name])}" for name in _AGREEMENT]
        for name in pairs:
            quadratic, plain = (found["pairs"][name][kind] for kind in ("cohen_kappa_quadratic", "cohen_kappa"))
            cells.append(
                f"{tables.value(quadratic['value'])} {tables.interval(quadratic)}; {tables.value(plain['value'])}"
            )
        made.add_row(f"{aspect.zh[0]} · {aspect.name}", *cells)
    tables.show(console, made)


def _print_comparisons(console: Console, result: dict[str, Any]) -> None:
    made = tables.table(
        "比较 · Comparison",
        Bilingual(zh="后者 − 前者", en="second − first"),
        Bilingual(zh="差，95% 区间", en="difference, 95%"),
        Bilingual(zh="可测出的差", en="detectable"),
        Bilingual(zh="秩相关效应", en="rank-biserial"),
        Bilingual(zh="Wilcoxon p", en="Holm"),
        Bilingual(zh="混合模型", en="mixed model"),
        Bilingual(zh="p", en="Holm"),
    )
    for aspect in ASPECTS:
        for place, each in enumerate(result["aspects"][aspect.name]["comparisons"]):
            change, ranks, mixed = each["difference"], each["wilcoxon"], each["mixed_model"]
            cells = [_signed(change), tables.value(change["detectable"]), tables.value(ranks["effect"], signed=True)]
            cells += [_p(ranks), _signed(mixed) if mixed else "–"]
            title = f"{aspect.zh[0]} · {aspect.name}" if place == 0 else ""
            made.add_row(title, tables.plain(f"{each['second']} − {each['first']}"), *cells, _p(mixed))
        made.add_section()
    tables.show(console, made)


def _signed(score: dict[str, Any]) -> str:
    return f"{tables.value(score['value'], signed=True)} {tables.interval(score, signed=True)}"


def _p(test: dict[str, Any] | None) -> str:
    """``.012 / .048``: as found, and adjusted."""
    if test is None or test["p"] is None:
        return "–"
    return f"{tables.chance(test['p'])} / {tables.chance(test['p_holm'])}"


def _of_aspects(result: dict[str, Any]) -> list[Bilingual]:
    """What the mixed models could not estimate, and of which aspects where not of all."""
    notes = []
    for name, words in NOTES.items():
        where = [each for each in ASPECTS if name in result["aspects"][each.name]["mixed_model"]["notes"]]
        every = len(where) == len(ASPECTS)
        zh = "" if every else "、".join(aspect.zh[0] for aspect in where) + "："
        en = "" if every else ", ".join(aspect.name for aspect in where) + ": "
        notes += [Bilingual(zh=zh + words.zh, en=en + words.en)] if where else []
    return notes


def _notes(result: dict[str, Any]) -> list[Bilingual]:
    notes = _of_aspects(result)
    for name, rater in result["raters"].items():
        if rater["filled"] < rater["cells"] or rater["comments"]:
            shown, filled, cells, said = tables.plain(name), rater["filled"], rater["cells"], rater["comments"]
            zh = f"{shown}：填了 {filled} / {cells} 格，备注 {said} 条（见其评分表）。"
            en = f"{shown}: {filled} of {cells} cells filled; comments on {said} rows (see the sheet)."
            notes.append(Bilingual(zh=zh, en=en))
    if len(result["sources"]) > 1:
        tests = result["tests"]["wilcoxon"]
        notes.append(
            Bilingual(
                zh=f"p：Wilcoxon 符号秩检验（双侧，同组帖子合为一个差）；按 {tests} 次检验作 Holm 校正，混合模型另算。",
                en=f"p: Wilcoxon signed rank, two-sided, one difference per group; Holm over these {tests} tests, "
                "and over the mixed model's by themselves.",
            )
        )
    if len(result["raters"]) > 1:
        notes.append(
            Bilingual(
                zh="一致性高只说明评分人之间一致，不说明解释正确；区间按组重抽样。",
                en="agreement says that raters agree, not that an explanation is right; intervals resample groups.",
            )
        )
    return notes
