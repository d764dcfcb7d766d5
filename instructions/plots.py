"""The pictures of a data card: what a corpus is made of, by task and source, by label, by length."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from instructions.figures import plain_bars, use_chinese_font
from instructions.instruction import Instruction
from instructions.write import make_folder
from mentalglm.tasks import load_task

# Ten shades that stay apart for colour-blind readers and on paper (after Paul Tol's "muted").
_SHADES = (
    "#332288", "#88ccee", "#44aa99", "#117733", "#999933", "#ddcc77", "#cc6677", "#882255", "#aa4499", "#bbbbbb",
)  # fmt: skip
_TEAL, _LIGHT = "#2f6f73", "#9cc5c1"


def draw_corpus(rows: Sequence[Instruction], folder: Path) -> list[str]:
    """Draws the pictures of a corpus.

    Returns:
        Their names in ``folder``.
    """
    import matplotlib

    matplotlib.use("Agg")
    use_chinese_font()
    make_folder(folder)
    for old in folder.glob("*.png"):
        old.unlink()
    _draw_tasks(rows, folder / "tasks.png")
    _draw_origin(rows, folder / "origin.png")
    _draw_lengths(rows, folder / "lengths.png")
    names = ["tasks.png", "origin.png", "lengths.png"]
    if any(row.labels for row in rows):
        _draw_labels(rows, folder / "labels.png")
        names.append("labels.png")
    return names


def _draw_tasks(rows: Sequence[Instruction], path: Path) -> None:
    import matplotlib.pyplot as plt

    totals = Counter(row.task for row in rows)
    tasks = [task for task, _ in sorted(totals.items(), key=lambda item: (item[1], item[0]))]
    sources = [source for source, _ in Counter(row.source for row in rows).most_common()]
    counts = Counter((row.task, row.source) for row in rows)
    figure, axes = plt.subplots(figsize=(9, 1.4 + 0.3 * len(tasks)), layout="constrained")
    left = [0] * len(tasks)
    for number, source in enumerate(sources):
        widths = [counts[task, source] for task in tasks]
        shade = _SHADES[min(number, len(_SHADES) - 1)]
        axes.barh(range(len(tasks)), widths, left=left, color=shade, label=source, height=0.74)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for place, total in enumerate(left):
        axes.text(total + max(left) * 0.01, place, f"{total:,}", va="center", fontsize=9)
    axes.set_yticks(range(len(tasks)), tasks)
    plain_bars(axes, max(left))
    _title(axes, "任务与来源 / Tasks and sources", f"{len(rows):,} 条指令 / instructions")
    axes.legend(frameon=False, fontsize=9, loc="lower right")
    _save(figure, path)


def _draw_origin(rows: Sequence[Instruction], path: Path) -> None:
    """Language, licence and kind of answer, each as shares of the whole."""
    import matplotlib.pyplot as plt

    parts = {
        "语言 / language": Counter({"zh": "中文 / Chinese", "en": "英文 / English"}[row.language] for row in rows),
        "许可 / licence": Counter(row.licence for row in rows),
        "回答 / answer": Counter(_kind(row) for row in rows),
        "划分 / split": Counter(row.split for row in rows),
    }
    names = [(part, name, n) for part, counts in parts.items() for name, n in counts.most_common()]
    figure, axes = plt.subplots(figsize=(9, 1.2 + 0.32 * (len(names) + len(parts))), layout="constrained")
    place, places, labels = 0.0, [], []
    for part, counts in reversed(parts.items()):
        for name, n in reversed(counts.most_common()):
            axes.barh(place, n, color=_TEAL, height=0.72)
            axes.text(n + len(rows) * 0.01, place, f"{n:,}  ({n / len(rows):.1%})", va="center", fontsize=9)
            places.append(place)
            labels.append(name)
            place += 1
        axes.text(0, place - 0.3, part, fontsize=9.5, fontweight="bold", va="center")
        place += 1.0
    axes.set_yticks(places, labels)
    plain_bars(axes, len(rows))
    axes.set_ylim(-0.6, place - 0.7)
    _title(axes, "构成 / Composition", "")
    _save(figure, path)


def _draw_lengths(rows: Sequence[Instruction], path: Path) -> None:
    import matplotlib.pyplot as plt
    import numpy as np

    languages = [language for language in ("zh", "en") if any(row.language == language for row in rows)]
    figure, panels = plt.subplots(len(languages), 2, figsize=(9, 2.1 * len(languages) + 0.6), squeeze=False)
    for line, language in enumerate(languages):
        for column, (role, title) in enumerate((("user", "问题 / question"), ("assistant", "回答 / answer"))):
            axes = panels[line][column]
            lengths = [_length(row, role) for row in rows if row.language == language]
            if max(lengths) == 0:
                axes.set_axis_off()
                continue
            limit = float(np.quantile(lengths, 0.99))
            axes.hist(np.clip(lengths, 0, limit), bins=40, color=(_TEAL, _LIGHT)[column])
            axes.set_title(
                f"{ {'zh': '中文', 'en': 'English'}[language] }  {title}：中位数 / median {int(np.median(lengths)):,}",
                loc="left",
                fontsize=9.5,
            )
            axes.set_yticks([])
            axes.tick_params(labelsize=8.5)
            for side in ("top", "right", "left"):
                axes.spines[side].set_visible(False)
    figure.suptitle("长度（字符，最长的 1 % 并入末格）/ Length in characters, longest 1 % in the last bar", fontsize=11)
    figure.tight_layout()
    _save(figure, path)


def _draw_labels(rows: Sequence[Instruction], path: Path) -> None:
    """How often each label stands in the answers, task by task, in two columns."""
    import matplotlib.pyplot as plt

    counts: dict[str, Counter[str]] = {}
    for row in rows:
        if row.task != "dialogue":
            counts.setdefault(row.task, Counter()).update(row.labels or ["（无）/ (none)"])
    tasks = sorted(counts, key=lambda task: (-len(counts[task]), task))
    heights = [len(counts[task]) + 2.2 for task in tasks]
    columns: tuple[list[int], list[int]] = ([], [])
    filled = [0.0, 0.0]
    for number, height in enumerate(heights):
        column = 0 if filled[0] <= filled[1] else 1
        columns[column].append(number)
        filled[column] += height
    figure = plt.figure(figsize=(13, 0.215 * max(filled) + 0.6))
    for column, members in enumerate(columns):
        top = 0.0
        for number in members:
            task = tasks[number]
            box = (0.21 + column * 0.5, 1 - (top + heights[number] - 0.5) / max(filled), 0.25, 0)
            height = (heights[number] - 2.0) / max(filled)
            axes = figure.add_axes((box[0], box[1], box[2], height))
            _bars(axes, _in_order(task, counts[task]))
            axes.set_title(task, loc="left", fontsize=9.5, fontweight="bold", pad=3)
            top += heights[number]
    _save(figure, path)


def _in_order(task: str, counts: Counter[str]) -> list[tuple[str, int]]:
    """The labels of a scale in its order, others by how often they stand there."""
    if load_task(task).kind == "ordinal":
        return [(name, counts[name]) for name in load_task(task).label_names]
    return counts.most_common()


def _bars(axes: Any, counts: list[tuple[str, int]]) -> None:
    names, values = zip(*reversed(counts), strict=True)
    axes.barh(range(len(names)), values, color=_TEAL, height=0.74)
    for place, value in enumerate(values):
        axes.text(value + max(values) * 0.015, place, f"{value:,}", va="center", fontsize=8)
    axes.set_yticks(range(len(names)), [name.replace("##", " · ") for name in names], fontsize=8.5)
    axes.set_ylim(-0.6, len(names) - 0.4)
    plain_bars(axes, max(values))


def _kind(row: Instruction) -> str:
    if row.task == "dialogue":
        return "对话 / dialogue"
    return "有解释 / explained" if row.explained else "仅标签 / label only"


def _length(row: Instruction, role: str) -> int:
    return sum(len(message["content"]) for message in row.messages if message["role"] == role)


def _title(axes: Any, title: str, subtitle: str) -> None:
    axes.set_title(title, loc="left", fontsize=12, fontweight="bold", pad=22 if subtitle else 8)
    if subtitle:
        axes.annotate(subtitle, (0, 1), (0, 5), "axes fraction", "offset points", fontsize=9, color="#555")


def _save(figure: Any, path: Path) -> None:
    import matplotlib.pyplot as plt

    # No software or date stamp: the same rows give the same bytes.
    figure.savefig(path, dpi=110, metadata={"Software": None})
    plt.close(figure)
