"""The review as a page to read, Chinese and English side by side."""

from typing import Any

from mentalglm.rating.aspects import ASPECTS

_AGREEMENT = {
    "krippendorff_alpha_ordinal": "Krippendorff α（ordinal）",
    "fleiss_kappa": "Fleiss κ",
    "icc_single": "ICC(A,1)",
    "icc_mean_of_experts": "ICC(A,k)",
}
_NOTE = (
    "区间为按条目重采样的 95% bootstrap 区间；“–”表示无法定义（例如只有一位专家，或所有评分相同）。"
    "一致性高只说明专家之间一致，不说明解释正确。\n\n"
    "Intervals are 95 % bootstrap intervals over rows; – means undefined (one expert alone, or all ratings equal). "
    "Agreement says that experts agree, not that an explanation is right."
)


def report(found: dict[str, Any]) -> str:
    """The statistics as Markdown."""
    head = f"{found['rows']} 条解释，{len(found['experts'])} 位专家 · {found['rows']} explanations, " + (
        f"{len(found['experts'])} experts ({', '.join(found['experts'])})"
    )
    parts = ["# 专家评审 Expert review", head, _NOTE, "## 平均分 Means（0–3）", _means(found)]
    if len(found["experts"]) > 1:
        parts += ["## 一致性 Agreement", _agreement(found), "### 两两之间 Pairs", _pairs(found)]
    if found["faults"]:
        parts += ["## 未能使用的内容 What could not be used", "\n".join(f"- {fault}" for fault in found["faults"])]
    if found["comments"]:
        parts.append(
            f"备注 {found['comments']} 条，请在工作簿中查看 · {found['comments']} comments, to be read in the workbooks"
        )
    return "\n\n".join(parts) + "\n"


def _means(found: dict[str, Any]) -> str:
    first = found["aspects"][ASPECTS[0].name]
    heads = ["方面 aspect", "全部 all", *first["by_task"], *first["by_expert"]]
    rows = []
    for aspect in ASPECTS:
        one = found["aspects"][aspect.name]
        cells = [one["mean"], *one["by_task"].values(), *one["by_expert"].values()]
        rows.append([aspect.column, *map(_shown, cells)])
    return _table(heads, rows)


def _agreement(found: dict[str, Any]) -> str:
    heads = ["方面 aspect", *_AGREEMENT.values()]
    aspects = [(aspect, found["aspects"][aspect.name]["agreement"]) for aspect in ASPECTS]
    return _table(heads, [[aspect.column, *(_shown(one[name]) for name in _AGREEMENT)] for aspect, one in aspects])


def _pairs(found: dict[str, Any]) -> str:
    heads = ["方面 aspect", "专家 experts", "Cohen κ", "Cohen κ（quadratic）"]
    rows = [
        [aspect.column, pair, _shown(values["cohen_kappa"]), _shown(values["cohen_kappa_quadratic"])]
        for aspect in ASPECTS
        for pair, values in found["aspects"][aspect.name]["agreement"]["pairs"].items()
    ]
    return _table(heads, rows)


def _shown(estimate: dict[str, Any]) -> str:
    if estimate["value"] is None:
        return f"–（n={estimate['n']}）"
    interval = "" if estimate["low"] is None else f" [{estimate['low']:.2f}, {estimate['high']:.2f}]"
    return f"{estimate['value']:.2f}{interval}（n={estimate['n']}）"


def _table(heads: list[str], rows: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
