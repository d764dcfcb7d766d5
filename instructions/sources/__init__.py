"""Where text comes from: one YAML per source, one small reader per file format."""

from instructions.sources.labelled import Fault, read_posts_of, read_records_of
from instructions.sources.presence import absent_files, changed_files
from instructions.sources.source import Source, load_source, source_from, source_names
from instructions.sources.turns import Turns, read_turns

__all__ = [
    "Fault",
    "Source",
    "Turns",
    "absent_files",
    "changed_files",
    "load_source",
    "read_posts_of",
    "read_records_of",
    "read_turns",
    "source_from",
    "source_names",
]
