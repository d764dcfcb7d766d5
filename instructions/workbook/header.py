"""Finds the row, or the two rows, that name a table's columns."""

import re

from instructions.workbook.words import TEXT

_LOOKED_AT = 20  # rows in which the header is searched
_LONGEST_NAME = 40
_NUMBER = re.compile(r"[\d.,%\-/:\s]+")
Grid = list[list[str]]
# first row, first column, last row, last column; from 0
Span = tuple[int, int, int, int]


def find_header(grid: Grid, spans: list[Span]) -> int | None:
    """The first row that names a column of posts, else the first one that is about as full as any; the lower of two."""
    likely = [number for number, row in enumerate(grid[:_LOOKED_AT]) if _names_columns(row)]
    if not likely:
        return None
    widest = max(sum(map(bool, grid[number])) for number in likely)
    texts = [number for number in likely if any(TEXT.search(name) for name in grid[number])]
    full = [number for number in likely if sum(map(bool, grid[number])) >= 0.6 * widest]
    header = (texts or full)[0]
    below = grid[header + 1] if header + 1 < len(grid) else []
    # Names that stretch over several columns have others below them; the columns without such stay blank there.
    stretched = any(top == header == bottom and right > left for top, left, bottom, right in spans)
    holes = [not name and bool(cell) for name, cell in zip(grid[header], below, strict=False)]
    posts_below = any(cell for name, cell in zip(grid[header], below, strict=False) if TEXT.search(name))
    if (stretched or any(holes)) and not posts_below and _names_columns(below):
        return header + 1
    return header


def _names_columns(row: list[str]) -> bool:
    filled = [cell for cell in row if cell]
    return len(set(filled)) >= 2 and all(len(c) <= _LONGEST_NAME and not _NUMBER.fullmatch(c) for c in filled)


def column_names(grid: Grid, spans: list[Span], header: int) -> list[str]:
    """The columns' names; ``upper/lower`` where two rows hold them."""
    lower = [" ".join(name.split()) for name in grid[header]]
    if header == 0:
        return lower
    upper = [" ".join(name.split()) for name in grid[header - 1]]
    for top, left, bottom, right in spans:
        if top <= header - 1 <= bottom and right - left + 1 < len(lower):
            for column in range(left, right + 1):
                upper[column] = " ".join(grid[top][left].split())
    repeated = len(set(filter(None, lower))) < len(list(filter(None, lower)))
    gaps = any(name and not below for name, below in zip(upper, lower, strict=True))
    stretched = any(
        top == header - 1 == bottom and 1 < right - left + 1 < len(lower) for top, left, bottom, right in spans
    )
    if not (repeated or gaps or stretched) or len(set(filter(None, upper))) < 2:
        return lower
    held = ""
    for column, name in enumerate(upper):  # names that stretch without being merged
        held = name or held
        if not name and lower[column] and lower.count(lower[column]) > 1:
            upper[column] = held
    both = zip(upper, lower, strict=True)
    return [f"{above}/{below}" if above and below and above != below else above or below for above, below in both]


def unique_names(names: list[str]) -> list[str]:
    """The names, with a number behind those that stand more than once."""
    seen: dict[str, int] = {}
    unique = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        unique.append(f"{name}_{seen[name]}" if name and seen[name] > 1 else name)
    return unique
