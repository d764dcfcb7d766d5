"""Personal data is masked and nothing else is. Every number, name and address here is invented."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mentalglm.personal_data import mask

# Text with «the masked part», and its kind.
MASKED = [
    ("打我电话«13800138000»", "phone"),
    ("«13800138000»找我", "phone"),
    ("«138 0013 8000» 随时", "phone"),
    ("«138-0013-8000»", "phone"),
    ("«138.0013.8000»", "phone"),
    ("«138－0013－8000»", "phone"),
    ("«138—0013—8000»", "phone"),
    ("«13800 138000»", "phone"),
    ("«+86 138 0013 8000»", "phone"),
    ("«+8613800138000»", "phone"),
    ("«0086-13800138000»", "phone"),
    ("«86 13800138000»", "phone"),
    ("«１３８００１３８０００»", "phone"),
    ("«1 3 8 0 0 1 3 8 0 0 0»", "phone"),
    ("«1️⃣3️⃣8️⃣0️⃣0️⃣1️⃣3️⃣8️⃣0️⃣0️⃣0️⃣»", "phone"),
    ("«①③⑧⓪⓪①③⑧⓪⓪⓪»", "phone"),
    ("«一三八零零一三八零零零»", "phone"),
    ("«幺三八〇〇幺三八〇〇〇»打给我", "phone"),
    ("«壹叁捌零零壹叁捌零零零»", "phone"),
    ("«138零零138零零零»", "phone"),
    ("tel«13800138000»", "phone"),
    ("2008年，«13800138000»，记住了", "phone"),
    ("第12次 «13800138000»", "phone"),
    ("家里«010-87654321»没人接", "phone"),
    ("«（010）87654321»", "phone"),
    ("«0755 8765 4321»", "phone"),
    ("«0571-8765432转801»", "phone"),
    ("«+86-21-87654321»", "phone"),
    ("«02187654321»", "phone"),
    ("电话是«8765-4321»", "phone"),
    ("座机：«87654321»", "phone"),
    ("我的热线就是我妈，«010-87654321»", "phone"),
    ("call «(555) 867-5309» tonight", "phone"),
    ("call «555-867-5309» tonight", "phone"),
    ("call «+1 555 867 5309» tonight", "phone"),
    ("call «555.867.5309» tonight", "phone"),
    ("text me at «867-5309»", "phone"),
    ("my cell is «+44 7911 123456»", "phone"),
    ("身份证«11010519491231002X»", "id_number"),
    ("«11010519491231002x»是我的", "id_number"),
    ("«110105 19491231 002X»", "id_number"),
    ("«１１０１０５１９４９１２３１００２Ｘ»", "id_number"),
    ("«110105491231002»", "id_number"),
    ("身份证号：«110105194912310021»", "id_number"),
    ("护照号 «E12345678»", "id_number"),
    ("卡号 «6222021234567890128»", "bank_card"),
    ("«4111 1111 1111 1111»", "bank_card"),
    ("«4111-1111-1111-1111»转给我", "bank_card"),
    ("«378282246310005»", "bank_card"),
    ("账号：«123456789012»", "bank_card"),
    ("写信到«xiaoming_88@example.com»吧", "email"),
    ("mail me: «first.last+tag@mail.example.co.uk».", "email"),
    ("邮箱«12345678@qq.com»", "email"),
    ("邮箱«12345678＠ｑｑ．ｃｏｍ»", "email"),
    ("邮箱«12345678 @ qq.com»", "email"),
    ("邮箱«12345678#qq.com»", "email"),
    ("邮箱«xiaoming艾特qq点com»", "email"),
    ("«xiaoming [at] gmail [dot] com»", "email"),
    ("«xiaoming at gmail dot com»", "email"),
    ("QQ«123456789»", "qq"),
    ("qq：«123456789»", "qq"),
    ("我的QQ号是«123456789»", "qq"),
    ("QQ群 «12345678» 进来聊", "qq"),
    ("扣扣«１２３４５６７»", "qq"),
    ("企鹅号：«123456»", "qq"),
    ("QQ：«123 456 789»", "qq"),
    ("扣扣«一二三四五六七八»", "qq"),
    ("加q«123456789»", "qq"),
    ("加我«123456789»", "qq"),
    ("微信号：«loneliness»", "wechat"),
    ("微信 «abc_12345»", "wechat"),
    ("加微信«abc12345»聊", "wechat"),
    ("我微信是«wxid_a1b2c3»", "wechat"),
    ("➕v «abc12345»", "wechat"),
    ("vx：«lonely-cat»", "wechat"),
    ("VX «ＡＢＣ12345»", "wechat"),
    ("薇信«abc123456»", "wechat"),
    ("wechat: «lonely_cat»", "wechat"),
    ("my wechat is «johnny_88»", "wechat"),
    ("微信«12345678»", "wechat"),
    ("«@小明» 你看", "mention"),
    ("转发自«@心情不好的猫»：今天下雨", "mention"),
    ("//«@lonely_cat»:同感", "mention"),
    ("谢谢«@小明»，谢谢", "mention"),
    ("via«@小明»：同感", "mention"),
    ("＠ 不算，«＠小明» 算", "mention"),
    ("«@爱吃鱼的小猫»我好累真的撑不下去了", "mention"),
    ("thanks «@lonely_cat»!", "mention"),
    ("as «u/lonely_cat» said", "mention"),
    ("as «/u/lonely_cat» said", "mention"),
    ("my insta is «lonely.cat.88»", "mention"),
    ("kik: «lonelycat7»", "mention"),
    ("看«http://example.com/a?b=1&c=2»。", "url"),
    ("看«https://example.com/»路径", "url"),
    ("(«www.example.com»)", "url"),
    ("«t.cn/A1b2C3»转发", "url"),
    ("my blog: «lonelycat.blogspot.com»", "url"),
    ("[this](«https://example.com/x»)", "url"),
    ("«ｈｔｔｐ：／／example.com/x»", "url"),
]

UNTOUCHED = [
    "拨打12356或者120、110",
    "please call 988 or 911",
    "The lifeline is 1-800-273-8255.",
    "text HOME to 741741",
    "心理援助热线 010-87654321",
    "北京危机干预热线：800-810-1117、010-87654321",
    "客服400-161-9995，95533",
    "2018-09-12 12:30:45",
    "20180912",
    "2018.9.1 2000.1",
    "1998.9.1 2000.1",
    "2019年3月5日凌晨3点15分",
    "2008-2012",
    "从1998 1999 2000到2001",
    "12/31/2019 at 11:59pm",
    "吃了20片，每片0.25mg，共5000毫克",
    "took 200 300 4000 mg",
    "考了598分，排名10234/98765",
    "圆周率3.14159265358979",
    "0.13812345678",
    "一共13800138000元",
    "13800138000个人",
    "price 1,380,013,800",
    "欠了120000，月薪8000",
    "量表得分 1 3 2 2 4 0 1 3 2",
    "15 16 17 18 19 20 21",
    "1 3 5 7 9 2 4 6 8 1 0 1 2",
    "23333333333333333",
    "66666666666666666666",
    "44444444444444444",
    "订单123456789012345678",
    "110105194912310021",
    "110105991331002",
    "@",
    "@ 小明",
    "@_@ 晕了",
    "(@_@;)",
    "@.@",
    "o@o w@w",
    "@@",
    "meet @ 3",
    "meet @3pm",
    "@7点",
    "@所有人 开会",
    "@everyone please",
    "3@2",
    "QQ好友都没有",
    "QQ空间2010版",
    "QQ在线100000人",
    "qq等级64级",
    "iq 145",
    "Q1 2018",
    "FAQ 12345",
    "微信好友",
    "微信wechat都不想看",
    "wechat message",
    "微信 moments",
    "微信读书2小时",
    "卫星发射了",
    "加微信好友",
    "www",
    "http://",
    "e.g. this, i.e. that, etc.",
    "baidu.com",
    "node.js and p.s. and a.m./p.m.",
    "and/or w/o 24/7 he/she",
    "I slept.Then I woke",
    "version 1.2.3.4",
    "IP 192.168.1.100",
    "一二三四五六七八九十",
    "三三两两一五一十",
    "一九九八年一月二十三日",
    "一千三百八十万零一百三十八",
    "r/depression",
    "8 hours, 7 days, 100%",
    "room#1234",
    "电话打了3次，100多分钟",
    "手机2000元",
    "10:30-11:45",
    "-5℃~37.5℃",
    "睡了4小时（2点到6点）",
    "",
    "没有人在意我，活着好累。",
    "\ue000\ue000",
]


@pytest.mark.parametrize(("marked", "kind"), MASKED)
def test_personal_data_is_masked(marked: str, kind: str) -> None:
    text = marked.replace("«", "").replace("»", "")
    start = marked.index("«")
    masked = mask(text)
    assert [(text[change.start : change.end], change.kind) for change in masked.changes] == [
        (marked[start + 1 : marked.index("»")], kind)
    ]
    assert masked.text == text[:start] + masked.changes[0].replacement + marked[marked.index("»") + 1 :]
    assert mask(masked.text) == type(masked)(masked.text, ())


@pytest.mark.parametrize("text", UNTOUCHED)
def test_everything_else_is_left_alone(text: str) -> None:
    assert mask(text).text == text
    assert mask(text).changes == ()


def test_the_trial_set_is_large_enough() -> None:
    assert len(MASKED) >= 80 and len(UNTOUCHED) >= 80


def test_several_kinds_in_one_text_and_the_language_of_what_stands_there() -> None:
    text = "我是@小明，微信abc12345，QQ123456789，13800138000，a@example.com，https://example.com"
    assert mask(text).text == "我是〔用户〕，微信〔微信号〕，QQ〔QQ号〕，〔电话〕，〔邮箱〕，〔网址〕"
    assert mask("@lonely_cat 555-867-5309").text == "[user] [phone]"


def test_numbers_that_touch_are_all_masked() -> None:
    text = "13800138000 13900139000、13700137000/010-87654321"
    assert [change.kind for change in mask(text).changes] == ["phone"] * 4


def test_a_listed_hotline_stays_and_a_mobile_number_called_hotline_does_not() -> None:
    assert mask("电话：12356").changes == ()
    assert [change.kind for change in mask("心理热线 13800138000").changes] == ["phone"]


def test_a_span_moves_with_its_words() -> None:
    text = "@小明 我好累，打13800138000，撑不住了"
    masked = mask(text)
    for words in ("我好累", "撑不住了", "，"):
        start = text.index(words)
        moved = masked.moved(start, start + len(words))
        assert moved is not None and masked.text[moved[0] : moved[1]] == words


def test_a_span_that_cuts_through_a_number_is_lost_and_one_around_it_is_not() -> None:
    text = "打13800138000吧"
    masked = mask(text)
    assert masked.moved(0, 4) is None
    assert masked.moved(5, 12) is None
    assert masked.moved(5, 8) is None
    assert masked.moved(0, 1) == (0, 1)
    assert masked.moved(12, 13) == (5, 6)
    assert masked.moved(1, 12) == (1, 5)
    assert masked.moved(0, len(text)) == (0, len(masked.text))


_PIECES = st.sampled_from(
    [marked.replace("«", "").replace("»", "") for marked, _ in MASKED]
    + UNTOUCHED
    + list("0123456789138@＠.-/:# _QqVvXx微信热线一三八零电话我《》\n\ue000〔〕[]（)+86幺企鹅加号")
)
_TEXTS = st.lists(_PIECES, max_size=14).map("".join) | st.text()


@settings(max_examples=300, deadline=None)
@given(_TEXTS)
def test_masking_twice_is_masking_once(text: str) -> None:
    masked = mask(text)
    assert mask(masked.text).changes == ()


@settings(max_examples=150, deadline=None)
@given(_TEXTS)
def test_what_is_not_masked_stays_sign_by_sign(text: str) -> None:
    masked = mask(text)
    place = 0
    rebuilt = ""
    for change in masked.changes:
        assert place <= change.start < change.end <= len(text)
        rebuilt += text[place : change.start] + change.replacement
        place = change.end
    assert masked.text == rebuilt + text[place:]


@settings(max_examples=150, deadline=None)
@given(_TEXTS, st.data())
def test_any_span_moves_to_the_same_words_or_nowhere(text: str, data: st.DataObject) -> None:
    masked = mask(text)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    moved = masked.moved(start, end)
    inside = [change for change in masked.changes if start < change.end and change.start < end]
    if any(change.start < start or end < change.end for change in inside):
        assert moved is None
    else:
        assert moved is not None
        assert masked.text[moved[0] : moved[1]] == mask_at(text[start:end], start, inside)


def mask_at(words: str, start: int, inside: list) -> str:  # type: ignore[type-arg]
    for change in reversed(inside):
        words = words[: change.start - start] + change.replacement + words[change.end - start :]
    return words


@pytest.mark.parametrize(
    "piece",
    ["1", "1 ", "13", "a", "a.", "@", "@a", "a@", "1.", "一", "q", "微信", "微信:", "热线", "+1", "-", "电话 ", "www.",
     "u/", "13800138000 ", "@小明 ", "QQ123456 ", "a@b.", "http://", "4111 ", "(555) ", " at qq", "信号:是", "1️⃣", "a-"],
)  # fmt: skip
def test_time_grows_with_length_and_no_faster(piece: str) -> None:
    text = piece * (100_000 // len(piece))
    start = time.perf_counter()
    mask(text)
    assert time.perf_counter() - start < 5


def test_noise_of_the_worst_signs_is_fast() -> None:
    chance = random.Random(2)
    text = "".join(chance.choices("0123456789138@.-/:# _qvx微信热线一三八零我+", k=100_000))
    start = time.perf_counter()
    mask(text)
    assert time.perf_counter() - start < 5
