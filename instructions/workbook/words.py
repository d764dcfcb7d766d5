"""What labs call their columns, in Chinese and English, and what they write into cells."""

import re
import unicodedata


def _names(*patterns: str) -> re.Pattern[str]:
    return re.compile("|".join(patterns), re.IGNORECASE)


# Patterns over a column's name.
TEXT = _names(
    "^(?:微博|帖子?|博文|推文|评论)?(?:原始)?(?:内容|正文|文本|原文|文字|全文)$",
    "^(?:帖子|博文|语句|句子|发帖|微博|推文|评论|留言|原帖)$",
    r"^(?:raw|full|post|tweet|comment)?[ _]?(?:text|post|content|tweet|comment|body|sentence|message)s?$",
)
EXPLANATION = _names(
    "解释", "理由", "说明", "原因", r"\b(?:expl(?:ain|anation)s?|rationale|reason(?:ing)?|justification)\b"
)
EVIDENCE = _names("依据", "证据", "原句", "关键(?:词|句)", r"\b(?:evidence|quote|span)s?\b")
GROUP = _names("用户", "作者", "博主", "昵称", "被试", r"\b(?:user|author|subject|participant)(?:[ _]?(?:id|name))?\b")
ID = _names("编号", "序号", "^[序号#]$", r"(?:^|[^a-z])(?:id|no|index|idx)\.?$")
SPLIT = _names("划分", "数据集", "集合", "^(?:split|set|partition|fold)$")
FINAL = _names(
    "裁定|仲裁|裁决|最终|终审|审定|定稿|金标|讨论后|一致结果",
    r"\b(?:gold|final|consensus|resolved|agreed)\b|adjudicat",
)
PERSON = _names("标注(?:员|者|人)|评定(?:员|者)|编码(?:员|者)|专家|医生|咨询师", r"annotator|\brater|\bcoder|\bexpert")
LABEL = _names("标注|标签|类别|分类|等级|级别|评定", r"label|annotat|\bclass\b|\bcategory\b")
# Names of columns that may hold numbers as labels; other numbers are ages, counts, dates.
GRADED = _names("分级|风险|评分|程度", r"level|grade|score|risk|severity", LABEL.pattern, PERSON.pattern, FINAL.pattern)
# Columns about the annotation, which are no annotation.
ABOUT = _names("日期|时间|备注|用时|是否一致|姓名", r"\b(?:date|time|note|remark)s?\b")

# What a column of splits may hold.
SPLITS = frozenset(["train", "training", "validation", "valid", "val", "dev", "test", "testing"]) | frozenset(
    ["训练", "训练集", "验证", "验证集", "测试", "测试集"]
)
# Answers that say: looked at, and nothing applies.
NONE = frozenset(["无", "没有", "none", "都没有", "均无", "无歪曲", "无标签", "不存在", "-", "—", "/", "0"])


def plain(text: str) -> str:
    """``text`` for comparing: width, case and outer blanks do not count."""
    return unicodedata.normalize("NFKC", text).strip().casefold()
