"""Text that was once read in the wrong encoding: mended where that is certain, found where it is not.

Only encodings are mended. Quotes, full-width forms, emoji, spaces and line breaks stay as they were written.
"""

import re

# U+FFFD stands for bytes that are lost for good; 锟斤拷 is two of them, saved as UTF-8 and read as GBK.
_LOST = re.compile("\ufffd|锟斤拷")
_CHINESE = re.compile("[\u3400-\u9fff]")
# The bytes 80–BF as MacRoman shows them, and what may stand before one, two or three of them where UTF-8 was read so.
# Left out: first bytes that show as dashes and quotes (“É begins Émile's quotation).
_LATER = "[" + re.escape(bytes(range(0x80, 0xC0)).decode("mac_roman")) + "]"
_MAC_ROMAN = re.compile(f"[¬√]{_LATER}|[‚„Ô]{_LATER}{{2}}|\uf8ff{_LATER}{{3}}")


def repair(text: str) -> str:
    """``text`` with its mojibake undone, unchanged where nothing is certainly wrong.

    UTF-8 that was read as cp1252, Latin-1, MacRoman and their like, whole or in places (ftfy finds it), and UTF-8 that
    was read as GBK.
    """
    import ftfy

    if text.isascii():
        return text
    before = ""
    # Broken twice, mended twice; each time the text becomes shorter, or the control signs in it fewer.
    while text != before:
        before = text
        # ftfy mends cp1252 in places, MacRoman only where the whole text can be read back.
        text = _MAC_ROMAN.sub(_from_mac_roman, ftfy.fix_encoding(_from_gbk(text) or text))
    return text


def is_damaged(text: str) -> bool:
    """Whether ``text`` has lost characters or holds mojibake; after `repair`, whether some remains."""
    from ftfy.badness import is_bad

    if text.isascii():
        return False
    return bool(_LOST.search(text) or is_bad(text)) or repair(text) != text


def _from_gbk(text: str) -> str | None:
    """What ``text`` was before its UTF-8 was read as GBK; None where it never was.

    Ordinary words survive the way back to bytes now and then (联通 nearly does), but then Greek or Arabic letters come
    out: it counts only where everything beyond ASCII becomes Chinese or its punctuation.
    """
    try:
        before = text.encode("gb18030").decode("utf-8")
    except UnicodeError:
        return None
    strange = [sign for sign in before if sign >= "\x80"]
    return (
        before if len(strange) > 1 and all(sign >= "\u2010" for sign in strange) and _CHINESE.search(before) else None
    )


def _from_mac_roman(found: re.Match[str]) -> str:
    try:
        return found.group().encode("mac_roman").decode("utf-8")
    except UnicodeDecodeError:
        return found.group()
