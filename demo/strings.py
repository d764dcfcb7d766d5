"""Everything the page says of its own, in both languages. What a label means stands in its task's YAML instead."""

from dataclasses import dataclass
from typing import Literal

Lang = Literal["zh", "en"]


@dataclass(frozen=True)
class Strings:
    """One language's words."""

    switch: str
    privacy: str
    post: str
    post_hint: str
    tasks: str
    tasks_hint: str
    analyse: str
    analysing: str
    examples: str
    empty: str
    too_long: str
    no_task: str
    failed: str
    notice: str
    nothing: str
    nothing_caution: str
    abstained: str
    abstained_more: str
    unparsed: str
    unparsed_more: str
    conflicts: str
    evidence: str
    no_evidence: str
    explanation: str
    probabilities: str
    no_probabilities: str
    others: str
    footer: str
    windows: str


STRINGS: dict[Lang, Strings] = {
    "zh": Strings(
        switch="语言",
        privacy="您输入的文字只在这台电脑上处理，不保存，也不写入日志。",
        post="帖子",
        post_hint="在这里输入或粘贴一条帖子……",
        tasks="分析哪些方面",
        tasks_hint="可多选",
        analyse="分析",
        analysing="正在分析……",
        examples="或试试虚构的例子：",
        empty="还没有文字：请先输入或粘贴一条帖子。",
        too_long="帖子太长：有 {length} 个字符，这里最多 {limit} 个；请分段，或用命令 mentalglm analyze --file。",
        no_task="还没有选择分析的方面：请至少选一项。",
        failed="这次没有分析成功。请再试一次；若仍不行，请看启动演示的终端。",
        notice="求助信息",
        nothing="未见这项任务的任何类别",
        nothing_caution="不等于没有风险。",
        abstained="模型没有作出判断，它在这些标签之间犹豫：",
        abstained_more="对这些标签，模型没有作出判断：",
        unparsed="未能读出模型的答案",
        unparsed_more="对这一项不能下任何结论，尤其不能当作“没有风险”。",
        conflicts="与另一项结果矛盾，请自行判断：",
        evidence="依据",
        no_evidence="没有标出依据。",
        explanation="模型的解释",
        probabilities="模型给出的概率",
        no_probabilities="这个模型不给出概率。",
        others="其余 {count} 个标签",
        footer="模型：{model}。标签、依据和解释都由模型生成，可能有误。",
        windows="帖子较长，分 {count} 段读取。",
    ),
    "en": Strings(
        switch="Language",
        privacy="What you type is processed on this computer only; it is neither stored nor logged.",
        post="Post",
        post_hint="Type or paste one post here …",
        tasks="What to look for",
        tasks_hint="One or several",
        analyse="Analyse",
        analysing="Analysing …",
        examples="Or try an invented example:",
        empty="There is no text yet: type or paste a post first.",
        too_long="The post is too long: {length} characters, at most {limit} here; split it, or use "
        "mentalglm analyze --file.",
        no_task="Nothing is selected: choose at least one thing to look for.",
        failed="This analysis did not succeed. Please try again; if it keeps failing, see the terminal of the demo.",
        notice="Where to find help",
        nothing="None of this task's labels was found",
        nothing_caution="This is not the same as no risk.",
        abstained="The model made no decision; it wavers between these labels:",
        abstained_more="On these labels the model made no decision:",
        unparsed="The model's answer could not be read",
        unparsed_more="Nothing can be concluded here, in particular not “no risk”.",
        conflicts="Contradicts another result; judge for yourself:",
        evidence="Evidence",
        no_evidence="No words are marked as evidence.",
        explanation="The model's explanation",
        probabilities="The model's probabilities",
        no_probabilities="This model gives no probabilities.",
        others="{count} other labels",
        footer="Model: {model}. Labels, evidence and explanations are written by the model and may be wrong.",
        windows="The post is long and was read in {count} parts.",
    ),
}
