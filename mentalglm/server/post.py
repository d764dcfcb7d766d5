"""A post that waits to be analysed, and which posts are analysed together."""

from concurrent.futures import Future
from dataclasses import dataclass, field

from mentalglm.analysis import Analysis
from mentalglm.options import Options

# Characters of a prompt that are not the post's, about: posts of 5 and of 20 characters take the same time.
_QUESTION = 50


@dataclass(frozen=True, eq=False)
class Post:
    """One post, what is asked of it and how, and where the answers go, by task as given."""

    text: str
    tasks: tuple[str, ...]
    options: Options
    answers: "Future[list[Analysis]]" = field(default_factory=Future)


def take_alike(waiting: list[Post], size: int) -> tuple[list[Post], list[Post]]:
    """The post that has waited longest, with those most like it in length; and the posts that are left.

    In a batch every post costs as much as the longest, so none joins that is less than half or more than twice as long
    as the oldest.

    Args:
        waiting: In the order in which they came; not empty.
        size: How many are taken at most.
    """
    oldest = waiting[0]
    length = len(oldest.text) + _QUESTION
    alike = [
        (abs(len(post.text) - len(oldest.text)), place)
        for place, post in enumerate(waiting)
        if (post.tasks, post.options) == (oldest.tasks, oldest.options)
        and length <= 2 * (len(post.text) + _QUESTION) <= 4 * length
    ]
    places = {place for _, place in sorted(alike)[:size]}
    return [waiting[place] for place in sorted(places)], [
        post for place, post in enumerate(waiting) if place not in places
    ]
