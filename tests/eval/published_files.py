"""Small files of invented sentences in the formats that SOS-HL-1K, SocialCD-3K, CP and IMHI are published in."""

import csv
import json
from pathlib import Path

from mentalglm.tasks import load_task

HIGH, LOW = "高自杀风险", "低自杀风险"


def chats(path: Path, count: int, begin: int = 0) -> Path:
    """SOS-HL-1K: a third of the posts are high; the two kinds share no clause."""
    lines = []
    for i in range(begin, begin + count):
        high = i % 3 == 0
        post = f"第{i}封信，日子定了，东西也分给大家了" if high else f"第{i}天，照常上班，照常吃饭"
        words = [("system", "你是助手"), ("user", post), ("assistant", HIGH if high else LOW)]
        lines.append(json.dumps({"messages": [{"role": r, "content": c} for r, c in words]}, ensure_ascii=False))
    return _write(path, "\n".join(lines))


def ticks(path: Path, count: int) -> Path:
    """SocialCD-3K: one or two labels a post."""
    names = load_task("cognitive_distortion").label_names
    lines = ["\t".join([*names, "内容"])]
    for i in range(count):
        marks = ["1" if j in (i % 12, 9) else "0" for j in range(12)]
        lines.append("\t".join([*marks, f"第{i}句：我这种人就是{names[i % 12]}的样子"]))
    return _write(path, "\n".join(lines))


def hierarchy(path: Path, count: int) -> Path:
    """CP: a parent and its child."""
    names = load_task("cognitive_pathway").label_names
    lines = []
    for i in range(count):
        child = names[i % len(names)]
        lines.append(f"第{i}句，说的是{child.split('##')[1]}\t{child.split('##')[0]},{child}")
    return _write(path, "\n".join(lines))


def questions(path: Path, task_names: list[str], count: int) -> Path:
    """IMHI: one file may ask several questions."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["query", "gpt-3.5-turbo"])
        for i in range(count):
            task = load_task(task_names[i % len(task_names)])
            style = task.styles["imhi"]
            label = task.label_names[i // len(task_names) % len(task.label_names)]
            head = style.head.replace("{labels}", task.surface("imhi", label))
            table.writerow([style.prompt.replace("{post}", f"Day {i}, dear all"), f"{head} {style.reason} It says so."])
    return path


def downstream(folder: Path) -> Path:
    """A data folder for the suite ``downstream``: SOS-HL-1K with test file, SocialCD-3K without, no CP."""
    chats(folder / "sos-hl-1k" / "suicide_train.jsonl", 30)
    chats(folder / "sos-hl-1k" / "suicide_val.jsonl", 12, begin=100)
    ticks(folder / "socialcd-3k" / "train_data_with_header.tsv", 120)
    return folder


def _write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text + "\n", encoding="utf-8")
    return path
