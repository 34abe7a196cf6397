"""A PNG file without what is beside its pixels. Chunks: PNG specification, third edition, 5 and 11."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator

from PIL.PngImagePlugin import MAX_TEXT_CHUNK

from trainer.data.images.formats import NO_END

_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"eXIf"}
_CHECKED = {b"IHDR", b"PLTE", b"IDAT"}
_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_ORIENTED = (b"XML:com.adobe.xmp\0", b"Raw profile type exif\0")  # texts that may say how the image is turned
_SIGNATURE = 8  # bytes


def pixels_alone(data: bytes, *, transparency: bool = True, orientation: bool = True) -> io.BytesIO:
    """The file with the chunks that its pixels depend on.

    Pillow gives up on a long text or a damaged profile that stands beside whole pixels. What has the wrong form is
    kept, for the decoder to complain of.

    Args:
        data: the file.
        transparency: keep tRNS.
        orientation: keep the texts that Pillow looks for an orientation in, if they are short.
    """
    kept = bytearray(data[:_SIGNATURE])
    for kind, start, end in _chunks(data):
        if kind == b"tRNS" and not transparency:
            continue
        if kind in _TEXTS:
            text = data[start + 8 : end]
            if not (orientation and text.startswith(_ORIENTED) and len(text) <= MAX_TEXT_CHUNK):
                continue
        elif kind not in _KEPT and kind[:1].islower():  # a small first letter: decoders may pass the chunk over (5.4)
            continue
        kept += data[start:end]
    return io.BytesIO(bytes(kept))


def mistake_in(data: bytes) -> str:
    """What Pillow passes over: a file that was cut behind its last pixel, and pixels that are not those written.

    Returns:
        `NO_END`, or words for a wrong checksum; empty where all is well.
    """
    for kind, start, end in _chunks(data):
        if kind in _CHECKED and zlib.crc32(data[start + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return NO_END if end > len(data) else f"the checksum of {kind.decode()} is wrong"
        if kind == b"IEND" and end <= len(data):
            return ""
    return NO_END


def _chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Name, first byte and end of each chunk up to IEND: a length of 4 bytes, the name, the data, 4 of checksum."""
    place = _SIGNATURE
    while place < len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        kind = data[place + 4 : place + 8]
        end = place + 12 + length
        yield kind, place, end
        if kind == b"IEND":
            return
        place = end
