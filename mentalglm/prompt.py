"""The one place where a post becomes messages, and messages become token ids.

A post is data. Its text is encoded apart from the chat template, with special tokens switched off, so ``<|assistant|>``
typed by a person stays eleven ordinary characters and can never open a turn.
"""

from functools import lru_cache
from typing import Any

from mentalglm.answer import Answer, render_answer
from mentalglm.tasks import Task

Messages = list[dict[str, str]]

_SLOT = "⟦slot {}⟧"


def build_messages(post: str, task: Task, style: str, answer: Answer | None = None, phrasing: int = 0) -> Messages:
    """The chat messages that ask ``task`` about ``post``, and with ``answer`` also the reply to be learned.

    ``phrasing`` chooses the wording: 0 is the canonical one, which alone is used to ask a model; the style's variants,
    from 1, are for training.
    """
    template = task.styles[style]
    question = template.prompt if phrasing == 0 else template.variants[phrasing - 1]
    messages = [{"role": "user", "content": question.replace("{post}", post)}]
    if answer is not None:
        messages.append({"role": "assistant", "content": render_answer(answer, task, style)})
    return messages


def find_post(content: str, task: Task) -> tuple[int, int] | None:
    """Where the post stands in a user message that asks ``task``, in whatever style and wording.

    Args:
        content: The message.
        task: The task it asks.

    Returns:
        The post's start and end in code points, or None where no wording of the task is the message's. Where several
        fit, the one that leaves the least to the post: its words are the question's and not the poster's.
    """
    found = None
    for style in task.styles.values():
        for wording in (style.prompt, *style.variants):
            before, after = wording.split("{post}")
            start, end = len(before), len(content) - len(after)
            fits = start <= end and content.startswith(before) and content.endswith(after)
            if fits and (found is None or end - start < found[1] - found[0]):
                found = (start, end)
    return found


def render_turns(turns: list[dict[str, str]]) -> str:
    """A conversation as the text that conversation tasks are asked about, one turn a line.

    Line breaks inside a turn become spaces: nobody can forge a turn by writing 助手： on a line of its own.
    """
    names = {"user": "用户", "assistant": "助手", "system": "系统"}
    lines = (f"{names.get(turn['role'], turn['role'])}：{' '.join(turn['content'].splitlines())}" for turn in turns)
    return "\n".join(lines)


def encode_prompt(tokenizer: Any, messages: Messages) -> list[int]:
    """Token ids of ``messages`` up to where the assistant's answer begins, ready to be continued with it."""
    pieces = _template_pieces(tokenizer, (*(m["role"] for m in messages), "assistant"))
    ids: list[int] = []
    for piece, message in zip(pieces, messages, strict=False):
        ids += piece
        ids += encode_text(tokenizer, message["content"])
    return ids + list(pieces[len(messages)])


def encode_example(tokenizer: Any, messages: Messages) -> tuple[list[int], list[bool]]:
    """Token ids of a whole conversation, and which of them the model is to learn to write.

    Returns:
        ids: Length L.
        scored: Length L; true for the assistant's words and for the token that ends its turn, false elsewhere.
    """
    return encode_examples(tokenizer, [messages])[0]


def encode_examples(tokenizer: Any, conversations: list[Messages]) -> list[tuple[list[int], list[bool]]]:
    """:func:`encode_example` of many conversations at once, which lets the tokenizer use all its threads."""
    texts = [message["content"] for messages in conversations for message in messages]
    encoded = iter(tokenizer(texts, add_special_tokens=False, split_special_tokens=True)["input_ids"] if texts else [])
    examples = []
    for messages in conversations:
        pieces = _template_pieces(tokenizer, tuple(m["role"] for m in messages))
        ids, scored = list(pieces[0]), [False] * len(pieces[0])
        for number, message in enumerate(messages):
            speaks = message["role"] == "assistant"
            content, behind = next(encoded), list(pieces[number + 1])
            if not behind and speaks:
                behind = [stop_token_id(tokenizer)]
            ids += content + behind
            scored += [speaks] * len(content) + [speaks and k == 0 for k in range(len(behind))]
        examples.append((ids, scored))
    return examples


def encode_text(tokenizer: Any, text: str) -> list[int]:
    """Token ids of plain text: special-token strings in it are ordinary characters."""
    return list(tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"])


def stop_token_id(tokenizer: Any) -> int:
    """The token that ends an answer: GLM closes a turn with the opening of the next one."""
    user = tokenizer.convert_tokens_to_ids("<|user|>")
    unknown = user is None or user == tokenizer.unk_token_id
    return int(tokenizer.eos_token_id if unknown else user)


@lru_cache(maxsize=256)
def _template_pieces(tokenizer: Any, roles: tuple[str, ...]) -> tuple[tuple[int, ...], ...]:
    """Token ids of the chat template around the contents: one piece before each message and one behind the last."""
    slots = [{"role": role, "content": _SLOT.format(k)} for k, role in enumerate(roles)]
    rest = tokenizer.apply_chat_template(slots, tokenize=False)
    pieces = []
    for slot in slots:
        before, found, rest = rest.partition(slot["content"])
        if not found:
            raise ValueError(f"the chat template drops a message of role {slot['role']!r}")
        pieces.append(before)
    return tuple(tuple(tokenizer(piece, add_special_tokens=False)["input_ids"]) for piece in [*pieces, rest])
