"""What the cells of a column hold together: ticks, or lists of labels."""

from collections.abc import Iterable

from instructions.sources.cells import BETWEEN_LABELS, tick_of, words_of


def parts(cell: str) -> list[str]:
    """The labels that a cell lists, as a source's cells are read."""
    words = words_of(cell)
    if isinstance(words, list):
        return words
    return [part.strip() for part in BETWEEN_LABELS.split(words) if part.strip()]


def is_ticks(cells: Iterable[str]) -> bool:
    """Whether a column holds ticks and nothing else, at least one of them."""
    try:
        return True in {tick_of(cell) for cell in cells}  # every cell is looked at
    except ValueError:
        return False
