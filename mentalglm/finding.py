"""What ``mentalglm doctor`` says about one thing it looked at."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        state: ``bad`` keeps mentalglm from working, ``note`` keeps a part of it from working.
        zh: What was found and what to do, in Chinese.
        en: The same in English.
    """

    state: Literal["ok", "note", "bad"]
    zh: str
    en: str
