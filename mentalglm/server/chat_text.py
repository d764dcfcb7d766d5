"""Token ids as they come, to text that may be shown: whole characters only, and nothing of a stop string."""

from collections.abc import Callable


class ChatText:
    """The text of one reply while it is written.

    Args:
        decode: Token ids to text.
        stops: Strings that end the reply and are no part of it.
    """

    def __init__(self, decode: Callable[[list[int]], str], stops: list[str]) -> None:
        self._decode, self._stops = decode, stops
        self._ids: list[int] = []
        self._begin = self._read = 0  # the ids from _begin to _read are decoded again, as context of what follows
        self._held = ""

    def take(self, token: int) -> tuple[str, bool]:
        """What may be shown after one more token, and whether a stop string stands behind it."""
        self._ids.append(token)
        known = self._decode(self._ids[self._begin : self._read])
        text = self._decode(self._ids[self._begin :])
        if text.endswith("\ufffd"):  # the rest of the character is in tokens to come
            return "", False
        self._begin, self._read = self._read, len(self._ids)
        return self._through_stops(text[len(known) :])

    def rest(self) -> str:
        """What is still held back when the reply has ended otherwise than at a stop string."""
        known = self._decode(self._ids[self._begin : self._read])
        shown, stopped = self._through_stops(self._decode(self._ids[self._begin :])[len(known) :].rstrip("\ufffd"))
        return shown if stopped else shown + self._held

    def _through_stops(self, new: str) -> tuple[str, bool]:
        text = self._held + new
        places = [place for stop in self._stops if (place := text.find(stop)) >= 0]
        if places:
            self._held = ""
            return text[: min(places)], True
        keep = max((_overlap(text, stop) for stop in self._stops), default=0)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep], False


def _overlap(text: str, stop: str) -> int:
    """How many characters at the end of ``text`` may be the beginning of ``stop``."""
    longest = min(len(text), len(stop) - 1)
    return next((size for size in range(longest, 0, -1) if text.endswith(stop[:size])), 0)
