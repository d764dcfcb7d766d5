"""Which posts are the same: data sets repeat posts, and what stands on both sides of a split measures memory."""

from collections.abc import Iterable

from mentalglm.readers import LabelledRow


def post_key(text: str) -> str:
    """What a post is known by: its letters and digits in lower case; its signs where it has neither."""
    return "".join(character for character in text if character.isalnum()).lower() or text.strip()


def shared_posts(train: Iterable[LabelledRow], test: Iterable[LabelledRow]) -> list[tuple[LabelledRow, LabelledRow]]:
    """The rows of ``test`` whose post also stands in ``train``, each behind the training row that has it."""
    known = {post_key(row.text): row for row in train}
    return [(known[key], row) for row in test if (key := post_key(row.text)) in known]
