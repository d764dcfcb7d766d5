"""Where dialogue comes from: one YAML per source, one reader per file format."""

from instructions.sources.source import Source, load_source
from instructions.sources.turns import Turns, read_turns

__all__ = ["Source", "Turns", "load_source", "read_turns"]
