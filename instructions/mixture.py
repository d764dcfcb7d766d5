"""Which rows become instructions, how often and in which words: quotas by task and language to an exact total."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from instructions.config import DEFAULT_TOTAL, Mixture
from instructions.order import order_key
from instructions.screen import Row
from mentalglm.errors import UserError
from mentalglm.tasks import load_task


@dataclass(frozen=True, slots=True)
class Drawn:
    """A row that becomes an instruction.

    Attributes:
        row: The row.
        phrasing: The wording of its question, 0 the canonical one.
        repeat: 0, or how many times the pair of post and task has been asked about before.
        label_only_copy: 0, or the number of a copy that asks for labels alone.
    """

    row: Row
    phrasing: int
    repeat: int = 0
    label_only_copy: int = 0


def mix(rows: Sequence[Row], mixture: Mixture, style: str, seed: int) -> list[Drawn]:
    """Draws the instructions.

    Rows with an explanation are drawn before those without, and both before assumed labels. Where a language has fewer
    pairs of post and task than its share asks for, pairs of its training split are asked about again in other words.

    Raises:
        UserError: There is too little to reach the total; the message says how much there is.
    """
    rows = _without_surplus(rows, mixture, seed)
    tasks: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        tasks[row.record.task].append(row)
    for members in tasks.values():
        members.sort(key=lambda row: (row.assumed, row.record.explanation is None, order_key(seed, row.record.id)))
    limits = {task: min(len(members), mixture.max_per_task or len(members)) for task, members in tasks.items()}
    drawn: list[Drawn] = []
    for languages, total in _totals(limits, mixture):
        available = {task: limits[task] for task in limits if load_task(task).language in languages}
        quotas = allocate(available, min(total, sum(available.values())), mixture.temperature)
        chosen = [row for task, quota in quotas.items() for row in tasks[task][:quota]]
        firsts = [Drawn(row, _phrasing(row, mixture, style, seed)) for row in chosen]
        drawn += firsts + _repeats(firsts, total - len(firsts), style, seed)
    wanted = mixture.total
    if isinstance(wanted, int):
        repeats = sum(one.repeat > 0 for one in drawn)
        allowed = int(mixture.max_repeats * wanted)
        if len(drawn) < wanted or repeats > allowed:
            there = len(drawn) - repeats
            raise UserError(
                f"mixture.total: {wanted} asked for, {there} pairs of post and task are there and {allowed} may be "
                f"asked about again; lower the total to {min(there + allowed, len(drawn))}, or add sources"
            )
    return drawn + _label_only_copies(drawn, mixture.label_only_copies)


def allocate(available: Mapping[str, int], total: int, temperature: float) -> dict[str, int]:
    """Divides ``total`` among tasks in proportion to n ** (1 / temperature), none above its n.

    What a task cannot use goes to the others in the same proportion; fractions are given by largest remainder, ties by
    name, so that the parts add up to the total exactly (Conneau et al., 2020, arXiv:1911.02116, call 1 / temperature
    the sampling exponent).

    Raises:
        ValueError: ``total`` is more than there is.
    """
    if total > sum(available.values()):
        raise ValueError(f"{total} of {sum(available.values())}")
    full: dict[str, int] = {}
    while True:
        rest = {task: n for task, n in available.items() if task not in full and n}
        left = total - sum(full.values())
        weight = sum(n ** (1 / temperature) for n in rest.values())
        ideal = {task: left * n ** (1 / temperature) / weight for task, n in rest.items()}
        over = {task: available[task] for task, quota in ideal.items() if quota > available[task]}
        if not over:
            break
        full |= over
    quotas = {task: int(quota) for task, quota in ideal.items()}
    short = total - sum(full.values()) - sum(quotas.values())
    for task in sorted(ideal, key=lambda task: (quotas[task] - ideal[task], task))[:short]:
        quotas[task] += 1
    return {task: full.get(task, quotas.get(task, 0)) for task in available}


def _without_surplus(rows: Sequence[Row], mixture: Mixture, seed: int) -> list[Row]:
    """The rows less those assumed labels that go beyond their share of the total."""
    assumed = sorted((row for row in rows if row.assumed), key=lambda row: order_key(seed, row.record.id))
    # Where no total is stated it depends on the limit itself: a assumed beside g given rows are a share a / (g + a).
    share, given = mixture.max_assumed, len(rows) - len(assumed)
    limit = int(share * mixture.total if isinstance(mixture.total, int) else share / (1 - share) * given)
    surplus = {row.record.id for row in assumed[limit:]}
    return [row for row in rows if row.record.id not in surplus]


def _totals(limits: Mapping[str, int], mixture: Mixture) -> list[tuple[tuple[str, ...], int]]:
    """(languages, how many instructions) for each part of the mixture that is filled by itself."""
    if not isinstance(mixture.total, int):
        most = DEFAULT_TOTAL if mixture.total is None else sum(limits.values())
        return [(("zh", "en"), min(most, sum(limits.values())))]
    if mixture.language_share is None:
        return [(("zh", "en"), mixture.total)]
    shares = dict(sorted(mixture.language_share.items()))
    totals = {language: int(share * mixture.total) for language, share in shares.items()}
    totals[next(iter(totals))] += mixture.total - sum(totals.values())
    return [((language,), total) for language, total in totals.items()]


def _phrasing(row: Row, mixture: Mixture, style: str, seed: int) -> int:
    if mixture.phrasings == "canonical" or row.record.split != "train":
        return 0
    return int(order_key(seed, f"phrasing:{row.record.id}")[:8], 16) % _wordings(row, style)


def _wordings(row: Row, style: str) -> int:
    task = load_task(row.record.task)
    return 1 + len(task.styles[task.style_in(style)].variants)


def _label_only_copies(drawn: Sequence[Drawn], copies: int) -> list[Drawn]:
    firsts = [one for one in drawn if one.row.record.split == "train" and not one.repeat]
    return [replace(one, label_only_copy=number) for number in range(1, copies + 1) for one in firsts]


def _repeats(firsts: Sequence[Drawn], missing: int, style: str, seed: int) -> list[Drawn]:
    """As many pairs asked about again as are missing, every pair once before any twice, as far as there are words."""
    found: list[Drawn] = []
    again = [one for one in firsts if one.row.record.split == "train" and not one.row.assumed]
    again.sort(key=lambda one: order_key(seed, f"again:{one.row.record.id}"))
    repeat = 1
    while len(found) < missing and again:
        again = [one for one in again if _wordings(one.row, style) > repeat]
        for one in again[: missing - len(found)]:
            found.append(Drawn(one.row, (one.phrasing + repeat) % _wordings(one.row, style), repeat))
        repeat += 1
    return found
