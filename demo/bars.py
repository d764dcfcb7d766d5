"""A result's probabilities as HTML: bars, or columns where the labels form a scale."""

from markupsafe import Markup

from mentalglm.analysis import Analysis
from mentalglm.tasks import Task

from .labels import short
from .strings import STRINGS, Lang

_BAR = Markup(
    '<li class="{css}"><span class="name">{name}</span>'
    '<span class="track" aria-hidden="true"><i style="width:{size}%"></i></span><span class="p">{p}</span></li>'
)
_COLUMN = Markup(
    '<li class="{css}"><span class="p">{p}</span>'
    '<span class="track" aria-hidden="true"><i style="height:{size}%"></i></span><span class="name">{name}</span></li>'
)

SHOWN = 4
"""How many bars stand in the open; the rest folds away."""


def probabilities(analysis: Analysis, task: Task, lang: Lang) -> Markup:
    """The probabilities of ``analysis``, the decided labels standing out."""
    words = STRINGS[lang]
    known = {name: p for name, p in analysis.probabilities.items() if p is not None}
    if not known:
        return Markup('<p class="muted">{}</p>').format(words.no_probabilities)
    decided = set(analysis.labels)

    def item(shape: Markup, name: str) -> Markup:
        css = "decided" if name in decided else ""
        values = {"name": short(task, name, lang), "size": f"{100 * known[name]:.1f}", "p": percent(known[name])}
        return shape.format(css=css, **values)

    if task.kind == "ordinal":
        chart = _list("columns", [item(_COLUMN, name) for name in task.label_names if name in known])
    else:
        ranked = sorted(known, key=lambda name: (name not in decided, -known[name]))
        bars = [item(_BAR, name) for name in ranked]
        open_ = max(SHOWN, len(decided)) if len(bars) > SHOWN + 1 else len(bars)
        chart = _list("bars", bars[:open_])
        if bars[open_:]:
            summary = words.others.format(count=len(bars) - open_)
            chart += Markup("<details><summary>{}</summary>{}</details>").format(summary, _list("bars", bars[open_:]))
    return Markup("<section><h3>{}</h3>{}</section>").format(words.probabilities, chart)


def percent(p: float) -> str:
    """``p`` in whole percent; never 0% or 100%, which would claim certainty."""
    if p < 0.005:
        return "<1%"
    return ">99%" if p >= 0.995 else f"{p:.0%}"


def _list(css: str, items: list[Markup]) -> Markup:
    return Markup('<ul class="{}">{}</ul>').format(css, Markup().join(items))
