"""A database as the existing system keeps it: quoted names, cuids as ids, times without a zone, and some odd rows."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import psycopg

TABLES = {
    "User": "id text PRIMARY KEY, name text, email text NOT NULL, image text, role text NOT NULL, username text, \"createdAt\" timestamp(3) NOT NULL, \"updatedAt\" timestamp(3) NOT NULL",
    "PatternWorkspace": "id text PRIMARY KEY, \"patternType\" text NOT NULL, name text NOT NULL, category text NOT NULL, status text NOT NULL, version text NOT NULL, \"createdAt\" timestamp(3) NOT NULL, \"updatedAt\" timestamp(3) NOT NULL, \"implementedAt\" timestamp(3), \"approvedAt\" timestamp(3), \"verifiedAt\" timestamp(3), description text, \"userReasoning\" text, \"identificationSteps\" jsonb, attachments text[], rules jsonb, constraints jsonb, \"commonMistakes\" jsonb, \"lastTestedAt\" timestamp(3), \"createdById\" text NOT NULL, \"approvedById\" text, \"verifiedById\" text",
    "PatternSession": "id text PRIMARY KEY, name text NOT NULL, symbol text NOT NULL, timeframe text NOT NULL, \"startTime\" timestamp(3), \"endTime\" timestamp(3), \"patternType\" text NOT NULL, \"patternVersion\" text NOT NULL, \"patternSettings\" jsonb, \"workspaceId\" text, \"candleData\" jsonb, \"createdById\" text NOT NULL, status text NOT NULL, description text, \"createdAt\" timestamp(3) NOT NULL, \"updatedAt\" timestamp(3) NOT NULL",
    "PatternDetection": "id text PRIMARY KEY, \"sessionId\" text NOT NULL, \"candleIndex\" int NOT NULL, \"candleTime\" timestamp(3) NOT NULL, price float8 NOT NULL, \"detectionType\" text NOT NULL, structure text, confidence float8, status text NOT NULL, \"createdAt\" timestamp(3) NOT NULL",
    "PatternCorrection": "id text PRIMARY KEY, \"sessionId\" text NOT NULL, \"detectionId\" text, \"userId\" text NOT NULL, \"correctionType\" text NOT NULL, \"originalIndex\" int, \"originalTime\" timestamp(3), \"originalPrice\" float8, \"originalType\" text, \"correctedIndex\" int, \"correctedTime\" timestamp(3), \"correctedPrice\" float8, \"correctedType\" text, \"correctedStructure\" text, reason text NOT NULL, attachments jsonb, status text NOT NULL, \"createdAt\" timestamp(3) NOT NULL, \"updatedAt\" timestamp(3) NOT NULL",
    "PatternComment": "id text PRIMARY KEY, \"sessionId\" text NOT NULL, \"userId\" text NOT NULL, content text NOT NULL, \"editedAt\" timestamp(3), \"createdAt\" timestamp(3) NOT NULL",
    "PatternVote": "id text PRIMARY KEY, \"userId\" text NOT NULL, value int NOT NULL",
    "WorkspaceMessage": "id text PRIMARY KEY, \"workspaceId\" text NOT NULL, type text NOT NULL, \"createdAt\" timestamp(3) NOT NULL, \"authorId\" text, \"authorType\" text NOT NULL, title text, content text, data jsonb, attachments text[], \"sessionId\" text, \"executionId\" text, status text, progress int",
    "ClaudeExecution": "id text PRIMARY KEY, \"workspaceId\" text NOT NULL, \"triggeredBy\" text NOT NULL, \"triggeredAt\" timestamp(3) NOT NULL, status text NOT NULL, phase text, progress int NOT NULL, \"completedAt\" timestamp(3), \"filesChanged\" text[], \"commitHash\" text, \"deployUrl\" text, \"deployStatus\" text, \"retryCount\" int NOT NULL, \"maxRetries\" int NOT NULL, \"parentExecutionId\" text, error text",
    "ImplementationSession": "id text PRIMARY KEY, \"sessionId\" text, \"feedbackIds\" text[], title text NOT NULL, type text NOT NULL, phase text NOT NULL, status text NOT NULL, progress int NOT NULL, \"retryCount\" int NOT NULL, \"maxRetries\" int NOT NULL, \"createdById\" text NOT NULL, \"createdAt\" timestamp(3) NOT NULL, \"updatedAt\" timestamp(3) NOT NULL",
    "Feedback": "id text PRIMARY KEY, \"userId\" text NOT NULL",
    "Billing": "id text PRIMARY KEY",
}  # fmt: skip
START = datetime(2025, 3, 1)
CANDLES = 60


def cuid(prefix: str, number: int) -> str:
    return f"c{prefix}{number:021d}"


def place_of(detection: int) -> int:
    """The candle of a session's detection; no two of sixty share one."""
    return (detection * 3 + detection // (CANDLES // 3)) % CANDLES


class ExistingSystem:
    """Fills the tables; `sessions` of them, each with `detections` marks and `corrections` judgements."""

    def __init__(self, url: str) -> None:
        self.connection = psycopg.connect(url, autocommit=True)
        for name, columns in TABLES.items():
            self.connection.execute(f'CREATE TABLE "{name}" ({columns})')

    def add(self, table: str, **values: Any) -> None:
        names = ", ".join(f'"{name}"' for name in values)
        places = ", ".join("%s" for _ in values)
        given = [
            json.dumps(v) if isinstance(v, dict) or (isinstance(v, list) and name in JSON) else v
            for name, v in values.items()
        ]
        self.connection.execute(f'INSERT INTO "{table}" ({names}) VALUES ({places})', given)

    def fill(self, *, sessions: int, detections: int, corrections: int) -> None:
        at = START
        for number, role in enumerate(("ADMIN", "USER", "guest"), start=1):
            self.add("User", id=cuid("u", number), name=f"Person {number}", email=f"P{number}@old.example", role=role,
                     createdAt=at, updatedAt=at)  # fmt: skip
        self.add("PatternWorkspace", id=cuid("w", 1), patternType="Order Blocks", name="Order blocks", category="order_blocks",
                 status="verified", version="2.1.0", createdAt=at, updatedAt=at, implementedAt=at, approvedAt=at, verifiedAt=at,
                 description="Last opposite candle", identificationSteps=["Find the break", {"text": "Go back"}],
                 attachments=[], rules=["Closed bars only"], createdById=cuid("u", 1), approvedById=cuid("u", 2),
                 verifiedById=cuid("u", 1))  # fmt: skip
        with self.connection.pipeline():
            self._fill_sessions(sessions, detections, corrections)
        self.add("ClaudeExecution", id=cuid("e", 1), workspaceId=cuid("w", 1), triggeredBy=cuid("u", 1), triggeredAt=at,
                 status="completed", phase="deploying", progress=100, completedAt=at, filesChanged=["a.py"], retryCount=0,
                 maxRetries=10, deployUrl="https://old.example", deployStatus="success")  # fmt: skip
        self.add("ClaudeExecution", id=cuid("e", 2), workspaceId=cuid("w", 1), triggeredBy=cuid("u", 1), triggeredAt=at,
                 status="running", phase="testing", progress=40, filesChanged=[], retryCount=0, maxRetries=10,
                 parentExecutionId=cuid("e", 1))  # fmt: skip
        self.add("WorkspaceMessage", id=cuid("m", 1), workspaceId=cuid("w", 1), type="status_changed", createdAt=at,
                 authorId=cuid("u", 1), authorType="user", title="Verified", data={"previousStatus": "in_review", "newStatus": "verified"},
                 attachments=[])  # fmt: skip
        self.add("WorkspaceMessage", id=cuid("m", 2), workspaceId=cuid("w", 1), type="claude_thinking", createdAt=at,
                 authorType="claude", content="Let me look.", data={"x": 1}, attachments=[], executionId=cuid("e", 1))  # fmt: skip
        self.add(
            "PatternComment",
            id=cuid("c", 1),
            sessionId=cuid("s", 1),
            userId=cuid("u", 3),
            content="Nice one",
            createdAt=at,
        )
        self.add("ImplementationSession", id=cuid("i", 1), sessionId=cuid("s", 1), feedbackIds=[cuid("k", 1000)],
                 title="First build", type="pattern", phase="done", status="completed", progress=100, retryCount=0, maxRetries=3,
                 createdById=cuid("u", 1), createdAt=at, updatedAt=at)  # fmt: skip
        self.add("PatternVote", id=cuid("v", 1), userId=cuid("u", 1), value=1)

    def _fill_sessions(self, sessions: int, detections: int, corrections: int) -> None:
        rng = np.random.default_rng(7)
        for s in range(sessions):
            made = START + timedelta(hours=s)
            price = 100 + s + rng.normal(0, 1, CANDLES).cumsum() * 0.1
            candles = [
                {"time": int((made + timedelta(minutes=5 * i)).replace(tzinfo=UTC).timestamp()), "open": float(p),
                 "high": float(p) + 1, "low": float(p) - 1, "close": float(p), "volume": 1} for i, p in enumerate(price)
            ]  # fmt: skip
            self.add("PatternSession", id=cuid("s", s), name=f"Session {s}", symbol="EURUSD", timeframe="5m",
                     patternType="Order Blocks" if s % 2 else "choch", patternVersion="1.2.0",
                     workspaceId=cuid("w", 1) if s % 2 else None, candleData=candles, createdById=cuid("u", 2),
                     status="completed", createdAt=made, updatedAt=made)  # fmt: skip
            for d in range(detections):
                index = place_of(d)
                self.add("PatternDetection", id=cuid("d", s * 1000 + d), sessionId=cuid("s", s), candleIndex=index,
                         candleTime=made + timedelta(minutes=5 * index), price=float(price[index]),
                         detectionType="Bullish OB" if d % 2 else "swing_high", status="active", createdAt=made)  # fmt: skip
            for c in range(corrections):
                missed = c % 2 == 0
                self.add("PatternCorrection", id=cuid("k", s * 1000 + c), sessionId=cuid("s", s),
                         detectionId=None if missed else cuid("d", s * 1000 + c), userId=cuid("u", 1 + c % 2),
                         correctionType="missed" if missed else "false_positive", correctedIndex=c + 1 if missed else None,
                         correctedTime=made + timedelta(minutes=5 * (c + 1)), correctedType="Bullish OB",
                         reason=f"Because {c}", status="resolved" if c == 1 else "pending", createdAt=made, updatedAt=made)  # fmt: skip

    def add_odd_rows(self) -> None:
        """Each of them can't be moved as it stands, or only with something left out."""
        at = START + timedelta(days=900)
        self.add("User", id=cuid("u", 90), name=None, email="nobody", role="USER", createdAt=at, updatedAt=at)
        self.add("PatternSession", id=cuid("s", 90000), name="Candles that go backwards", symbol="X", timeframe="1d",
                 patternType="💡", patternVersion="latest", candleData=[{"time": 2, "open": 1, "high": 1, "low": 1, "close": 1},
                 {"time": 1, "open": 1, "high": 1, "low": 1, "close": 1}], createdById="gone", status="weird", createdAt=at,
                 updatedAt=at)  # fmt: skip
        self.add("PatternDetection", id=cuid("d", 900_000_000), sessionId=cuid("s", 1), candleIndex=CANDLES + 5, candleTime=at,
                 price=float("inf"), detectionType="swing", status="active", createdAt=at)  # fmt: skip
        self.add("PatternDetection", id=cuid("d", 900_000_001), sessionId="gone", candleIndex=0, candleTime=at, price=1.0,
                 detectionType="swing", status="active", createdAt=at)  # fmt: skip
        self.add("PatternCorrection", id=cuid("k", 900_000_000), sessionId=cuid("s", 1), detectionId=cuid("d", 1001),
                 userId=cuid("u", 2), correctionType="false_positive", reason="Again", status="pending", createdAt=at,
                 updatedAt=at)  # fmt: skip
        self.add("PatternCorrection", id=cuid("k", 900_000_001), sessionId=cuid("s", 1), userId="gone", correctionType="other",
                 reason="A remark by somebody who left", status="pending", createdAt=at, updatedAt=at)  # fmt: skip
        self.add(
            "PatternComment", id=cuid("c", 90), sessionId=cuid("s", 1), userId=cuid("u", 1), content="  ", createdAt=at
        )
        self.add("ImplementationSession", id=cuid("i", 90), sessionId=None, feedbackIds=[], title="An indicator", type="x",
                 phase="x", status="failed", progress=-5, retryCount=0, maxRetries=3, createdById=cuid("u", 1), createdAt=at,
                 updatedAt=at)  # fmt: skip


JSON = {"identificationSteps", "rules", "constraints", "commonMistakes", "candleData", "data", "patternSettings"}
