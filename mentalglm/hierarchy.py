"""Labels written ``parent##child``: what the children's probabilities say of their parents."""

from collections.abc import Mapping


def parent_probabilities(probabilities: Mapping[str, float | None]) -> dict[str, float | None]:
    """What the labels ``parent##child`` of a hierarchy say of their parents: the chance that any child holds.

    1 - prod(1 - p(child)): never below the likeliest child nor above the children's sum, so that a parent is as sure
    as any of its children; None where a child's probability is not known.

    Args:
        probabilities: By label, as in an Analysis; labels without a parent are left out.
    """
    none_holds: dict[str, float | None] = {}
    for name, p in probabilities.items():
        parent, found, _ = name.partition("##")
        if found:
            before = none_holds.get(parent, 1.0)
            none_holds[parent] = None if p is None or before is None else before * (1 - p)
    return {parent: None if none is None else 1 - none for parent, none in none_holds.items()}
