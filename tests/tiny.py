"""A tiny GLM and its tokenizer, made in a second: a real model in everything but size. All sentences are invented."""

import json
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from mentalglm.answer import Answer, Quote
from mentalglm.prompt import build_messages
from mentalglm.tasks import load_task
from train.config import TrainConfig
from train.save import describe_run
from train.tokenizer import STOP_TOKENS, train_tokenizer

TASKS = (
    "suicide_risk",
    "suicide_level",
    "cognitive_distortion",
    "cognitive_pathway",
    "emotional_safety",
    "risk_category",
)
STYLE = "grounded"
CONTEXT = 1024

SENTENCES = (
    "今天又没有睡好，凌晨三点醒来就再也睡不着了。",
    "我就是个废物，什么都做不好。",
    "考试没有考好，爸妈一定对我很失望。",
    "他没有回我消息，肯定是讨厌我了。",
    "工作越来越多，加班到半夜，心里很累。",
    "其实朋友们都还在，周末一起去爬山吧。",
    "永远不会好了，以后也只会更糟。",
    "谢谢你们愿意听我说，说出来好多了。",
    "和男朋友吵架了，都是我的错。",
    "医生说按时吃药，慢慢会好起来的。",
    "昨天下雨，我在家看了一下午的书。",
    "我应该更努力，不应该休息。",
    "大家都过得很好，只有我一个人这样。",
    "不想活了，可是又舍不得家里的猫。",
    "新买的花开了，心情也跟着好了一点。",
    "为什么总是我？生活没有意义！",
    "一次面试失败，说明我这辈子都找不到工作。",
    "晚饭吃了面条，味道不错，明天还想再吃。",
    "心跳得很快，手也在发抖，不敢出门。",
    "慢慢来，事情总会有办法的。",
)


def example_answer(task_name: str, post: str, number: int = 0) -> Answer:
    """A well-formed answer about ``post``: its label goes with ``number``, its evidence is the first words."""
    task = load_task(task_name)
    label = task.label_names[number % len(task.label_names)]
    quote = Quote(post[:4], label if task.many else None)
    return Answer((label,), (quote,), f"文字中写到{post[:4]}，由此可以看出来。")


def example_messages(task_name: str, post: str, number: int = 0) -> list[dict[str, str]]:
    """Question and answer, worded as in training."""
    return build_messages(post, load_task(task_name), STYLE, example_answer(task_name, post, number))


@cache
def tiny_tokenizer() -> Any:
    """A tokenizer trained on the sentences above and every task's wording, about 1,100 tokens."""
    texts = list(SENTENCES)
    for task_name in TASKS:
        for number in range(len(load_task(task_name).label_names)):
            messages = example_messages(task_name, SENTENCES[number % len(SENTENCES)], number)
            texts += [message["content"] for message in messages]
    return train_tokenizer(texts, vocab_size=1200, model_max_length=CONTEXT)


@cache
def tiny_model(seed: int = 0, tied: bool = True) -> Any:
    """A native GLM of random weights in evaluation mode, float32. It is shared: copy it before you change it."""
    import torch
    from transformers import GlmConfig, GlmForCausalLM

    tokenizer = tiny_tokenizer()
    stop_ids = [tokenizer.convert_tokens_to_ids(token) for token in STOP_TOKENS]
    config = GlmConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=8,
        intermediate_size=64,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=tied,
        attention_bias=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=stop_ids,
        bos_token_id=None,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = GlmForCausalLM(config)
    model.generation_config.eos_token_id = stop_ids
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    return model.eval()


def save_tiny(folder: Path, tasks: Sequence[str] = TASKS, seed: int = 0, tied: bool = True) -> Path:
    """Writes the tiny model as a training run leaves one, ``mentalglm.json`` included; returns ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    tiny_model(seed, tied).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    config = TrainConfig(output_dir=folder.parent, model="tiny", data=folder)
    described = describe_run(config, [{"task": name} for name in tasks])
    (folder / "mentalglm.json").write_text(json.dumps(described, ensure_ascii=False, indent=2) + "\n", "utf-8")
    return folder
