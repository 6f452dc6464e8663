"""Reports of the gate, kept by what they are about, so that the same code isn't run through it twice."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
import uuid
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np

from services.codec import Codec, DoesNotFit
from services.detectors.bundle import code_sha256
from services.detectors.gate.plan import GATE_VERSION, Profile
from services.detectors.gate.report import ContractReport
from services.detectors.isolation import isolation
from services.detectors.types import Candles, Params
from services.errors import DetectorError

_REPORT = Codec(ContractReport, "contract report")
MOST = 500  # reports that are kept, the newest
_PASSING = {"timeout", "crash", "memory", "isolation", "missing"}  # what may be the machine's fault, not the code's


def salt(folder: Path) -> str:
    """A text that only this installation has, made on the first call; empty where the folder can't be written."""
    file = folder / "contracts" / "salt"
    try:
        if not file.exists():
            file.parent.mkdir(parents=True, exist_ok=True)
            temporary = file.with_name(f".salt.{uuid.uuid4().hex}")
            temporary.touch(mode=0o600)
            temporary.write_text(secrets.token_hex(16), encoding="ascii")
            try:
                os.link(temporary, file)  # the first of several wins
            except FileExistsError:
                pass
            temporary.unlink()
        return file.read_text(encoding="ascii").strip()
    except OSError:
        return ""


def key(
    root: Path, pattern_type: str, params: Params, own: Candles | None, salt: str, size: Profile, form: str | None
) -> str | None:
    """The name of a report; None when the code can't be read."""
    try:
        code = code_sha256(root, pattern_type)
    except DetectorError:
        return None
    candles = "" if own is None else hashlib.sha256(own.tobytes()).hexdigest()
    facts = [
        GATE_VERSION,
        pattern_type,
        code,
        dict(params),
        candles,
        salt,
        asdict(size),
        form or isolation(),
        platform.python_version(),
        np.__version__,
    ]
    return hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()


def read(folder: Path, name: str) -> ContractReport | None:
    """A kept report, marked as such; None when there is none that can be read."""
    try:
        return replace(_REPORT.from_text((folder / f"{name}.json").read_bytes()), cached=True)
    except (OSError, DoesNotFit):
        return None


def write(folder: Path, name: str, report: ContractReport) -> None:
    """Keep a report, unless what failed may have been the machine's fault; a full disk only means running it again."""
    if any(not c.passed and c.kind in _PASSING for c in report.checks):
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
        temporary = folder / f".{name}.{uuid.uuid4().hex}"
        temporary.write_text(_REPORT.to_text(report), encoding="utf-8")
        os.replace(temporary, folder / f"{name}.json")
        reports = sorted(folder.glob("*.json"), key=lambda f: f.stat().st_mtime, reverse=True)
        for old in reports[MOST:]:
            old.unlink(missing_ok=True)
    except OSError:
        return
