"""What an endpoint can do beyond plain replies, found out by asking it once about three invented characters."""

import re
from dataclasses import dataclass

from mentalglm.endpoint import Refused, Reply, Unreachable
from mentalglm.remote.pool import Pool

# How many other tokens are told with each; vLLM allows no more by default.
ALTERNATIVES = 20
_POST = "甲乙丙"
# The same features as in an answer's grammar; of the backends of vLLM guidance alone knows them.
_GRAMMAR = f"""start: HEAD "。"
HEAD: "「" SPAN "」"
SPAN: POST & /[^「」\\n]{{1,9}}/
POST: %regex {{ "substring_chars": "{_POST}" }}
"""
_REPLY = re.compile("「([^「」]+)」。")


@dataclass(frozen=True)
class Abilities:
    """What an endpoint obeys and tells.

    Attributes:
        grammar: Replies can be held to a grammar.
        chances: The probabilities of tokens are told.
    """

    grammar: bool
    chances: bool


async def find_abilities(pool: Pool) -> Abilities:
    """Asks one to four short questions; the first is a plain one, so that what fails there is the endpoint itself.

    Raises:
        UserError, Refused, Unreachable: As :meth:`Pool.chat`, where not even a plain reply comes.
    """
    await pool.chat(_question(), max_tokens=1)
    for grammar, chances in ((True, True), (True, False), (False, True)):
        try:
            reply = await pool.chat(
                _question(),
                max_tokens=32,
                grammar=_GRAMMAR if grammar else None,
                alternatives=ALTERNATIVES if chances else None,
            )
        except (Refused, Unreachable):  # some servers break on what they don't know
            continue
        if not grammar or _obeys(reply):
            return Abilities(grammar, chances and bool(reply.tokens))
        # An endpoint that passes over a grammar may tell probabilities all the same.
    return Abilities(False, False)


def _question() -> list[dict[str, str]]:
    return [{"role": "user", "content": _POST}]


def _obeys(reply: Reply) -> bool:
    found = _REPLY.fullmatch(reply.text)
    return found is not None and found.group(1) in _POST
