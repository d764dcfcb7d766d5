"""The posts of a run that kept none, read again from the file that was run: only the sheet ever holds them."""

import hashlib
from pathlib import Path
from typing import Any

from eval.data import file_hash, load_data
from mentalglm.errors import UserError


def posts_of(manifest: dict[str, Any], data: Path | None, wanted: set[str]) -> dict[str, str]:
    """Posts by their hashes.

    Args:
        manifest: The task's part of the run's manifest, which knows the file's name and hash.
        data: The file, or a folder that holds it somewhere.
        wanted: sha256 of each post.

    Raises:
        UserError: The file is not given, another one, or lacks a post.
    """
    about = manifest["data"]
    if data is None:
        raise UserError(f"the run kept no posts; name the file that was run, {about['file']}, with --data FILE")
    columns = {"text_column": about.get("text_column"), "label_column": about.get("label_column")}
    read = load_data(_file(data, about), manifest["task"], split="all", **columns)
    by_hash = {hashlib.sha256(row.text.encode()).hexdigest(): row.text for row in read.samples}
    if missing := wanted - set(by_hash):
        raise UserError(
            f"{read.path} lacks {len(missing)} of {len(wanted)} posts of the run; give the file it was run on"
        )
    return {name: by_hash[name] for name in wanted}


def _file(data: Path, about: dict[str, Any]) -> Path:
    if not data.exists():
        raise UserError(f"{data} not found; name the file that was run, {about['file']}, with --data FILE")
    candidates = sorted(data.rglob(about["file"])) if data.is_dir() else [data]
    for path in candidates:
        if path.is_file() and file_hash(path) == about["sha256"]:
            return path
    wrong = f"holds no {about['file']} with" if data.is_dir() else "has not"
    raise UserError(f"{data} {wrong} the hash of the file that was run; give the file of posts of that run")
