"""Writes a proposal as YAML with a comment behind every guess."""

from typing import Any

import yaml

from instructions.workbook.propose import KeyPath, Proposal


def mapping_text(proposal: Proposal, heading: list[str]) -> str:
    """The proposal as the text of a YAML file that opens with ``heading`` as comments."""
    return _text(proposal.source, heading, proposal.comments)


def source_text(source: dict[str, Any], heading: list[str]) -> str:
    """A source as the text of a YAML file."""
    return _text(source, heading, {})


def task_text(task: dict[str, Any]) -> str:
    """A task in short form, to be completed by whoever knows it."""
    heading = "A task of your own: say when each label applies, and word the question as an annotator would be asked."
    return _text(task, [heading], {})


def _text(value: dict[str, Any], heading: list[str], comments: dict[KeyPath, str]) -> str:
    return "\n".join([*(f"# {line}" for line in heading), *_block(value, (), "", comments)]) + "\n"


def _block(value: dict[str, Any], at: KeyPath, indent: str, comments: dict[KeyPath, str]) -> list[str]:
    lines: list[str] = []
    for key, item in value.items():
        place = (*at, key)
        why = f"  # {comments[place]}" if place in comments else ""
        opening = f"{indent}{_scalar(key)}:"
        if isinstance(item, dict) and item:
            lines += [opening + why, *_block(item, place, indent + "  ", comments)]
        elif isinstance(item, list) and item and isinstance(item[0], dict):
            lines.append(opening + why)
            for number, entry in enumerate(item):
                block = _block(entry, (*place, number), indent + "    ", comments)
                lines += [f"{indent}  - {block[0].lstrip()}", *block[1:]]
        else:
            lines.append(f"{opening} {_scalar(item)}{why}")
    return lines


def _scalar(value: Any) -> str:
    """One value on one line, quoted where YAML would read it as something else."""
    text = yaml.safe_dump(value, allow_unicode=True, default_flow_style=True, width=10**6)
    return text.removesuffix("\n").removesuffix("\n...")
