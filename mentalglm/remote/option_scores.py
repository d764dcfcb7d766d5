"""How likely each of several texts is to be written, from the tokens of one reply and the likeliest others.

All options are laid over each other as a tree. A reply walks one path through it, and at every token the endpoint tells
the likeliest others, so each branch off the path gets its share::

    这个帖子体现了 ┬ 高 0.2
                   └ 低 0.8 ← the reply

Only shares among tokens that lead to an option count. An endpoint that masks its probabilities by the grammar (vLLM)
and one that doesn't (``mentalglm serve``) therefore say the same, and P is that of an option among the options, chosen
token by token. Here a loaded model sums whole options up first; where nearly all probability lies on options, as in a
model trained on the task, the two agree.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from math import exp, log

from mentalglm.endpoint import Token

# What stands for log 0 in replies, and where a branch is not worth another question.
_NOTHING, _TOO_LITTLE = -1000.0, log(1e-9)


@dataclass(frozen=True)
class Option:
    """A text that may be written, and what it stands for; several texts may stand for one thing."""

    text: str
    key: str


@dataclass
class Shares:
    """What one reply tells.

    Attributes:
        known: By key, log P.
        open: Options that share the beginning of a branch the reply did not take, with the log P of that branch.
    """

    known: dict[str, float] = field(default_factory=dict)
    open: list[tuple[list[Option], float]] = field(default_factory=list)

    def add(self, key: str, share: float) -> None:
        """Adds log P to what is known of ``key``."""
        self.known[key] = add_logs(self.known[key], share) if key in self.known else share


async def option_scores(
    ask: Callable[[Sequence[Option]], Awaitable[Sequence[Token]]], options: Sequence[Option], bound: bool
) -> dict[str, float]:
    """log P of every key that the endpoint tells something about.

    Args:
        ask: Asks for a reply that is one of the options given to it; returns its tokens.
        options: None the beginning of another with another key.
        bound: Whether replies are held to the options; if not, branches that the reply did not take stay unknown
            where several options share them.
    """
    shares = read_shares(await ask(options), options)
    for group, share in shares.open:
        if bound and len(group) < len(options) and share > _TOO_LITTLE:
            for key, within in (await option_scores(ask, group, bound)).items():
                shares.add(key, share + within)
    return shares.known


def read_shares(tokens: Sequence[Token], options: Sequence[Option]) -> Shares:
    """Follows a reply through the options."""
    shares = Shares()
    alive, written, mass = list(options), b"", 0.0
    for token in tokens:
        if len({option.key for option in alive}) == 1:
            break
        branches: dict[tuple[Option, ...], float] = {}
        for raw, logprob in {**dict(token.others), token.raw: token.logprob}.items():
            members = tuple(option for option in alive if _goes_through(option, written + raw))
            if raw and members and logprob > _NOTHING:
                branches[members] = add_logs(branches[members], logprob) if members in branches else logprob
        written += token.raw
        taken = tuple(option for option in alive if _goes_through(option, written))
        if taken not in branches:  # the reply is none of the options
            return Shares()
        total = add_logs(*branches.values())
        for members, logprob in branches.items():
            if members != taken:
                _settle(shares, list(members), mass + logprob - total)
        mass += branches[taken] - total
        alive = list(taken)
    if len({option.key for option in alive}) > 1:  # the reply ended before it was one of them
        return Shares()
    _settle(shares, alive, mass)
    return shares


def add_logs(*logs: float) -> float:
    """log of the sum of what the logarithms stand for."""
    largest = max(logs)
    return largest + log(sum(exp(value - largest) for value in logs))


def _settle(shares: Shares, members: list[Option], share: float) -> None:
    if len({option.key for option in members}) == 1:
        shares.add(members[0].key, share)
    else:
        shares.open.append((members, share))


def _goes_through(option: Option, written: bytes) -> bool:
    whole = option.text.encode()
    return whole.startswith(written) or written.startswith(whole)
