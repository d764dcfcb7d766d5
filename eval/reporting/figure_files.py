"""Writes the figures for a paper, task by task, as vectors (PDF) and as pixels (PNG)."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eval.reporting.drawn import curves_of
from eval.reporting.figure_style import Words, save, style, words_for
from eval.reporting.plot_confusion import plot_confusion
from eval.reporting.plot_curves import plot_curve
from eval.reporting.plot_explanations import plot_explanations
from eval.reporting.plot_scores import plot_labels, plot_scores
from eval.reporting.sections import Section
from mentalglm.errors import UserError
from mentalglm.plot_fonts import is_chinese

FIGURES = "figures"


def write_figures(sections: list[Section], folder: Path, lang: str) -> list[Path]:
    """Writes ``TASK-scores.pdf`` and ``.png`` and so on for every task; the same scores give the same bytes.

    Args:
        sections: The tasks.
        folder: The folder, made where it is missing.
        lang: ``en`` or ``zh``; labels keep their names.

    Returns:
        The figures, without their endings.

    Raises:
        UserError: The folder cannot be written.
    """
    import matplotlib.style

    texts = _texts(sections, lang)
    words = words_for(lang, texts)
    if words.font is None and is_chinese("".join(texts)):
        print(
            "no installed font has the Chinese characters: figures are in English; install one, e.g. fonts-noto-cjk",
            file=sys.stderr,
        )
    made = []
    # Whatever the user's own matplotlibrc says.
    with matplotlib.style.context(["default", style(words)]):
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for section in sections:
                for kind, figure in _figures(section, words):
                    made.append(folder / f"{section.task.name}-{kind}")
                    save(figure, made[-1])
        except OSError as error:
            raise UserError(
                f"{folder} cannot be written ({error.strerror}); name another folder with --tables"
            ) from None
    return made


def _figures(section: Section, words: Words) -> Iterator[tuple[str, Any]]:
    task, runs = section.task, section.runs
    yield "scores", plot_scores(task, runs, words)
    yield "per_class", plot_labels(task, runs, words)
    if not task.many:
        yield "confusion", plot_confusion(task, runs, words)
    for curve in curves_of(runs):
        yield curve.key, plot_curve(task, curve, words)
    if section.explanations:
        yield "explanations", plot_explanations(task, section.explanations, words)


def _texts(sections: list[Section], lang: str) -> list[str]:
    """What will be written in the figures and may be Chinese."""
    names = [name for section in sections for name in section.task.label_names]
    names += [run.name for section in sections for run in section.runs]
    return [*names, *(section.task.title.zh for section in sections if lang == "zh")]
