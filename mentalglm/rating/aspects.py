"""What experts rate, on a scale of 0 to 3: MentaLLaMA's aspects (Yang et al., WWW 2024), asked in our own words."""

from dataclasses import dataclass

SCALE = (0, 1, 2, 3)


@dataclass(frozen=True)
class Aspect:
    """One aspect.

    Attributes:
        name: In reports and JSON.
        zh: What it is called and asks, for those who read Chinese.
        en: The same in English.
    """

    name: str
    zh: tuple[str, str]
    en: tuple[str, str]

    @property
    def column(self) -> str:
        """The heading of its column."""
        return f"{self.zh[0]} {self.name}"


ASPECTS = (
    Aspect(
        "consistency",
        ("一致性", "解释是否支持所给的标签，前后有无矛盾；依据是否真的承载这个标签。"),
        (
            "Consistency",
            "Does the explanation support the label, without contradicting itself? Does the evidence carry it?",
        ),
    ),
    Aspect(
        "reliability",
        ("可靠性", "解释是否忠于帖子：没有编造、夸大或遗漏要紧的内容。"),
        ("Reliability", "Is it true to the post: nothing invented, exaggerated, or missing that matters?"),
    ),
    Aspect(
        "professionality",
        ("专业性", "用语和推理是否符合心理学的专业要求：概念准确，不下诊断，不作评判，不提建议。"),
        (
            "Professionality",
            "Are words and reasoning professional: exact concepts, no diagnosis, no judging, no advice?",
        ),
    ),
    Aspect(
        "overall",
        ("总体", "总的来说，这条解释有多好。"),
        ("Overall", "All in all, how good is this explanation?"),
    ),
)
ANCHORS = (
    (0, "不可接受：错误或有害", "not acceptable: wrong or harmful"),
    (1, "较差：有明显问题", "poor: plain faults"),
    (2, "较好：有小问题", "good: small faults"),
    (3, "很好：无需修改", "very good: nothing to change"),
)
WHAT_TO_DO = (
    "请按下面的四个方面为“评分”表中的每条解释打分（0–3），从下拉框中选。",
    "Please rate every explanation on the sheet “ratings” on four aspects, 0 to 3, from the drop-down.",
)
RULES = (
    (
        "请独立评分，不与其他专家讨论，也不借助语言模型；拿不准的格子可以留空。",
        "Rate on your own, without the other experts and without a language model. A cell may stay blank.",
    ),
    (
        "可以排序、筛选；请不要改动编号和其他列的内容。",
        "You may sort and filter. Please leave the numbers and the other columns as they are.",
    ),
    (
        "帖子可能涉及自杀、自伤等内容，需要时请停下来休息。请不要转发这个文件。",
        "Posts may speak of suicide and self-harm: take a break when you need one. Please do not pass this file on.",
    ),
)
