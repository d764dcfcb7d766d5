"""What an explanation must not do is found in its own words, and not in denials, reports or quotations."""

import time

import pytest

from mentalglm.tasks import load_task
from mentalglm.text_checks import (
    contradicts_label,
    gives_advice,
    gives_diagnosis,
    misquoted_words,
    names_level,
    repeats_itself,
    unquoted_words,
)


@pytest.mark.parametrize(
    "text",
    [
        "意图不明，宜由人工再看一眼。",
        "由母亲转述，应交人工研判。",
        "没有自伤意思，建议留意。",
        "仍要尽快由人细看。",
        "情形值得持续关注。",
        "你应该多休息，也可以和家人谈谈。",
        "请拨打心理援助热线。",
        "The poster is in pain and should seek professional help.",
        "You need to talk to someone.",
    ],
)
def test_advice_is_found(text: str) -> None:
    assert gives_advice(text)


@pytest.mark.parametrize(
    "text",
    [
        "没有任何需要留意的内容，属于日常表达。",
        "语气轻快，不需要干预。",
        "「应该去看医生」是旁人的话，本人没有流露痛苦。",
        "上级转述“建议尽快就医”，她没有回应。",
        "身体反应剧烈，是情绪的直接结果。",
        "The poster says that nothing helps, which shows hopelessness.",
    ],
)
def test_a_description_is_no_advice(text: str) -> None:
    assert not gives_advice(text)


@pytest.mark.parametrize("text", ["方式未明，定为五级。", "对应 7 级。", "达到10级", "risk level 6", "停在这一级。"])
def test_a_level_is_found(text: str) -> None:
    assert names_level(text)


@pytest.mark.parametrize("text", ["上级在群里点名。", "他考过了「八级」。", "从三楼的台阶说起。", "年级里都在笑。"])
def test_other_words_with_the_same_character_are_no_level(text: str) -> None:
    assert not names_level(text)


def test_words_nobody_wrote_are_listed_in_order() -> None:
    assert unquoted_words("由「没人在意」和「永远」推出，又见「很累」。", "反正没人在意，我很累") == ["永远"]
    assert unquoted_words("没有引文。", "随便") == []


@pytest.mark.parametrize(
    "text",
    [
        "作者患有重度抑郁症，长期失眠。",
        "可以诊断为双相情感障碍。",
        "博主是典型的边缘型人格障碍。",
        "这些表现符合焦虑症的诊断标准。",
        "诊断：抑郁症。",
        "The poster has major depressive disorder.",
        "She clearly suffers from bipolar disorder and needs rest.",
        "This could be diagnosed as PTSD.",
        "The symptoms meet the diagnostic criteria for borderline personality disorder.",
        "This pattern is consistent with a diagnosis of schizophrenia.",
    ],
)
def test_a_diagnosis_is_found(text: str) -> None:
    assert gives_diagnosis(text)


@pytest.mark.parametrize(
    "text",
    [
        "作者自述患有抑郁症，但这里只是抱怨天气。",
        "提到医生确诊为焦虑症，她没有再写下去。",
        "没有足够的文字说明他患有抑郁症。",
        "「我是重度抑郁症患者」说明她已放弃。",
        "她引用“患有双相情感障碍”一句来解释缺席。",
        "情绪低落、无望，属于抑郁的表述。",
        "被诊断为抑郁症之后，她一直在吃药。",
        "这篇帖子体现了乱贴标签的认知歪曲。",
        "Yes, the poster suffers from depression.",
        "The poster suffers from stress because of exams.",
        "The poster mentions that she has bipolar disorder.",
        "There is no evidence that the poster has PTSD.",
        "They were diagnosed with anxiety last year, by their own account.",
        'The words "I have OCD" are used as a joke.',
        "The wellness dimension does not exist in the post.",
    ],
)
def test_a_report_a_denial_and_a_label_are_no_diagnosis(text: str) -> None:
    assert not gives_diagnosis(text)


