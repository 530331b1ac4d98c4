"""Zip files from anywhere, opened only if they are as plain as those that this program writes.

Nothing in them is compressed, so that nothing grows when it is unpacked; their directory is small,
so that reading it takes no memory worth mentioning; and the sizes they claim fit into the file.
"""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

from rnn.store.errors import TransferError

LARGEST_FILE = 1 << 30  # bytes
LARGEST_DIRECTORY = 1 << 16  # bytes; a member takes about a hundred

_END = struct.Struct("<4s4H2LH")  # of the end of the central directory, APPNOTE.TXT 4.3.16
_LOCATOR = 20  # bytes; of the zip64 end of central directory locator, 4.3.15
_ENCRYPTED = 0x1


@contextmanager
def opened(file: IO[bytes]) -> Iterator[zipfile.ZipFile]:
    """The zip in an open, seekable file. Raises TransferError for one that is not plain."""
    size = file.seek(0, io.SEEK_END)
    if size > LARGEST_FILE:
        raise TransferError(f"The file is larger than {LARGEST_FILE >> 20:,} MB; it is refused.")
    _require_small_directory(file, size)
    with zipfile.ZipFile(file) as archive:
        _require_plain(archive.infolist(), size)
        yield archive


def _require_small_directory(file: IO[bytes], size: int) -> None:
    """Look at the end of the file alone: `zipfile` reads the whole directory when it opens one."""
    file.seek(max(0, size - _END.size - _LOCATOR))
    tail = file.read()
    if len(tail) < _END.size:
        raise zipfile.BadZipFile("too short for a zip")
    signature, *_, directory, _, comment = _END.unpack(tail[-_END.size :])
    if signature != b"PK\5\6" or comment or tail.startswith(b"PK\6\7"):
        raise zipfile.BadZipFile("not the end of a zip as this program writes it")
    if directory > LARGEST_DIRECTORY:
        raise TransferError("The file holds more members than any exported run; it is refused.")


def _require_plain(members: list[zipfile.ZipInfo], size: int) -> None:
    for member in members:
        if member.compress_type != zipfile.ZIP_STORED or member.flag_bits & _ENCRYPTED:
            raise TransferError("The file was packed by another program; it is refused.")
    if len({member.filename for member in members}) < len(members):
        raise TransferError("The file holds two members of the same name; it is refused.")
    if sum(member.file_size for member in members) > size:
        raise TransferError("The file claims to hold more than it can; it is refused.")
