"""Free text from a model loaded here or behind endpoints, window by window of long posts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from mentalglm.analysis import ErrorInfo
from mentalglm.errors import UserError
from mentalglm.models import LoadedModel
from mentalglm.prompt import build_messages, encode_prompt
from mentalglm.remote import RemoteModel
from mentalglm.tasks import Task

# By post, its windows with the reply to each; or why there is none.
Replies = list[list[tuple[str, str]] | ErrorInfo]
_LEAST_ROOM = 32


@dataclass(frozen=True)
class Sampling:
    """Replies drawn by chance instead of the likeliest words; no word is ruled out (no top-k, no top-p).

    Attributes:
        temperature: Above 0; 1 draws by the model's own probabilities.
        seed: Of the draws.
    """

    temperature: float
    seed: int


def local_replies(
    loaded: LoadedModel,
    posts: Sequence[str],
    task: Task,
    style: str,
    max_new_tokens: int,
    batch_size: int,
    sampling: Sampling | None = None,
) -> Replies:
    """Replies of a model loaded here; a post that does not fit is read in overlapping windows.

    They are greedy unless ``sampling`` says how they are drawn.

    Raises:
        UserError: The question alone leaves a post no room in the model's context.
    """
    from mentalglm.decoding.windows import split_windows

    limit = context_length(loaded)
    room = post_room(loaded, task, style)
    new_tokens = min(max_new_tokens, limit // 3)
    windows = [
        (row, part)
        for row, post in enumerate(posts)
        for part in split_windows(post, loaded.tokenizer, max(room - new_tokens, _LEAST_ROOM))
    ]
    prompts = [encode_prompt(loaded.tokenizer, build_messages(part, task, style)) for _, part in windows]
    by_length = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))
    said: dict[int, str] = {}
    for start in range(0, len(by_length), batch_size):
        places = by_length[start : start + batch_size]
        chosen = [prompts[place] for place in places]
        said.update(zip(places, _generate(loaded, chosen, new_tokens, sampling), strict=True))
    replies: list[list[tuple[str, str]]] = [[] for _ in posts]
    for place, (row, part) in enumerate(windows):
        replies[row].append((part, said[place]))
    return list(replies)


def context_length(loaded: LoadedModel) -> int:
    """The longest sequence the model can be trusted on, in tokens: what it was trained on where that is known."""
    longest = int(loaded.model.config.max_position_embeddings)
    return min(longest, loaded.manifest.max_seq_length or longest)


def post_room(loaded: LoadedModel, task: Task, style: str) -> int:
    """The tokens that the question leaves for a post and the answer.

    Raises:
        UserError: Hardly any.
    """
    question = len(encode_prompt(loaded.tokenizer, build_messages("", task, style)))
    room = context_length(loaded) - question
    if room < 2 * _LEAST_ROOM:
        raise UserError(
            f"the question of {task.name} with its examples takes {question} of the model's {context_length(loaded)} "
            "tokens; take fewer --shots, or a model of longer context"
        )
    return room


def _generate(loaded: LoadedModel, prompts: list[list[int]], new_tokens: int, sampling: Sampling | None) -> list[str]:
    import torch

    from mentalglm.prompt import stop_token_id

    tokenizer, model = loaded.tokenizer, loaded.model
    ends: Any = model.generation_config.eos_token_id
    known = ends if isinstance(ends, list) else [ends]
    stops = sorted({stop_token_id(tokenizer), *(token for token in known if token is not None)})
    padding = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else stops[0]
    width = max(map(len, prompts))
    ids = torch.tensor([[padding] * (width - len(prompt)) + prompt for prompt in prompts], device=model.device)
    mask = torch.tensor([[0] * (width - len(prompt)) + [1] * len(prompt) for prompt in prompts], device=model.device)
    drawn: dict[str, Any] = {"do_sample": False}
    if sampling is not None:
        drawn = {"do_sample": True, "temperature": sampling.temperature, "top_k": 0, "top_p": 1.0}
    devices = [model.device] if model.device.type == "cuda" else []
    with torch.inference_mode(), torch.random.fork_rng(devices=devices, enabled=sampling is not None):
        if sampling is not None:
            torch.manual_seed(sampling.seed)
        written = model.generate(
            input_ids=ids,
            attention_mask=mask,
            max_new_tokens=new_tokens,
            **drawn,
            eos_token_id=stops,
            pad_token_id=padding,
        )
    return [str(text) for text in tokenizer.batch_decode(written[:, width:], skip_special_tokens=True)]


def remote_replies(
    model: RemoteModel,
    posts: Sequence[str],
    task: Task,
    style: str,
    max_new_tokens: int,
    sampling: Sampling | None = None,
) -> Replies:
    """Replies of a model behind endpoints; a post that one refuses for its length is read in windows.

    They are greedy unless ``sampling`` says how they are drawn.

    Raises:
        UserError: The endpoints answer nothing at all.
    """
    import asyncio

    from mentalglm.endpoint import Refused, Unreachable
    from mentalglm.remote.background import Background
    from mentalglm.remote.decoder import MAX_CHARACTERS, windows_of
    from mentalglm.remote.pool import Pool
    from mentalglm.special_tokens import break_special_tokens

    async def ask_all() -> Replies:
        pool = Pool(model.line)
        await pool.open()
        free = asyncio.Semaphore(model.decoder.places)

        async def reply(part: str) -> tuple[str, str]:
            messages = build_messages(break_special_tokens(part).text, task, style)
            drawn = {"temperature": sampling.temperature, "seed": sampling.seed} if sampling else {}
            return part, (await pool.chat(messages, max_tokens=max_new_tokens, **drawn)).text

        async def ask(post: str) -> list[tuple[str, str]] | ErrorInfo:
            size = MAX_CHARACTERS
            async with free:
                while True:
                    try:
                        return [await reply(part) for part in windows_of(post, size)]
                    except Refused as error:
                        if min(size, len(post)) <= 250:
                            return ErrorInfo(code="endpoint_refused", message=str(error))
                        size = max(250, min(size, len(post)) // 2)
                    except Unreachable as error:
                        if not pool.replies:
                            raise UserError(f"the endpoint does not answer ({error}); see that it runs") from None
                        return ErrorInfo(code="no_reply", message=f"no reply after every try ({error})")

        try:
            return list(await asyncio.gather(*map(ask, posts)))
        finally:
            await pool.close()

    background = Background()
    try:
        return background.run(ask_all())
    finally:
        background.close()
