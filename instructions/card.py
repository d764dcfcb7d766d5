"""The data card of a build: what is in it, from where, under which licence, and what was left out. Counts only."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from instructions.config import Config
from instructions.gather import Gathered
from instructions.instruction import Instruction
from instructions.screen import Screened


def card(
    config: Config,
    rows: Sequence[Instruction],
    gathered: Gathered,
    screened: Screened,
    digest: str,
    pictures: Sequence[str],
) -> str:
    """The card as Markdown, headings in Chinese and English; never a word of the corpus."""
    quarantined = gathered.faults + screened.quarantined
    parts = [
        f"# 指令语料 / Instruction corpus `{config.name}`",
        "> 文本涉及痛苦与自杀。标签来自各数据来源，均非诊断。"
        "\n>\n> The texts tell of distress, some of suicide. "
        "Labels are those of the sources; nothing here is a diagnosis.",
        _summary(config, rows, digest),
        *(f"![{name.removesuffix('.png')}](figures/{name})" for name in pictures if name != "labels.png"),
        "## 来源 / Sources",
        _sources(rows, gathered),
        "## 任务 / Tasks",
        _tasks(rows),
        *_labels(rows, pictures),
        "## 长度 / Lengths",
        _lengths(rows),
        *_masked(screened),
        "## 隔离的行 / Quarantined",
        "每行的编号与原因见 `quarantine.jsonl`。 / Each row's id and reason stand in `quarantine.jsonl`.",
        _table(
            ("来源 / source", "原因 / reason", "行 / rows"), Counter((source, why) for _, source, why in quarantined)
        ),
    ]
    if screened.without:
        parts += [
            "## 未采用的解释 / Explanations left out",
            "这些行保留标签与依据。 / These rows keep their labels and evidence.",
            _reasons(screened.without),
        ]
    for title, files in (
        ("## 缺少的文件 / Missing", gathered.missing),
        ("## 有变动的文件 / Changed", gathered.changed),
    ):
        if files:
            parts += [title, "\n".join(f"- {file}" for file in files)]
    parts += ["## 出处 / Credits", "\n".join(_credits(gathered, {row.source for row in rows}))]
    return "\n\n".join(parts) + "\n"


def _summary(config: Config, rows: Sequence[Instruction], digest: str) -> str:
    answered = [row for row in rows if row.task != "dialogue"]
    total = len(rows)
    pairs = len({(row.key, row.task) for row in answered})
    posts = len({row.key for row in answered})
    characters = sum(len(message["content"]) for row in rows for message in row.messages)

    def counted(zh: str, en: str, count: int) -> tuple[str, str]:
        return f"{zh} / {en}", f"{count:,} ({count / total:.1%})"

    lines = [("指令 / instructions", f"{total:,}"), ("字符 / characters", f"{characters:,}")]
    if answered:
        lines += [
            ("不同的（帖子，任务）对 / distinct (post, task) pairs", f"{pairs:,}"),
            ("不同的帖子 / distinct posts", f"{posts:,}"),
            counted("换一种问法的重复", "rephrased repeats", sum(row.repeat > 0 for row in rows)),
            counted("仅标签的副本", "label-only copies", sum(row.label_only_copy > 0 for row in rows)),
            counted("假定的阴性", "assumed negatives", sum(row.assumed for row in rows)),
            counted("有解释", "with an explanation", sum(row.explained for row in rows)),
            counted("仅标签", "label only", sum(not row.explained for row in answered)),
        ]
    for stage in config.stages:
        count = sum(row.language in stage.languages for row in rows)
        lines.append((f"阶段 / stage `{stage.name}`", f"{count:,}"))
    lines += [("种子 / seed", str(config.seed)), ("语料哈希（行内容）/ corpus hash (row contents)", f"`{digest}`")]
    return "\n".join(["| | |", "| --- | --- |", *map(_line, lines)])


def _sources(rows: Sequence[Instruction], gathered: Gathered) -> str:
    header = (
        "来源 / source",
        "许可 / licence",
        "可再分发 / redistributable",
        "语言 / language",
        "划分 / split",
        "行 / rows",
    )
    counts: Counter[tuple[str, ...]] = Counter()
    for row in rows:
        origin = gathered.origins.get(row.source)
        handed_on = "可 / yes" if origin is not None and origin.redistributable else "否 / no"
        counts[row.source, row.licence, handed_on, row.language, row.split] += 1
    return _table(header, counts)


def _tasks(rows: Sequence[Instruction]) -> str:
    header = ("任务 / task", "语言 / language", "划分 / split", "有解释 / explained", "行 / rows")
    explained = Counter((row.task, row.language, row.split) for row in rows if row.explained)
    counts = Counter((row.task, row.language, row.split) for row in rows)
    return _table(header, Counter({(*key, f"{explained[key]:,}"): count for key, count in counts.items()}))


def _labels(rows: Sequence[Instruction], pictures: Sequence[str]) -> list[str]:
    counts: Counter[tuple[str, ...]] = Counter(
        (row.task, label, row.split)
        for row in rows
        if row.task != "dialogue"
        for label in row.labels or ("（无）/ (none)",)
    )
    if not counts:
        return []
    picture = ["![labels](figures/labels.png)"] if "labels.png" in pictures else []
    header = ("任务 / task", "标签 / label", "划分 / split", "行 / rows")
    return ["## 标签 / Labels", *picture, _table(header, counts)]


def _lengths(rows: Sequence[Instruction]) -> str:
    lines: list[tuple[str, ...]] = [
        ("语言 / language", "部分 / part", "最短 / shortest", "中位 / median", "95 %", "最长 / longest")
    ]
    for language in ("zh", "en"):
        for role, name in (("user", "问题 / question"), ("assistant", "回答 / answer")):
            lengths = sorted(
                sum(len(message["content"]) for message in row.messages if message["role"] == role)
                for row in rows
                if row.language == language
            )
            if lengths:
                marks = [lengths[int(share * (len(lengths) - 1))] for share in (0, 0.5, 0.95, 1)]
                lines.append((language, name, *(f"{mark:,}" for mark in marks)))
    return "\n".join([_line(lines[0]), _line("---" for _ in lines[0]), *map(_line, lines[1:])])


def _masked(screened: Screened) -> list[str]:
    counts: Counter[tuple[str, ...]] = Counter(
        (row.record.source, kind) for row in screened.rows for kind in row.masked
    )
    if not counts:
        return []
    header = ("来源 / source", "种类 / kind", "行 / rows")
    return ["## 遮去的个人信息 / Personal data masked", _table(header, counts)]


def _reasons(rows: Sequence[tuple[str, str, str]]) -> str:
    counts: Counter[tuple[str, ...]] = Counter((source, why) for _, source, why in rows)
    return _table(("来源 / source", "原因 / reason", "行 / rows"), counts)


def _credits(gathered: Gathered, used: set[str]) -> Iterable[str]:
    for name, origin in sorted(gathered.origins.items()):
        if name in used:
            handed_on = "" if origin.redistributable else " 文本不得再分发。/ Its text may not be handed on."
            yield f"- {origin.title or name} ({origin.licence}): {origin.citation.rstrip('.')}.{handed_on}"


def _table(header: tuple[str, ...], counts: Mapping[tuple[str, ...], int]) -> str:
    if not counts:
        return "无 / None."
    body = [(*key, f"{count:,}") for key, count in sorted(counts.items())]
    return "\n".join([_line(header), _line("---" for _ in header), *map(_line, body)])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
