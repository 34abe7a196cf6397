"""Which format a file has, by its first bytes. A file's name is never trusted."""

from __future__ import annotations

JPEG, PNG, TIFF, BMP, WEBP = "JPEG", "PNG", "TIFF", "BMP", "WebP"
FORMATS = (JPEG, PNG, TIFF, BMP, WEBP)  # those that are read
FORMATS_ALLOWED = "JPEG, PNG, TIFF, BMP or WebP"
NO_END = "it has no end"  # what is said of a file that was cut

# First bytes, from https://www.garykessler.net/library/file_sigs.html
_SIGNATURES = (
    (b"\xff\xd8\xff", JPEG),
    (b"\x89PNG\r\n\x1a\n", PNG),
    (b"GIF87a", "GIF"),
    (b"GIF89a", "GIF"),
    (b"BM", BMP),
    (b"II*\0", TIFF),
    (b"MM\0*", TIFF),
    (b"II+\0", TIFF),  # BigTIFF
    (b"MM\0+", TIFF),
    (b"%PDF", "PDF"),
    (b"PK\x03\x04", "ZIP archive"),
    (b"8BPS", "Photoshop"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\x01\0", "ICO"),
)


def content_format(head: bytes) -> str:
    """The format's name, or words for what was found in its place.

    Args:
        head: the file's first bytes, 64 of them where it has so many.
    """
    if not head:
        return "0 bytes"
    if head[:2] == b"BM" and (text := _text(head)):
        return f'text (it begins "{text}")'
    for signature, name in _SIGNATURES:
        if head.startswith(signature):
            return name
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return WEBP
    if head[4:8] == b"ftyp":
        brand = head[8:12].decode("latin-1")
        return {"heic": "HEIC", "mif1": "HEIC", "avif": "AVIF"}.get(brand, "video or HEIC container")
    text = _text(head)
    return f'text (it begins "{text}")' if text else f"no known image format (first bytes {head[:4].hex(' ')})"


def webp_size(head: bytes) -> tuple[int, int]:
    """Width and height of a WebP file by its first 30 bytes (RFC 9649, 2.5 to 2.7); 0 where it has no such header."""
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return 0, 0


def _text(head: bytes) -> str:
    """The first words, where the bytes are text; else nothing."""
    for cut in range(4):  # a letter of up to 4 bytes can be cut off at the end
        try:
            text = head[: len(head) - cut].decode("utf-8-sig")
        except UnicodeDecodeError:
            continue
        line = text.strip().splitlines()[0][:30] if text.strip() else ""
        return line if all(letter.isprintable() or letter in "\r\n\t" for letter in text) else ""
    return ""
