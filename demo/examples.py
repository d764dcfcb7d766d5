"""Example posts, all invented for this page."""

from dataclasses import dataclass

from mentalglm.tasks import Bilingual


@dataclass(frozen=True)
class Example:
    """A post and what its button says."""

    title: Bilingual
    post: str


EXAMPLES = [
    Example(
        Bilingual(zh="周末小事", en="A good weekend"),
        "周末带外婆去公园看荷花，她非要给我拍照，十张有九张糊了，剩下一张拍的是她自己的手指。回家路上一人一根绿豆冰棍，开心。",
    ),
    Example(
        Bilingual(zh="工作压力", en="Stress at work"),
        "今天汇报时有一页数据贴错了，组长当场指出来。大家肯定都觉得我不专业，下半年的晋升不用想了。一点小事都做不好，我就是个废物。",
    ),
    Example(
        Bilingual(zh="情绪低落", en="Feeling low"),
        "又是醒到凌晨三点的一天。没什么特别的事，就是提不起劲，朋友约我也不想出门，饭也吃不下几口。好像什么都没意思，不知道这种日子什么时候能过去。",
    ),
    Example(
        Bilingual(zh="夸张说法", en="A figure of speech"),
        "笑死我了，我家猫跳上冰箱偷鱼干，结果卡在缝里出不来，全家围着拔猫，我爸笑得眼泪都出来了。这份工资要是够我天天看这种现场就好了。",
    ),
]
