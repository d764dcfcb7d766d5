"""What is decided by comparing rows: held-out posts, duplicates, conflicting labels, and which split a post goes to."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from instructions.config import Config
from instructions.duplicates import Clusters, near_duplicates, signature
from instructions.examine import Verdict
from instructions.gather import Candidate
from instructions.instruct import text_of
from instructions.order import order_key, share
from instructions.records import Record
from mentalglm.personal_data import mask

_BY = {"human": 0, "llm": 1, "none": 2}


@dataclass(slots=True)
class Row:
    """A record that passed.

    Attributes:
        record: The record, its split decided.
        key: What its post is known by.
        assumed: Whether nobody checked its labels.
        evidence_marked: Whether an empty list of evidence means that there is none.
        masked: The kinds of personal data that were masked.
    """

    record: Record
    key: str
    assumed: bool
    evidence_marked: bool
    masked: tuple[str, ...]


@dataclass
class Screened:
    """What passed, what did not and why.

    Attributes:
        rows: What passed, in the order it came.
        quarantined: (id, source, reason).
        without: (id, source, reason) of rows that passed without their explanation.
    """

    rows: list[Row] = field(default_factory=list)
    quarantined: list[tuple[str, str, str]] = field(default_factory=list)
    without: list[tuple[str, str, str]] = field(default_factory=list)


def screen(
    candidates: Sequence[Candidate],
    verdicts: Sequence[Verdict],
    config: Config,
    heldout_texts: Sequence[str],
) -> Screened:
    """Compares all rows with each other and with what is held out.

    Of rows that say the same of the same post for the same task the best explained one is kept, then the one whose
    source stands first in the config. Rows that say different things of exactly the same post all go, except that an
    assumed label gives way to a given one. Posts that are merely alike and differ in a label are kept: minimal pairs
    teach more than any other posts.

    Args:
        candidates: The rows.
        verdicts: What was said of each.
        config: The build.
        heldout_texts: Posts such that nothing like them must be used.
    """
    found = Screened()
    reasons = [verdict.reason for verdict in verdicts]
    _exact(candidates, verdicts, reasons, config.seed)
    posts = _Posts(verdicts, reasons)
    if config.checks.near_duplicates is not None:
        clusters = _clusters(posts, heldout_texts, config.checks.near_duplicates, config.checks.mask_personal_data)
        _near(candidates, verdicts, reasons, posts, clusters, config.seed)
    else:
        clusters = Clusters(len(posts.keys))
    splits = _splits(candidates, verdicts, reasons, posts, clusters, config)
    for candidate, verdict, reason, split in zip(candidates, verdicts, reasons, splits, strict=True):
        record = verdict.record
        if reason is not None:
            found.quarantined.append((record.id, record.source, reason))
            continue
        if verdict.without is not None:
            found.without.append((record.id, record.source, verdict.without))
        if record.split != split:
            record = record.model_copy(update={"split": split})
        found.rows.append(Row(record, verdict.key, candidate.assumed, candidate.evidence_marked, verdict.masked))
    return found


class _Posts:
    """The distinct posts of the rows that passed so far, numbered in order of appearance."""

    def __init__(self, verdicts: Sequence[Verdict], reasons: Sequence[str | None]) -> None:
        self.rows: list[list[int]] = []
        self.keys: dict[str, int] = {}
        for place, verdict in enumerate(verdicts):
            if reasons[place] is None:
                number = self.keys.setdefault(verdict.key, len(self.rows))
                if number == len(self.rows):
                    self.rows.append([])
                self.rows[number].append(place)
        self.texts = [text_of(verdicts[rows[0]].record) for rows in self.rows]
        self.signatures = [verdicts[rows[0]].signature for rows in self.rows]


def _exact(candidates: Sequence[Candidate], verdicts: Sequence[Verdict], reasons: list[str | None], seed: int) -> None:
    same: dict[tuple[str, str], list[int]] = defaultdict(list)
    for place, verdict in enumerate(verdicts):
        if reasons[place] is None:
            same[verdict.record.task, verdict.key].append(place)
    for places in same.values():
        if len(places) == 1:
            continue
        given = [place for place in places if not candidates[place].assumed]
        for place in set(places) - set(given) if given else ():
            reasons[place] = "an assumed label where another source gives one"
        asked = given or places
        if len({tuple(verdicts[place].record.labels) for place in asked}) > 1:
            for place in asked:
                reasons[place] = "conflicting labels: the same post has others elsewhere"
            continue
        for place in sorted(asked, key=lambda place: _preference(candidates[place], verdicts[place], seed))[1:]:
            reasons[place] = "a duplicate: the same post for the same task"


def _clusters(posts: _Posts, heldout_texts: Sequence[str], threshold: float, masked: bool) -> Clusters:
    """Posts that are nearly the same; the held-out ones are numbered behind the others, masked like them."""
    heldout = [mask(text).text for text in heldout_texts] if masked else list(heldout_texts)
    roots = near_duplicates([*posts.texts, *heldout], [*posts.signatures, *map(signature, heldout)], threshold)
    clusters = Clusters(len(roots))
    for number, root in enumerate(roots):
        clusters.join(root, number)
    return clusters


def _near(
    candidates: Sequence[Candidate],
    verdicts: Sequence[Verdict],
    reasons: list[str | None],
    posts: _Posts,
    clusters: Clusters,
    seed: int,
) -> None:
    members: dict[int, list[int]] = defaultdict(list)
    leaked = {clusters.find(number) for number in range(len(posts.rows), clusters.size)}
    for number in range(len(posts.rows)):
        members[clusters.find(number)].append(number)
    for root, numbers in members.items():
        if root in leaked:
            for number in numbers:
                for place in posts.rows[number]:
                    reasons[place] = "the post is nearly one of a held-out test set"
        elif len(numbers) > 1:
            kept: list[dict[str, list[str]]] = []
            numbers.sort(key=lambda n: min(_preference(candidates[p], verdicts[p], seed) for p in posts.rows[n]))
            for number in numbers:
                labels = {verdicts[place].record.task: verdicts[place].record.labels for place in posts.rows[number]}
                told = {task for one in kept if _agree(one, labels) for task in one}
                for place in posts.rows[number]:
                    if verdicts[place].record.task in told:
                        reasons[place] = "a near duplicate: a post like it has the same labels"
                if set(labels) - told:
                    kept.append(labels)


def _agree(one: dict[str, list[str]], other: dict[str, list[str]]) -> bool:
    """Whether two posts have the same labels for every task they share: if not, they are a minimal pair."""
    return all(one[task] == other[task] for task in one.keys() & other.keys())


def _preference(candidate: Candidate, verdict: Verdict, seed: int) -> tuple[int, int, str]:
    record = verdict.record
    return _BY[record.explanation_by], candidate.rank, order_key(seed, record.id)


def _splits(
    candidates: Sequence[Candidate],
    verdicts: Sequence[Verdict],
    reasons: list[str | None],
    posts: _Posts,
    clusters: Clusters,
    config: Config,
) -> list[str]:
    """The split of every row: the record's own, or for sources divided by post that of the whole cluster of posts.

    Posts of one group and near duplicates go the same way; where a record of their cluster says its split itself, that
    is the way. Where such records disagree, those for training give way: validation would no longer tell anything.
    """
    groups: dict[tuple[str, str], int] = {}
    for number, rows in enumerate(posts.rows):
        for place in rows:
            record = verdicts[place].record
            clusters.join(groups.setdefault((record.source, record.group), number), number)
    key_of = {number: key for key, number in reversed(posts.keys.items())}
    bound: dict[int, str] = {}
    smallest: dict[int, str] = {}
    for number, rows in enumerate(posts.rows):
        root = clusters.find(number)
        smallest[root] = min(smallest.get(root, key_of[number]), key_of[number])
        for place in rows:
            if reasons[place] is None and not candidates[place].by_post and bound.get(root) != "validation":
                bound[root] = verdicts[place].record.split
    splits: list[str] = [verdict.record.split for verdict in verdicts]
    for number, rows in enumerate(posts.rows):
        root = clusters.find(number)
        drawn = "validation" if share(config.seed, smallest[root]) < config.mixture.validation else "train"
        for place in rows:
            if candidates[place].by_post:
                splits[place] = bound.get(root, drawn)
            elif reasons[place] is None and splits[place] != bound[root]:
                reasons[place] = "the post, its group or a post like it is in the validation split"
    return splits
