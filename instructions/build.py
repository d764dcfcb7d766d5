"""Builds an instruction corpus from one config: gather, order, write, say what was left out."""

import json
from pathlib import Path

from instructions.card import card
from instructions.config import Config, read_yaml
from instructions.rows import Rows, add_dialogue, add_records, order_key
from instructions.write import corpus_hash, dataset_info, write_parquet, write_text
from mentalglm.errors import UserError

SPLITS = ("train", "validation")
# What a model trained on the corpus will say of itself.
_TAUGHT = {"style", "tasks"}


def build(config_path: Path, data: Path, out: Path, strict: bool = False) -> Rows:
    """Builds the corpus that ``config_path`` describes into ``out``; the same inputs give the same hash.

    Args:
        config_path: The build's YAML.
        data: The folder that sources' files are relative to.
        out: Where the corpus goes; made if absent. Files of an earlier build are replaced.
        strict: Whether a missing file stops the build before anything is written.

    Returns:
        What was written, what was quarantined and which files were missing.

    Raises:
        UserError: The config is wrong, a file is broken as a whole or, under ``strict``, missing, or no row is left.
    """
    config: Config = read_yaml(config_path, Config)
    rows = Rows()
    if config.records is not None:
        add_records(rows, config.records, config_path.parent, config.seed)
    if config.dialogue is not None:
        add_dialogue(rows, config.dialogue, data, config.seed)
    if strict and rows.missing:
        raise UserError(f"missing: {'; '.join(rows.missing)} (below {data}); fetch them, or build without --strict")
    if not rows.kept:
        reason = f"missing: {'; '.join(rows.missing)}" if rows.missing else f"{len(rows.quarantined)} rows quarantined"
        raise UserError(f"{config_path}: no row to write ({reason}); check --data {data}")
    rows.kept.sort(key=lambda row: order_key(config.seed, row.id))
    _write(config, rows, out)
    return rows


def _write(config: Config, rows: Rows, out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"{out}: cannot be made ({error.strerror}); choose another --out") from None
    written = []
    for split in SPLITS:
        chosen = [row for row in rows.kept if row.split == split]
        (out / f"{split}.parquet").unlink(missing_ok=True)
        if chosen:
            write_parquet(out / f"{split}.parquet", chosen)
            written.append((split, chosen))
    digest = corpus_hash(row for _, chosen in written for row in chosen)
    lines = [{"id": row_id, "source": source, "reason": why} for row_id, source, why in sorted(rows.quarantined)]
    write_text(out / "quarantine.jsonl", "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines))
    write_text(out / "dataset_info.json", dataset_info(config.name, (split for split, _ in written)))
    write_text(out / "README.md", card(config.name, rows, digest, config.seed))
    taught = {"style": None, "tasks": []} if config.records is None else config.records.model_dump(include=_TAUGHT)
    write_text(out / "corpus.json", json.dumps(taught) + "\n")
    write_text(out / "corpus.sha256", digest + "\n")
