"""Words that an explanation quotes although the post does not hold them, in every kind of quotation marks."""

import re
import unicodedata

from mentalglm.tasks import Task

_ANY_QUOTATION = re.compile(
    '「(?P<corner>[^「」]*)」|『([^『』]*)』|“([^“”]*)”|‘((?:[^‘’]|(?<=\\w)’(?=\\w))*)’(?!\\w)|"([^"\n]*)"'
    "|(?<!\\w)'((?:[^'\n]|(?<=\\w)'(?=\\w))+)'(?!\\w)"
)
_LEFT_OUT = re.compile(r"…+|⋯+|\.{2,}|。{2,}|\[[^\]]*\]|[（(][^（()）]*[）)]|/|\n")
_CHINESE = re.compile("[\u3400-\u9fff]")
# A term in quotation marks (“灾难化”, "doomscrolling") is no quotation.
_LONGEST_TERM_ZH = 4


def misquoted_words(explanation: str, post: str, task: Task | None = None) -> list[str]:
    """The strings that ``explanation`` quotes although ``post`` does not hold them; see :func:`quoted_words`."""
    return [words for words, held in quoted_words(explanation, post, task) if not held]


def quoted_words(explanation: str, post: str, task: Task | None = None) -> list[tuple[str, bool]]:
    """The strings that ``explanation`` quotes, in whatever marks and in order, and whether ``post`` holds each.

    Looser than `unquoted_words`, for explanations from elsewhere: case, width, punctuation and spaces may differ, and
    words may be left out at an ellipsis or a bracket. Apostrophes are no quotation marks. In other marks than 「」, one
    word, up to four Chinese characters, or what ``task`` calls its labels is a term and no quotation.
    """
    body = _letters(post)
    found = []
    for quotation in _ANY_QUOTATION.finditer(explanation):
        words = next(group for group in quotation.groups() if group is not None)
        held = _holds(body, words)
        if held or quotation["corner"] is not None or not _is_term(words, task):
            found.append((words, held))
    return found


def _letters(text: str) -> str:
    return re.sub(r"[\W_]+", "", unicodedata.normalize("NFKC", text)).lower()


def _holds(body: str, words: str) -> bool:
    """Whether the parts of ``words`` stand in ``body`` one after the other."""
    place = 0
    for part in map(_letters, _LEFT_OUT.split(words)):
        place = body.find(part, place)
        if place < 0:
            return False
        place += len(part)
    return True


def _is_term(words: str, task: Task | None) -> bool:
    letters = _letters(words)
    if len(letters) <= _LONGEST_TERM_ZH if _CHINESE.search(words) else len(words.split()) == 1:
        return True
    return task is not None and any(letters in name for name in map(_letters, _label_words(task)))


def _label_words(task: Task) -> list[str]:
    """Everything the task calls its labels."""
    displays = [text for label in task.labels if label.display for text in (label.display.zh, label.display.en)]
    surfaces = [words for style in task.styles.values() for words in style.surface.values()]
    return [name for label in task.labels for name in (label.name, *label.aliases)] + displays + surfaces
