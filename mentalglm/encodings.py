"""Bytes to lines: finds a text file's encoding, and refuses or marks what is not in it rather than garbles."""

import codecs
import os
import re
import stat
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from mentalglm.errors import UserError
from mentalglm.progress import Meter

DAMAGE = "\udcff"  # stands where bytes could not be decoded; no valid text of these encodings holds it
_CHUNK = 1 << 16
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+")  # str.splitlines() would also split at U+0085, U+2028, U+2029
_MAGIC = {
    b"PK\x03\x04": "a zip archive or Excel workbook",
    b"\x89PNG": "a PNG image",
    b"\xff\xd8\xff": "a JPEG image",
    b"%PDF": "a PDF document",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"\x1f\x8b": "a gzip archive",
}


def file_lines(path: Path, meter: Meter | None = None) -> Iterator[str]:
    """The lines of a text file, as :func:`decoded_lines`.

    Raises:
        UserError: The file cannot be opened or read, or is not text.
    """
    try:
        with path.open("rb") as file:
            yield from decoded_lines(file, str(path), meter)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check the file and its permissions") from None


def mixed_lines(path: Path, encoding: str) -> Iterator[str]:
    r"""The lines of a text file that is UTF-8, except for some bytes that are in the one-byte ``encoding``.

    Old English files are often put together from several: UTF-8 in most places, cp1252 or MacRoman in others, and no
    byte says which. A byte that ``encoding`` has no character for either is marked with :data:`DAMAGE`.

    Raises:
        UserError: The file cannot be opened or read.
    """

    def other(error: UnicodeError) -> tuple[str, int]:
        if not isinstance(error, UnicodeDecodeError):
            raise error
        return error.object[error.start : error.end].decode(encoding, _MARKING), error.end

    handler = f"mentalglm.{encoding}"
    codecs.register_error(handler, other)
    try:
        with path.open(encoding="utf-8-sig", errors=handler, newline="") as file:
            yield from file
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); check the file and its permissions") from None


def decoded_lines(file: BinaryIO, name: str, meter: Meter | None = None) -> Iterator[str]:
    r"""The lines of a stream with their endings; a line ends at ``\n``, ``\r\n`` or ``\r`` and nowhere else.

    UTF-8 (with or without a mark), UTF-16 with a mark and GB18030 are read. Once the encoding is known, a line with
    bytes that are not in it holds :data:`DAMAGE` in their place, and the lines after it are read on.

    Args:
        file: The stream, read in pieces and never held whole.
        name: What errors call it.
        meter: Is told how many of the stream's bytes the lines given so far took.

    Raises:
        UserError: The stream begins as something else than text in one of these encodings.
    """
    meter = Meter() if meter is None else meter
    meter.total = _size(file)
    held, parts = "", list[str]()
    for piece, size in chain(_decoded(file, name), [(None, 0)]):
        text = held + (piece or "")
        held = "\r" if piece is not None and text.endswith("\r") else ""  # its \n may come with the next piece
        lines = _LINE.findall(text[: len(text) - len(held)])
        before = meter.done
        for number, line in enumerate(lines, 1):
            parts.append(line)
            meter.done = before + size * number / len(lines)
            if line[-1] in "\r\n":
                yield "".join(parts)
                parts.clear()
    if parts:
        yield "".join(parts)


def _size(file: BinaryIO) -> int | None:
    """The bytes of a file still to be read; None for a pipe."""
    try:
        about = os.fstat(file.fileno())
        return about.st_size - file.tell() if stat.S_ISREG(about.st_mode) else None
    except (OSError, ValueError):  # no true file
        return None


def _decoded(file: BinaryIO, name: str) -> Iterator[tuple[str, int]]:
    """Decodes piece by piece; each comes with its size in bytes.

    Plain ASCII says nothing about the encoding: the first byte beyond it decides.
    """
    read = getattr(file, "read1", file.read)
    chunk = read(_CHUNK)
    while 0 < len(chunk) < 4 and (more := read(_CHUNK)):  # enough for a byte order mark
        chunk += more
    for magic, kind in _MAGIC.items():
        if chunk.startswith(magic):
            raise UserError(f"{name} is {kind}, not text; save it as text, or give it its true ending", code="binary")
    encoding = _marked(chunk)
    decoder = codecs.getincrementaldecoder(encoding or "ascii")(_MARKING)
    begins = True
    while True:
        if encoding is None and not chunk.isascii():
            encoding = _guessed(chunk, name)
            decoder = codecs.getincrementaldecoder(encoding)(_MARKING)
        text = decoder.decode(chunk, final=not chunk)
        if begins and (nul := text.find("\0")) >= 0:
            line = 1 + text.count("\n", 0, nul)
            raise UserError(f"{name}, line {line}: a NUL byte; this is a binary file, not text", code="binary")
        if text:
            yield text.replace("\0", DAMAGE), len(chunk)
        if not chunk:
            return
        begins, chunk = False, read(_CHUNK)


def _mark(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return DAMAGE, error.end


_MARKING = "mentalglm.mark"  # "surrogateescape" cannot do UTF-16
codecs.register_error(_MARKING, _mark)


def _marked(head: bytes) -> str | None:
    if head.startswith(codecs.BOM_UTF8):
        return "utf-8-sig"
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "utf-16"
    return None


def _guessed(sample: bytes, name: str) -> str:
    """UTF-8 where the sample is UTF-8, GB18030 where it reads as Chinese in it, else refused rather than garbled.

    A few damaged bytes do not hide an encoding: their lines alone are lost.
    """
    if _fits(sample, "utf-8"):
        return "utf-8"
    mended = sample.decode("utf-8", errors="replace")
    good = sum("\u2e80" <= c < "\ufffd" for c in mended)  # GB18030 may pass for UTF-8's Latin letters, not for Chinese
    if good > 3 * mended.count("\ufffd"):
        return "utf-8"
    mended = sample.decode("gb18030", errors="replace")
    slight = 100 * mended.count("\ufffd") <= len(mended) - len(mended.encode("ascii", "ignore"))
    if (slight or _fits(sample, "gb18030")) and _reads_as_chinese(mended.rstrip("\ufffd")):
        return "gb18030"
    raise UserError(f"{name}: neither UTF-8, UTF-16 with a mark nor GB18030; save it as UTF-8", code="encoding")


def _fits(sample: bytes, encoding: str) -> bool:
    try:
        codecs.getincrementaldecoder(encoding)().decode(sample, final=False)
    except UnicodeDecodeError:
        return False
    return True


def _reads_as_chinese(text: str) -> bool:
    """Whether the characters are everyday ones: almost any bytes are valid GB18030, but then most give rare ones."""
    beyond = [character for character in text if character > "\x7f"]
    usual = sum(bool(c.encode("gb2312", "ignore") or c.encode("big5", "ignore") or c > "\uffff") for c in beyond)
    return not beyond or usual >= 0.8 * len(beyond)
