"""A rule that looks for words: no training, and anyone can see why it says what it says.

A YAML of words per label. In a word, ``…`` stands for up to six characters of the same sentence. A word counts unless
it is negated in its own clause, or its sentence speaks of something else (lyrics, a film). Two negations cancel.
"""

import hashlib
import re
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from eval.baselines.answers import Lesson, analysis
from mentalglm.analysis import Analysis
from mentalglm.errors import UserError
from mentalglm.tasks import Task
from mentalglm.yaml_files import read_yaml

FOLDER = Path(__file__).parent / "lexicons"
_GAP = r"[^。！？!?；;\n]{0,6}"
_SENTENCE = re.compile(r"[^。！？!?；;\n]+")
_CLAUSE_END = {"zh": re.compile(r"[，,、：:\s]"), "en": re.compile("[,:]")}
# What may stand between a negation and the word it denies: 没有真的想死, never really wanted to die.
_REACH = {"zh": 4, "en": 16}
_NEGATION = {
    "zh": re.compile("不|没|未|别|无|并非|冇|唔"),
    "en": re.compile(r"\b(?:not|no|never|without|nobody|nothing)\b|n['’]t\b", re.I),
}
# They hold such a word and deny nothing.
_NO_NEGATION = {
    "zh": re.compile(
        "忍不住|不得不|差不多|不如|不停|不断|不禁|不知不觉|要不|说不定|没准|无论|无奈|别人|特别|分别|不想活"
    ),
    "en": re.compile(r"\b(?:not only|no longer|can(?:not|['’]t) (?:help|stop))\b", re.I),
}


class Lexicon(BaseModel):
    """The words of one task.

    Attributes:
        task: The task.
        version: Raised whenever words change.
        note: Where the words come from.
        otherwise: The answer where no word is found; of tasks with one label, which must always have one.
        elsewhere: A sentence with one of these speaks of something else, such as a film.
        words: By label. Of tasks with one label the first label whose words are found is the answer, so the gravest
            stands first.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    task: str
    version: int = Field(ge=1)
    note: str
    otherwise: str | None = None
    elsewhere: list[str] = []
    words: dict[str, list[str]] = Field(min_length=1)

    @cached_property
    def patterns(self) -> dict[str, re.Pattern[str]]:
        """By label, what finds its words; longer words first."""
        return {label: _pattern(words) for label, words in self.words.items()}

    @cached_property
    def aside(self) -> re.Pattern[str] | None:
        """What tells that a sentence speaks of something else."""
        return _pattern(self.elsewhere) if self.elsewhere else None


class LexiconRule:
    """Answers one task by a lexicon."""

    name = "lexicon"
    device = "cpu"

    def __init__(self, lesson: Lesson, path: Path | None) -> None:
        """Reads the lexicon of the task, or the one at ``path``.

        Raises:
            UserError: There is none, or it does not fit the task.
        """
        self._task = lesson.task
        self._path = path or FOLDER / f"{self._task.name}.yaml"
        self._lexicon = read_lexicon(self._path, self._task)

    def describe(self) -> dict[str, Any]:
        """Version and hash of the lexicon."""
        digest = hashlib.sha256(self._path.read_bytes()).hexdigest()
        return {"lexicon": self._path.name, "version": self._lexicon.version, "sha256": digest}

    def answer(self, posts: Sequence[str]) -> list[Analysis]:
        """One answer per post, in order; a rule knows no probabilities."""
        return [self._answer(post) for post in posts]

    def _answer(self, post: str) -> Analysis:
        found = find(post, self._lexicon, self._task.language)
        if self._task.many:
            labels = [name for name in self._task.label_names if name in found]
        else:
            labels = [next((name for name in self._lexicon.words if name in found), str(self._lexicon.otherwise))]
        return analysis(self.name, self._task, post, labels)


def find(post: str, lexicon: Lexicon, language: str) -> dict[str, list[tuple[int, int]]]:
    """By label, where its words stand, those that are denied or said of something else left out."""
    found: dict[str, list[tuple[int, int]]] = {}
    for sentence in _SENTENCE.finditer(post):
        if lexicon.aside is not None and lexicon.aside.search(sentence[0]):
            continue
        for label, pattern in lexicon.patterns.items():
            for hit in pattern.finditer(sentence[0]):
                if not _is_denied(sentence[0][: hit.start()], language):
                    found.setdefault(label, []).append((sentence.start() + hit.start(), sentence.start() + hit.end()))
    return found


def read_lexicon(path: Path, task: Task) -> Lexicon:
    """Reads and checks a lexicon.

    Raises:
        UserError: It is missing, broken, or of another task.
    """
    if path.parent == FOLDER and not path.is_file():
        there = ", ".join(sorted(file.stem for file in FOLDER.glob("*.yaml")))
        raise UserError(f"no lexicon for {task.name} (there are: {there}); give one as lexicon:FILE.yaml")
    lexicon = read_yaml(path, Lexicon)
    if lexicon.task != task.name:
        raise UserError(f"{path}: a lexicon of {lexicon.task}, asked about {task.name}; name the right one")
    named = {*lexicon.words, *([lexicon.otherwise] if lexicon.otherwise is not None else [])}
    if unknown := sorted(named - set(task.label_names)):
        raise UserError(f"{path}: {', '.join(unknown)} is no label of {task.name}: {', '.join(task.label_names)}")
    if task.many == (lexicon.otherwise is not None):
        raise UserError(f"{path}: otherwise: needed where a post has exactly one label, and there alone")
    if any(not word.strip("… ") for words in lexicon.words.values() for word in words):
        raise UserError(f"{path}: words: an empty word would be found everywhere; take it out")
    return lexicon


def _pattern(words: list[str]) -> re.Pattern[str]:
    longest = sorted(words, key=lambda word: (-len(word), word))
    parts = [_GAP.join(map(re.escape, word.split("…"))) for word in longest]
    return re.compile("|".join(parts) or "(?!)", re.I)


def _is_denied(before: str, language: str) -> bool:
    """Whether what stands before a word in its sentence denies it."""
    clause = _NO_NEGATION[language].sub(lambda match: "＿" * len(match[0]), _CLAUSE_END[language].split(before)[-1])
    return len(_NEGATION[language].findall(clause[-_REACH[language] :])) % 2 == 1
