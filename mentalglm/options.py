"""What may be analysed, and how: posts and options are checked before a model sees them."""

from typing import TypedDict

from mentalglm.analysis import ErrorInfo
from mentalglm.errors import UserError


class Options(TypedDict, total=False):
    """How posts are analysed.

    Attributes:
        labels_only: Leave evidence and explanation out, which is many times faster.
        faithfulness: Also measure whether the labels rest on the evidence (:mod:`mentalglm.faithfulness`), for which
            every post is read twice more.
        max_explanation_characters: An explanation that is longer ends with its last sentence within; None for no limit.
    """

    labels_only: bool
    faithfulness: bool
    max_explanation_characters: int | None


def check_text(text: str) -> None:
    """Refuses what cannot be analysed.

    Raises:
        UserError: The text is empty or blank (``empty_text``), holds half a surrogate pair or is no text at all, like a
            number from a table (``invalid_text``).
    """
    if not isinstance(text, str):
        raise UserError(f"a post is of type {type(text).__name__}, not text; leave it out", "invalid_text")
    if not text.strip():
        raise UserError("the text is empty; give a post of at least one character", "empty_text")
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise UserError("the text holds half a surrogate pair; re-save it as valid Unicode", "invalid_text")


def problem_of(post: str) -> ErrorInfo | None:
    """Why ``post`` cannot be analysed, or None."""
    try:
        check_text(post)
    except UserError as error:
        return ErrorInfo(code=error.code, message=str(error))
    return None


def check_options(options: Options) -> None:
    """Refuses a limit that no explanation can keep.

    Raises:
        UserError: ``max_explanation_characters`` is below 2.
        TypeError: An option is not known.
    """
    unknown = set(options) - set(Options.__annotations__)
    if unknown:
        raise TypeError(
            f"analyze has no option {', '.join(sorted(unknown))}; it has {', '.join(Options.__annotations__)}"
        )
    limit = options.get("max_explanation_characters")
    if limit is not None and limit < 2:
        raise UserError(f"max_explanation_characters is {limit}; give 2 or more")
