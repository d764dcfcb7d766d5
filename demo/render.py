"""Analyses as HTML. ``Markup.format`` escapes whatever is not markup already, so no post can write into the page."""

import re

from markupsafe import Markup

from mentalglm.analysis import Analysis, gravest
from mentalglm.hotlines import crisis_notice, disclaimer, load_hotlines
from mentalglm.tasks import Crisis, Task, load_task

from .bars import probabilities
from .highlight import highlight
from .labels import plain, short, wording
from .strings import STRINGS, Lang

LONG_POST = 200
"""From about this many characters on, a post may be taller than its box on a phone."""


def render_results(analyses: list[Analysis], lang: Lang) -> Markup:
    """The results for one post: where to find help when any result calls for it, then one card per task."""
    crisis = gravest([a.crisis for a in analyses if a.crisis is not None])
    cards = Markup().join(render_card(a, lang) for a in analyses)
    return _notice(crisis, lang) + Markup('<div class="cards">{}</div>').format(cards) + _footer(analyses, lang)


def render_error(message: str) -> Markup:
    """One friendly line."""
    return Markup('<p class="error" role="alert">{}</p>').format(message)


def render_standing_notice(lang: Lang) -> Markup:
    """What this page is and is not, and what happens to the words typed."""
    return Markup('<div class="standing"><p>{}</p><p>{}</p></div>').format(disclaimer(lang), STRINGS[lang].privacy)


def render_card(analysis: Analysis, lang: Lang) -> Markup:
    """One task's result."""
    task = load_task(analysis.task)
    parts = [_verdict(analysis, task, lang), _conflicts(analysis, lang)]
    if analysis.parsed:
        parts += [_explanation(analysis, lang), _evidence(analysis, task, lang), probabilities(analysis, task, lang)]
    card = Markup('<article class="card" data-task="{}" data-crisis="{}"><h2>{}</h2>{}</article>')
    return card.format(task.name, analysis.crisis or "unknown", getattr(task.title, lang), Markup().join(parts))


def _notice(crisis: Crisis, lang: Lang) -> Markup:
    words = crisis_notice(crisis, lang)
    if words is None:
        return Markup()
    title = STRINGS[lang].notice
    notice = Markup('<aside class="help" data-crisis="{}" aria-label="{}"><h2>{}</h2><p>{}</p></aside>')
    return notice.format(crisis, title, title, _diallable(words))


def _diallable(words: str) -> Markup:
    """``words`` with the hotlines' numbers as links that a phone dials."""
    numbers = {hotline.number for hotline in load_hotlines()}
    parts = re.split(rf"(?<!\d)({'|'.join(map(re.escape, numbers))})(?!\d)", words)
    link = Markup('<a href="tel:{0}">{0}</a>')
    return Markup().join(link.format(part) if part in numbers else part for part in parts)


def _verdict(analysis: Analysis, task: Task, lang: Lang) -> Markup:
    words = STRINGS[lang]
    if not analysis.parsed:
        return Markup('<div class="unparsed"><p>{}</p><p>{}</p></div>').format(words.unparsed, words.unparsed_more)
    if analysis.abstained:
        decided = _labels(analysis.labels, task, lang, "labels") if analysis.labels else Markup()
        return decided + Markup('<p class="abstained">{}</p>{}').format(
            words.abstained if not analysis.labels else words.abstained_more,
            _labels(analysis.candidates, task, lang, "candidates"),
        )
    if not analysis.labels:
        grave = any(label.crisis != "none" for label in task.labels)
        caution = Markup(" <small>{}</small>").format(words.nothing_caution) if grave else Markup()
        return Markup('<p class="none">{}{}</p>').format(words.nothing, caution)
    return _labels(analysis.labels, task, lang, "labels")


def _labels(names: list[str], task: Task, lang: Lang, css: str) -> Markup:
    items = Markup().join(Markup("<li>{}</li>").format(_label(name, task, lang)) for name in names)
    return Markup('<ul class="{}">{}</ul>').format(css, items)


def _label(name: str, task: Task, lang: Lang) -> Markup:
    """The wording for people, the bare name small beside it where it differs, and what the label means."""
    read, bare = wording(task, name, lang), plain(name)
    aside = "" if bare == read else bare
    if task.kind == "ordinal":
        aside = f"/ {task.label_names[-1]}"
    label = Markup('<b>{}</b> <small>{}</small><span class="meaning">{}</span>')
    return label.format(read, aside, getattr(task.label(name).definition, lang))


def _conflicts(analysis: Analysis, lang: Lang) -> Markup:
    if not analysis.conflicts:
        return Markup()
    items = Markup().join(Markup("<li>{}</li>").format(_conflict(c, lang)) for c in analysis.conflicts)
    return Markup('<div class="conflicts"><p>{}</p><ul>{}</ul></div>').format(STRINGS[lang].conflicts, items)


def _conflict(conflict: str, lang: Lang) -> str:
    """``task=label ≠ task=label`` with the tasks' titles in place of their names."""
    sides = [side.partition("=") for side in conflict.split(" ≠ ")]
    return " ≠ ".join(f"{getattr(load_task(task).title, lang)}：{label}" for task, _, label in sides)


def _explanation(analysis: Analysis, lang: Lang) -> Markup:
    if not analysis.explanation:
        return Markup()
    section = Markup('<section><h3>{}</h3><p class="explanation" dir="auto">{}</p></section>')
    return section.format(STRINGS[lang].explanation, analysis.explanation)


def _evidence(analysis: Analysis, task: Task, lang: Lang) -> Markup:
    words = STRINGS[lang]
    if not analysis.evidence:
        # The whole post again, with nothing marked in it, would only be noise.
        return Markup('<section><h3>{}</h3><p class="muted">{}</p></section>').format(words.evidence, words.no_evidence)
    marked = highlight(analysis.text, analysis.evidence, lambda name: short(task, name, lang))
    # A long post scrolls in its box, and what scrolls must be within the keyboard's reach.
    reach = Markup(' tabindex="0" role="region" aria-label="{}"').format(words.evidence)
    section = Markup('<section><h3>{}</h3><p class="post" dir="auto"{}>{}</p></section>')
    return section.format(words.evidence, reach if len(analysis.text) > LONG_POST else "", marked)


def _footer(analyses: list[Analysis], lang: Lang) -> Markup:
    words = STRINGS[lang]
    lines = [words.footer.format(model=analyses[0].model)] if analyses else []
    windows = max((a.windows for a in analyses), default=1)
    if windows > 1:
        lines.append(words.windows.format(count=windows))
    return Markup('<p class="muted footer">{}</p>').format(" ".join(lines))
