"""Lists of posts that must not be trained on: known by their hashes, so that a list can travel without its posts."""

import json
import re
from collections.abc import Set
from pathlib import Path

from instructions.duplicates import text_key
from instructions.mojibake import repair
from mentalglm.errors import UserError

_MISREAD_AS = ("mac_roman", "cp1252", "latin-1")
_CHINESE = re.compile("[\u4e00-\u9fff]")


def read_heldout(path: Path) -> frozenset[str]:
    """The hashes of every set in ``path``, for `is_held_out`.

    Args:
        path: JSON, ``{"sets": {name: [hash, …]}}``; other keys are notes.

    Raises:
        UserError: The file cannot be read or is no such list.
    """
    try:
        sets = json.loads(path.read_text(encoding="utf-8"))["sets"]
        return frozenset(_digest(digest) for digests in sets.values() for digest in digests)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror}); check the path", code="missing_file") from None
    except (ValueError, KeyError, AttributeError, TypeError):
        raise UserError(f'{path}: not a list of held-out hashes; it needs {{"sets": {{name: [hash, …]}}}}') from None


def is_held_out(text: str, heldout: Set[str]) -> bool:
    """Whether ``text``, as it is or in another state of its encoding, is one of the posts known by ``heldout``.

    Lists were made of published files, mojibake and all, and not always of the same file: of 4,690 held-out rows in the
    files of Irf, MultiWD and CAMS, 377 are found only by the key of their repaired text or of their text broken once
    more. Ask before masking: the lists know unmasked posts.
    """
    return not heldout.isdisjoint(text_keys(text))


def text_keys(text: str) -> frozenset[str]:
    """The keys that a list may know ``text`` by: as it is, repaired, and with its UTF-8 read as each usual encoding."""
    if not any(map(str.isalnum, text)):
        return frozenset()  # all posts of emoji alone have one key: a list cannot tell them apart
    keys = {text_key(text)}
    # Text that shows Chinese was read rightly; what it would be misread as has no Chinese left.
    if not text.isascii() and not _CHINESE.search(text):
        sound = repair(text)
        keys.add(text_key(sound))
        # What cp1252 leaves undefined is neither letter nor digit, and so no part of a key.
        broken = (sound.encode(errors="surrogatepass").decode(name, "ignore") for name in _MISREAD_AS)
        keys.update(map(text_key, broken))
    return frozenset(keys)


def _digest(value: object) -> str:
    # A string where a list belongs would be read letter by letter and match no post: a leak nobody sees.
    if not isinstance(value, str) or len(value) != 16 or value.strip("0123456789abcdef"):
        raise ValueError("not a hash")
    return value
