"""Draws the label mix of record files, one picture per task: bars stacked by split, counts and shares beside them."""

import sys
from collections import Counter
from pathlib import Path
from typing import Any

from instructions.records import Record, read_records
from instructions.write import make_folder
from mentalglm.errors import UserError
from mentalglm.plot_fonts import chinese_font
from mentalglm.tasks import load_task

SHADES = {"train": "#2f6f73", "validation": "#7fb3ac", "test": "#e0a458"}
NONE_ROW = "无标签 (none)"


def draw(records: Path, out: Path) -> list[Path]:
    """Draws ``<task>.png`` for every ``<task>.jsonl`` below ``records`` whose task takes posts.

    Returns:
        The pictures' paths.

    Raises:
        UserError: There are no record files.
    """
    import matplotlib

    matplotlib.use("Agg")
    use_chinese_font()
    files = sorted(records.glob("*.jsonl"))
    if not files:
        raise UserError(f"{records}: holds no .jsonl file; name a folder of record files")
    make_folder(out)
    drawn = []
    for file in files:
        rows = [record for _, record in read_records(file) if isinstance(record, Record)]
        if rows and {row.split for row in rows} != {"test"}:
            drawn.append(_draw_task(rows, out / f"{file.stem}.png"))
    return drawn


def label_counts(records: list[Record]) -> dict[str, Counter[str]]:
    """For every label in the task's order, and for none where that is an answer, the records per split."""
    task = load_task(records[0].task)
    rows = [*task.label_names, *([NONE_ROW] if task.many else [])]
    counts: dict[str, Counter[str]] = {name: Counter() for name in rows}
    for record in records:
        for label in record.labels or [NONE_ROW]:
            counts[label][record.split] += 1
    return counts


def _draw_task(records: list[Record], path: Path) -> Path:
    import matplotlib.pyplot as plt

    task, counts = load_task(records[0].task), label_counts(records)
    names = list(counts)[::-1]  # the first label on top
    figure, axes = plt.subplots(figsize=(8, 1.3 + 0.31 * len(names)), layout="constrained")
    left = [0] * len(names)
    for split, shade in SHADES.items():
        widths = [counts[name][split] for name in names]
        axes.barh(range(len(names)), widths, left=left, color=shade, label=split, height=0.72)
        left = [a + b for a, b in zip(left, widths, strict=True)]
    for place, total in enumerate(left):
        share = f"{total / len(records):.0%}" if total >= len(records) / 200 or not total else "<1%"
        axes.text(total + max(left) * 0.01, place, f"{total}  ({share})", va="center", fontsize=9)
    axes.set_yticks(range(len(names)), [name.replace("##", " · ") for name in names])
    plain_bars(axes, max(left))
    several = "；一帖可有多个标签 / a post may have several labels" if task.many else ""
    axes.set_title(f"{task.title.zh} / {task.title.en}", loc="left", fontsize=12, fontweight="bold", pad=22)
    subtitle = f"{len(records)} 帖 / posts{several}"
    axes.annotate(subtitle, (0, 1), (0, 5), "axes fraction", "offset points", fontsize=9, color="#555")
    axes.legend(frameon=False, ncols=3, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, 0), borderaxespad=0.4)
    # No software or date stamp: the same records give the same bytes.
    figure.savefig(path, dpi=130, metadata={"Software": None})
    plt.close(figure)
    return path


def plain_bars(axes: Any, longest: int) -> None:
    """Strips a chart of horizontal bars to what is read: no frame, no ticks, room for the figures behind the bars."""
    axes.set_xlim(0, longest * 1.16)
    axes.set_xticks([])
    axes.tick_params(axis="y", length=0, labelsize=9.5)
    axes.margins(y=0.01)
    for side in ("top", "right", "bottom"):
        axes.spines[side].set_visible(False)
    axes.spines["left"].set_color("#bbb")


def use_chinese_font() -> None:
    """Makes matplotlib write Chinese; says so on stderr where no font can."""
    from matplotlib import rcParams

    found = chinese_font()
    if found is None:
        print("no Chinese font found, labels will show as boxes; install one, e.g. fonts-noto-cjk", file=sys.stderr)
    rcParams["font.sans-serif"] = [found, "DejaVu Sans"] if found else ["DejaVu Sans"]
    rcParams["font.family"] = "sans-serif"
