"""How the figures for a paper look: type, colours, words; one colour and one marker per run throughout."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from eval.reporting.runs import Run
from mentalglm.plot_fonts import chinese_font, is_chinese
from mentalglm.tasks import Bilingual, Task

# Told apart by people who are colour-blind, too (Okabe and Ito 2008), and by their markers in grey print.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
DASHES = ("-", "--", ":", "-.")
INK, QUIET, GRID = "#1b1f24", "#5a6572", "#e3e6ea"
# Inches: one column of a two-column paper, and the whole width.
COLUMN, PAGE = 3.4, 6.9
_WIDEST = 40  # characters of a measure's name in one line
_NARROW = 32  # of a label's English words
_LINE = 0.165  # inches that a line of the legend takes
_DPI = 200
_DEJAVU = "DejaVu Sans"


@dataclass(frozen=True)
class Words:
    """What the figures say.

    Attributes:
        lang: ``en`` or ``zh``.
        font: An installed font with the Chinese characters of the report; None where there is none, and all is said in
            English.
    """

    lang: str
    font: str | None

    def say(self, words: Bilingual) -> str:
        """Words in the figures' language."""
        return words.zh if self.lang == "zh" and self.font else words.en

    def row(self, words: Bilingual) -> str:
        """A row's name, on several lines where it is long."""
        shown = self.say(words)
        return shown if is_chinese(shown) else textwrap.fill(shown, _WIDEST)

    def label(self, task: Task, name: str) -> str:
        """A label's name; without a font for it what people read for it in English, less what stands in brackets."""
        if self.font or not is_chinese(name):
            # A Chinese font's dot is as wide as a character.
            return name.replace("##", "·" if is_chinese(name) else " · ")
        display = task.label(name).display
        if display is None:
            return f"label {task.label_names.index(name) + 1}"
        return textwrap.fill(display.en.split(" (")[0].split(";")[0], _NARROW)

    def run(self, run: Run) -> str:
        """A run's name, or its number where no font has it."""
        return f"run {run.place + 1}" if is_chinese(run.name) and not self.font else run.name


def words_for(lang: str, texts: Sequence[str]) -> Words:
    """Words in a language, with a font that has the Chinese characters of some texts."""
    return Words(lang, chinese_font("".join(sorted(set("".join(texts))))))


def style(words: Words) -> dict[str, Any]:
    """Settings of matplotlib: small type, thin lines, no frame."""
    return {
        "font.family": [words.font, _DEJAVU] if words.font else [_DEJAVU],
        "font.size": 8,
        "text.parse_math": False,  # a dollar sign in a run's name begins no formula
        "text.color": INK,
        "axes.titlesize": 9,
        "axes.titlelocation": "left",
        "axes.titlepad": 8,
        "axes.edgecolor": QUIET,
        "axes.labelcolor": QUIET,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.axisbelow": True,
        "grid.color": GRID,
        "grid.linewidth": 0.6,
        "xtick.color": QUIET,
        "ytick.color": QUIET,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "xtick.major.size": 2.5,
        "ytick.major.size": 2.5,
        "legend.frameon": False,
        "legend.handletextpad": 0.5,
        "legend.columnspacing": 1.4,
        "figure.constrained_layout.h_pad": 0.06,
        "figure.constrained_layout.w_pad": 0.06,
    }


def colour_of(run: Run) -> str:
    """A run's colour in all figures."""
    return COLOURS[run.place % len(COLOURS)]


def marker_of(run: Run) -> str:
    """A run's marker; after the colours have come round, another one."""
    return MARKERS[run.place % len(MARKERS)]


def dashes_of(run: Run) -> str:
    """A run's kind of line; after the colours have come round, another one."""
    return DASHES[run.place // len(COLOURS) % len(DASHES)]


def sheet(width: float, height: float) -> Any:
    """An empty figure, in inches; it belongs to no window and to no global state."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def legend(figure: Any, handles: list[Any], names: list[str]) -> None:
    """Names the runs under a figure, as many side by side as it has room for; each further line makes it higher."""
    room = figure.get_figwidth() / 0.075  # about so many Latin letters
    longest = max(sum(2 if is_chinese(letter) else 1 for letter in name) for name in names) + 6
    across = max(1, min(len(names), int(room // longest)))
    figure.set_figheight(figure.get_figheight() + _LINE * (-(-len(names) // across) - 1))
    figure.legend(handles, names, loc="outside lower center", ncols=across)


def save(figure: Any, path: Path) -> None:
    """Writes a figure as vectors and as pixels; neither date nor program stands in it: same scores, same bytes."""
    nothing = {"CreationDate": None, "Creator": None, "Producer": None}
    figure.savefig(path.with_name(path.name + ".pdf"), metadata=nothing)
    figure.savefig(path.with_name(path.name + ".png"), dpi=_DPI, metadata={"Software": None})
