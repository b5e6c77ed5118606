"""Lists as CSV files."""

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Any

from fastapi.responses import StreamingResponse
from pydantic_core import to_json

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")


def csv_response(records: Iterable[Any], columns: tuple[str, ...], filename: str) -> StreamingResponse:
    """Stream records as a CSV file, one line each, without holding them all in memory."""
    return StreamingResponse(
        _lines(records, columns),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"},
    )


def _lines(records: Iterable[Any], columns: tuple[str, ...]) -> Iterator[str]:
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(columns)
    yield buffer.getvalue()
    for record in records:
        buffer.seek(0)
        buffer.truncate()
        writer.writerow([_cell(getattr(record, name)) for name in columns])
        yield buffer.getvalue()


def _cell(value: Any) -> Any:
    """Write a value so that a spreadsheet shows it and never runs it."""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA_STARTS) else value
    if isinstance(value, (list, dict)):
        return to_json(value).decode()
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat() if hasattr(value, "isoformat") else value
