"""Divides a file anew: whole authors to one side, or everything after a date; what learns here learns from the rest."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from eval.columns import written
from eval.data import HELD_OUT, Data, limited
from eval.same_post import post_key
from mentalglm.errors import UserError
from mentalglm.readers import LabelledRow

SHARE = 0.2
_DATE = re.compile(
    r"(\d{4})\s*[-/.年]\s*(\d{1,2})(?:\s*[-/.月]\s*(\d{1,2}))?\s*[日T]?\s*(?:(\d{1,2})[:：](\d{2})(?:[:：](\d{2}))?.*)?月?"
)


@dataclass(frozen=True)
class Rule:
    """Which rows are held out; one of ``by`` and ``after``.

    Attributes:
        by: A column whose every value (an author, a platform) lies on one side.
        share: About this share of the values is held out, by their hashes.
        after: Rows of this moment or later are: a date, a number, or a share of the rows such as 0.8 (the first 80 %
            stay).
        time_column: The column of the moments.
    """

    by: str | None = None
    share: float = SHARE
    after: str | None = None
    time_column: str | None = None


def rule_of(by: str | None, share: float | None, after: str | None, time_column: str | None) -> Rule | None:
    """The rule that options ask for; None where they ask for none.

    Raises:
        UserError: They don't go together.
    """
    if by is not None and after is not None:
        raise UserError("--held-out-by and --held-out-after are two ways to divide a file; give one of them")
    if (after is None) != (time_column is None):
        raise UserError("--held-out-after DATE goes with --time-column, which names the column of the moments")
    if share is not None and by is None:
        raise UserError("--held-out-share goes with --held-out-by COLUMN")
    if by is None and after is None:
        return None
    return Rule(by, SHARE if share is None else share, after, time_column)


def divide(data: Data, rule: Rule, limit: int | None, seed: int) -> Data:
    """Divides all rows of ``data.samples``: what is held out is evaluated, the rest is ``train``.

    Rows that cannot be placed (the column is blank or no date) are left out of both sides, and so are rows of the rest
    whose post is held out too. The manifest says how the file was divided; values of the column, which may be account
    names, it does not hold.

    Args:
        data: The rows of the file, without a limit.
        rule: How to divide them.
        limit: At most so many of the held-out rows.
        seed: Decides by hash which values are held out, and draws the rows of a limit.

    Raises:
        UserError: The file has no such column, or one side would be empty.
    """
    column = str(rule.by or rule.time_column)
    values = _values(data, column)
    if rule.by is not None:
        out, about = _by_value(values, rule.share, seed)
        about = {"by": rule.by, "share": rule.share, **about}
    else:
        out, about = _by_time(values, str(rule.after), column)
        about = {"after": rule.after, "time_column": column, **about}
    held = [row for row in data.samples if out.get(row.row) is True]
    rest = [row for row in data.samples if out.get(row.row) is False]
    if not held or not rest:
        side = "held out" if not held else "left to learn from"
        raise UserError(f"{data.path}: no row is {side} by column {column!r}; choose another column, share or date")
    known = {post_key(row.text) for row in held}
    train = [row for row in rest if post_key(row.text) not in known]
    about |= {
        "rows": len(held),
        "unplaced": len(data.samples) - len(held) - len(rest),
        "repeated": len(rest) - len(train),
    }
    notices = [*data.notices, _notice(about, column, train)]
    samples = limited(held, limit, seed)
    return replace(
        data, split=HELD_OUT, samples=samples, train=train, validation=[], limit=limit, split_by=about, notices=notices
    )


def _values(data: Data, column: str) -> dict[int, str]:
    """The column's value of every row that has one; ``group`` is known of every row."""
    if column == "group":
        return {row.row: row.group for row in data.samples}
    values: Mapping[int, Any] = written(column, data.path)
    found = {
        row.row: str(values.get(row.row) if values.get(row.row) is not None else "").strip() for row in data.samples
    }
    return {row: value for row, value in found.items() if value}


def _by_value(values: dict[int, str], share: float, seed: int) -> tuple[dict[int, bool], dict[str, Any]]:
    def place(value: str) -> float:
        return int.from_bytes(hashlib.sha256(f"{seed}\n{value}".encode()).digest()[:8], "big") / 2**64

    held = {value: place(value) < share for value in set(values.values())}
    counts = {"groups": sum(held.values()), "train_groups": len(held) - sum(held.values())}
    return {row: held[value] for row, value in values.items()}, counts


def _by_time(values: dict[int, str], after: str, column: str) -> tuple[dict[int, bool], dict[str, Any]]:
    moments = {row: moment for row, value in values.items() if (moment := _moment(value)) is not None}
    numbers = {row: number for row, value in values.items() if (number := _number(value)) is not None}
    known = numbers if len(numbers) > len(moments) else moments
    if not known:
        raise UserError(f"column {column!r} holds no dates and no numbers; write dates as 2023-05-31")
    share = _number(after)
    if share is not None and 0 < share < 1:
        order = sorted(known.values())
        start: float | None = order[min(int(share * len(order)), len(order) - 1)]
    else:
        start = _number(after) if known is numbers else _moment(after)
    if start is None:
        kind = "a number" if known is numbers else "a date such as 2023-05-31"
        raise UserError(f"--held-out-after {after!r} is not {kind}, and no share of the rows such as 0.8")
    first = f"{start:g}" if known is numbers else datetime.fromtimestamp(start, UTC).isoformat().removesuffix("+00:00")
    return {row: moment >= start for row, moment in known.items()}, {"from": first}


def _number(value: str) -> float | None:
    try:
        number = float(value)
    except ValueError:
        return None
    return number if abs(number) < float("inf") else None


def _moment(value: str) -> float | None:
    """Seconds since 1970; a date that names no time zone is taken as UTC, as all of a file then are alike."""
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        found = _DATE.fullmatch(value.strip())
        if found is None:
            return None
        year, month, day, hour, minute, second = (int(part) if part else None for part in found.groups())
        try:
            read = datetime(year or 1, month or 1, day or 1, hour or 0, minute or 0, second or 0)
        except ValueError:
            return None
    return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()


def _notice(about: dict[str, Any], column: str, train: list[LabelledRow]) -> str:
    what = f"{about['groups']} values of {column!r}" if "by" in about else f"{column!r} from {about['from']} on"
    left = f", {about['unplaced']} rows without it left out" if about["unplaced"] else ""
    again = f", {about['repeated']} that repeat a held-out post left out" if about["repeated"] else ""
    return (
        f"held out by {what}: {about['rows']} rows, {len(train)} to learn from{left}{again}; "
        "a model trained on this file before has seen them all the same"
    )
