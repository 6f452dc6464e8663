"""`GET /exports/{report}.csv|.json|.parquet` with `Authorization: Bearer`: exports for machines, with ETag and gzip.

The report is written to a temporary file first, so that its ETag is known and a client that has it already gets 304.
"""

from __future__ import annotations

import hashlib
import re
import tempfile
import zlib
from collections.abc import Iterator
from typing import IO, Final

from starlette.concurrency import iterate_in_threadpool, run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from services import access_tokens, limiting
from services.database.engine import transaction
from services.errors import InvalidInput, NotAllowed
from services.exports.files import CONTENT_TYPES, Format, write

_NAME: Final = re.compile(r"([a-z][a-z0-9_]{0,62})\.(csv|json|parquet)")
_CHUNK: Final = 64 * 1024
_IN_MEMORY: Final = 1 << 20  # bytes, before the file goes to disk
_GZIP_WBITS: Final = 31


def bearer(request: Request) -> str | None:
    """The token of the Authorization header, or None."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


async def answer(request: Request, secret: str) -> Response:
    """The report that the address names, for the bearer of a token for it.

    Query parameters are the report's filters. Raises NotAllowed, InvalidInput, NotFound, each with its sentence.
    """
    match = _NAME.fullmatch(str(request.path_params["name"]))
    if match is None:
        raise InvalidInput("An export is asked for as /exports/REPORT.csv, .json or .parquet.")
    report, format = match[1], Format(match[2])
    address = request.client.host if request.client else ""
    limiting.check("wrong_token", address)
    file, tag = await run_in_threadpool(_written, secret, report, format, dict(request.query_params), address)
    headers = {
        "Cache-Control": "private, no-cache",
        "ETag": tag,
        "Vary": "Authorization, Accept-Encoding",
        "Content-Disposition": f'attachment; filename="{report}.{format}"',
    }
    known = {part.strip() for part in request.headers.get("if-none-match", "").split(",")}
    if tag in known or "*" in known:
        file.close()
        return Response(status_code=304, headers=headers)
    chunks = _chunks(file)
    if format != Format.PARQUET and _takes_gzip(request.headers.get("accept-encoding", "")):
        headers["Content-Encoding"] = "gzip"
        chunks = _gzipped(chunks)
    return StreamingResponse(iterate_in_threadpool(chunks), media_type=CONTENT_TYPES[format], headers=headers)


def _written(secret: str, report: str, format: Format, filters: dict[str, str], address: str) -> tuple[IO[bytes], str]:
    """The file, at its beginning, and its ETag: weak, because gzip changes the bytes and not the content."""
    try:
        with transaction() as session:
            actor = access_tokens.use(session, secret, report=report)
    except NotAllowed:
        limiting.spend("wrong_token", address)
        raise
    limiting.spend("export", actor.id)
    file: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY)  # noqa: SIM115  # closed when it was sent
    try:
        write(report, filters, file, format=format, actor_id=actor.id)
        file.seek(0)
        digest = hashlib.sha256()
        while block := file.read(_CHUNK):
            digest.update(block)
        file.seek(0)
    except BaseException:
        file.close()
        raise
    return file, f'W/"{digest.hexdigest()[:32]}"'


def _chunks(file: IO[bytes]) -> Iterator[bytes]:
    with file:
        while block := file.read(_CHUNK):
            yield block


def _gzipped(chunks: Iterator[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(5, zlib.DEFLATED, _GZIP_WBITS)
    for chunk in chunks:
        if packed := packer.compress(chunk):
            yield packed
    yield packer.flush()


def _takes_gzip(accepted: str) -> bool:
    for part in accepted.lower().split(","):
        name, _, options = part.strip().partition(";")
        if name.strip() in ("gzip", "*"):
            return options.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False
