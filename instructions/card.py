"""The data card of a build: what is in it, from where, under which licence, and what was left out."""

from collections import Counter
from collections.abc import Iterable

from instructions.rows import Rows


def card(name: str, rows: Rows, digest: str, seed: int) -> str:
    """The card as Markdown; counts only, never a word of the corpus."""
    kept = rows.kept
    characters = sum(len(message["content"]) for row in kept for message in row.messages)
    parts = [
        f"# Instruction corpus `{name}`",
        f"{len(kept):,} rows, {characters:,} characters. Seed {seed}. Corpus hash (row contents): `{digest}`.",
        "The texts tell of distress, some of suicide. Labels are those of the sources; nothing here is a diagnosis.",
        "## Sources",
        _table(("source", "licence", "split", "rows"), Counter((r.source, r.licence, r.split) for r in kept)),
        "## Tasks",
        _table(("task", "split", "rows"), Counter((r.task, r.split) for r in kept)),
    ]
    answered = [row for row in kept if row.task != "dialogue"]
    labels: Counter[tuple[str, ...]] = Counter(
        (r.task, label, r.split) for r in answered for label in r.labels or ("(none)",)
    )
    if labels:
        parts += ["## Labels", _table(("task", "label", "split", "rows"), labels)]
    left_out: Counter[tuple[str, ...]] = Counter((source, why) for _, source, why in rows.quarantined)
    parts += ["## Quarantined", _table(("source", "reason", "rows"), left_out)]
    if rows.credits:
        parts += ["## Credits", "\n".join(f"- {credit}" for credit in rows.credits)]
    if rows.missing:
        parts += ["## Missing", "\n".join(f"- {file}" for file in rows.missing)]
    return "\n\n".join(parts) + "\n"


def _table(header: tuple[str, ...], counts: Counter[tuple[str, ...]]) -> str:
    if not counts:
        return "None."
    body = [(*key, f"{count:,}") for key, count in sorted(counts.items())]
    return "\n".join([_line(header), _line("---" for _ in header), *map(_line, body)])


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"
