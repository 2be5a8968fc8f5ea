"""Opens a file of receipts, tells its format by its content and fingerprints it.

The fingerprint is of the text after decompression, so that the same data packed twice is the same file.
"""

from __future__ import annotations

import gzip
import hashlib
import re
import zlib
from pathlib import Path

from loadtest.receipts import cdnow, online_retail
from loadtest.receipts.model import Reading, Source, UnusableInputError

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"
# The whole of Online Retail is 46 MB as text; ten times that is somebody else's file.
BYTES_MAX = 512 * 1024 * 1024

_CDNOW_HEADER = re.compile(r"\s*customer_id\s+date\s+number_of_cds\s+dollar_value\s*", re.IGNORECASE)
_CDNOW_ROW = re.compile(r"\s*\d+(\s+\d+)?\s+\d{8}\s+\d+\s+\d+\.\d+\s*")


def load(path: Path) -> tuple[str, str]:
    """Text and SHA-256 (hex) of a file, plain or gzip, UTF-8 or Latin-1. Raises UnusableInputError."""
    try:
        raw = path.read_bytes()
        if raw.startswith(GZIP_MAGIC):
            with gzip.open(path) as packed:
                raw = packed.read(BYTES_MAX + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise UnusableInputError(f"can't read {path}: {error}") from error
    if raw.startswith(ZIP_MAGIC):
        raise UnusableInputError(f"{path} is a ZIP or a spreadsheet: save the sheet as CSV")
    if len(raw) > BYTES_MAX:
        raise UnusableInputError(f"{path} is larger than {BYTES_MAX} bytes")
    fingerprint = hashlib.sha256(raw).hexdigest()
    try:
        return raw.decode("utf-8-sig"), fingerprint
    except UnicodeDecodeError:
        return raw.decode("latin-1"), fingerprint


def detect(text: str) -> Source:
    """The format, by the first line that isn't blank. Raises UnusableInputError for any other file."""
    first = next((line for line in text[:10_000].splitlines() if line.strip()), "")
    if online_retail.is_header(first):
        return Source.ONLINE_RETAIL
    if _CDNOW_HEADER.fullmatch(first) or _CDNOW_ROW.fullmatch(first):
        return Source.CDNOW
    raise UnusableInputError(
        "neither Online Retail (CSV with a header InvoiceNo,StockCode,…) nor CDNOW (id, date yyyymmdd, CDs, money)"
    )


def read(text: str) -> Reading:
    """The receipts of a file. Raises UnusableInputError when there are none."""
    source = detect(text)
    reading = online_retail.read(text) if source is Source.ONLINE_RETAIL else cdnow.read(text)
    if not reading.receipts:
        raise UnusableInputError("the file has a known format and no receipt")
    return reading