def test_repetition_is_found() -> None:
    assert repeats_itself("作者感到绝望，没有希望。作者感到绝望，没有希望。作者感到绝望，没有希望。")
    assert repeats_itself("the poster feels hopeless and alone and " * 4)
    assert repeats_itself("啊" * 40)


def test_ordinary_prose_does_not_repeat_itself() -> None:
    assert not repeats_itself("作者反复写到「活着好累」，又说「活着好累」是因为无人理解，情绪由此转向无望。")
    assert not repeats_itself("The poster feels hopeless because nobody listens, and they fear that nobody ever will.")
    assert not repeats_itself("") and not repeats_itself("好的")


POST = "今天又失眠了，我觉得所有人都讨厌我……活着 没意思！I can't sleep, and nobody CARES about me"


@pytest.mark.parametrize(
    "explanation",
    [
        "由「所有人都讨厌我」推出。",
        "由“所有人都讨厌我”推出。",
        "由『活着没意思』和“今天又失眠了,我觉得”推出。",
        "由“今天又失眠了……活着没意思”推出。",
        "由“今天又失眠了...没意思！”推出。",
        "这是“灾难化”，也是“以偏概全”。",
        'The poster writes "i can\'t sleep" and "nobody cares about me".',
        "The poster writes ‘I can’t sleep’ and “I can’t sleep, … nobody cares”.",
        "The poster's words 'I can't sleep' are about the poster's night.",
        'They say "[they] can\'t sleep" and "nobody (really) cares".',
        'This is often called "doomscrolling".',
        "Don't read the posters' minds: it's theirs, isn't it?",
        'An odd " mark stands here.',
        "没有引文，也没有什么可说。",
    ],
)
def test_true_quotations_and_terms_pass(explanation: str) -> None:
    assert misquoted_words(explanation, POST) == []


@pytest.mark.parametrize(
    ("explanation", "words"),
    [
        ("由「讨厌」和「恨我」推出。", ["恨我"]),
        ("由“没有一个人喜欢我”推出。", ["没有一个人喜欢我"]),
        ("由『永远都睡不着』推出。", ["永远都睡不着"]),
        ("由“活着没意思……今天又失眠了”推出。", ["活着没意思……今天又失眠了"]),
        ('The poster writes "nobody loves me" and "I can\'t sleep".', ["nobody loves me"]),
        ("The poster writes 'I don't eat' at night.", ["I don't eat"]),
        ("The poster writes ‘I don’t eat’ at night.", ["I don’t eat"]),
    ],
)
def test_words_nobody_wrote_are_found_in_all_marks(explanation: str, words: list[str]) -> None:
    assert misquoted_words(explanation, POST) == words


def test_what_the_task_calls_its_labels_is_no_quotation() -> None:
    explanation = 'This is "emotion turmoil" and not a "health issue", as "my boss yells at me" shows.'
    assert misquoted_words(explanation, POST) == ["emotion turmoil", "health issue", "my boss yells at me"]
    assert misquoted_words(explanation, POST, load_task("stress_cause")) == ["my boss yells at me"]
    assert misquoted_words("属于“高自杀风险”一类。", POST, load_task("suicide_risk")) == []


@pytest.mark.parametrize(
    "piece", ["'a", "‘a’b", '"', "「", "“", "他", "the poster has ", "可以诊断", "不是高", "1级", "a’", "[", "（"]
)
def test_long_texts_are_no_trouble(piece: str) -> None:
    text = piece * (50_000 // len(piece))
    start = time.perf_counter()
    misquoted_words(text, POST, load_task("suicide_risk"))
    gives_diagnosis(text)
    repeats_itself(text)
    contradicts_label(text, ["低自杀风险"], load_task("suicide_risk"))
    contradicts_label(text, ["yes"], load_task("depression"))
    assert time.perf_counter() - start < 5
