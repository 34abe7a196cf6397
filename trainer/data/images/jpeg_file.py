"""What libjpeg passes over in a JPEG file, though a person would see it: pixels that are missing.

Pillow decodes as libjpeg does, and libjpeg takes any bits for pixels. A file whose second half is NULs, as a download
or a disk that gave up leaves it, comes out whole, with stripes. The markers are those of ITU-T T.81, table B.1.
"""

from __future__ import annotations

from trainer.data.images.formats import NO_END

_EOI, _SOS, _DHT = 0xD9, 0xDA, 0xC4
_PLAIN = {0x01, *range(0xD0, 0xDA)}  # markers without a length: TEM, RST0 to RST7, SOI, EOI
_HUFFMAN = {0xC0, 0xC1, 0xC2}  # frames that are coded by Huffman tables: baseline, extended, progressive
# NULs in a row that no image has. Where a code of zeros is no end of block (F.1.2.2), zeros are a texture of equal
# coefficients, with 2 + 63 * 3 bits a block in the usual tables: 64 bytes are over two blocks of it.
_NULS = bytes(64)


def mistake_in(data: bytes) -> str:
    """What is missing in a JPEG file; empty where nothing is found missing. Its header may be wrong all the same."""
    place, frame = 2, 0
    zero_is_end: dict[int, bool] = {}  # for each AC table, whether zeros end a block
    while True:
        place = data.find(b"\xff", place)
        if place < 0 or place + 1 >= len(data):
            return NO_END
        marker = data[place + 1]
        if marker in (0x00, 0xFF):
            place += 1
            continue
        if marker == _EOI:
            return ""
        if marker in _PLAIN:
            place += 2
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        segment = data[place + 4 : place + 2 + length]
        if 0xC0 <= marker <= 0xCF and marker not in (_DHT, 0xC8, 0xCC):
            frame = marker
        if marker == _DHT:
            zero_is_end |= _tables(segment)
        place += 2 + max(2, length)
        if marker != _SOS:
            continue
        end = _end_of_scan(data, place)
        if frame in _HUFFMAN and not _may_be_flat(segment, zero_is_end):
            hole = data.find(_NULS, place, end)
            if hole >= 0:
                return f"NUL bytes in place of pixels from byte {hole:,} on"
        place = end


def _tables(segment: bytes) -> dict[int, bool]:
    """For each AC table of a DHT segment, whether a code of zeros, the first, ends a block (its lower half is 0)."""
    found, place = {}, 0
    while place + 17 < len(segment):
        count = sum(segment[place + 1 : place + 17])
        if segment[place] >> 4 and count:
            found[segment[place] & 15] = segment[place + 17] & 15 == 0
        place += 17 + count
    return found


def _may_be_flat(scan: bytes, zero_is_end: dict[int, bool]) -> bool:
    """Whether zeros can stand for many blocks in a scan (B.2.3): nothing but ends of blocks, or refining bits."""
    count = scan[0] if scan else 0
    if len(scan) < 4 + 2 * count:
        return True
    last_coefficient, approximation = scan[2 + 2 * count : 4 + 2 * count]
    if last_coefficient == 0 or approximation >> 4:  # DC alone, or a refinement
        return True
    tables = [scan[2 + 2 * component] & 15 for component in range(count)]
    return all(zero_is_end.get(table, True) for table in tables)


def _end_of_scan(data: bytes, place: int) -> int:
    """The place of the next marker that is neither a stuffed 0xFF nor a restart."""
    while (place := data.find(b"\xff", place)) >= 0:
        following = data[place + 1 : place + 2]
        if not following:
            break
        if following[0] != 0x00 and following[0] != 0xFF and not 0xD0 <= following[0] <= 0xD7:
            return place
        place += 1 if following[0] == 0xFF else 2
    return len(data)
