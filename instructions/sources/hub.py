"""Data sets that the library ``datasets`` loads by name, or from a folder; none of their code is ever run."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from instructions.sources.parts import Hub, Split
from mentalglm.errors import UserError


def hub_rows(hub: Hub, data: Path) -> Iterator[tuple[str, Split, int, dict[str, Any]]]:
    """Reads the splits that ``hub`` names, row by row and without a copy in a cache.

    Args:
        hub: The data set.
        data: The folder that a data set in a folder is relative to.

    Yields:
        The split's name there and here, the row's number in it, and its columns.

    Raises:
        UserError: The data set cannot be had: no network, no such name or split, or it would need code of its own.
    """
    for theirs, ours in hub.splits.items():
        rows = _rows(hub, theirs, data)
        number = 0
        while True:
            try:
                row = next(rows, None)
            except Exception as error:  # the library raises its own, its network's and the file system's errors
                raise UserError(
                    f"{hub.name}: split {theirs!r} cannot be loaded ({type(error).__name__}); check the name, the "
                    "split and the network, or download it and name its folder"
                ) from None
            if row is None:
                break
            yield theirs, ours, number, row
            number += 1


def _rows(hub: Hub, split: str, data: Path) -> Iterator[dict[str, Any]]:
    from datasets import load_dataset, load_from_disk

    folder = data / hub.name
    if (folder / "dataset_dict.json").is_file():
        yield from load_from_disk(str(folder))[split]
    elif (folder / "dataset_info.json").is_file():  # one split, saved alone: it has no name to ask for
        yield from load_from_disk(str(folder))
    else:
        name = str(folder) if folder.is_dir() else hub.name
        yield from load_dataset(name, hub.config, split=split, revision=hub.revision, streaming=True)
