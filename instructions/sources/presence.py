"""Whether a source's files are there, and whether they are the ones that its YAML was written for."""

import hashlib
from pathlib import Path

from instructions.sources.source import Source

_PIECE = 1 << 20


def absent_files(source: Source, data: Path) -> list[str]:
    """The files of ``source`` that are not below ``data``, each with where its owner publishes it."""
    needed = [file.path for file in source.files] + ([source.heldout] if source.heldout else [])
    found_at = f" (published at {source.url})" if source.url else ""
    return [f"{source.name}: {path}{found_at}" for path in needed if not (data / path).is_file()]


def changed_files(source: Source, data: Path) -> list[str]:
    """The files of ``source`` whose content is not the one its YAML was written for."""
    changed = []
    for file in source.files:
        if file.sha256 is not None and (data / file.path).is_file():
            found = _sha256(data / file.path)
            if found != file.sha256:
                changed.append(f"{source.name}: {file.path} has sha256 {found[:12]}…, not {file.sha256[:12]}…")
    return changed


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()
