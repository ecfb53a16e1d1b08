"""The rows in memory, and a log of them on disk that outlives a killed process.

Each change appends the whole row as one line, written at once and not synced: enough for a process that is killed, not
for a machine that loses power. The last line of a row is the row.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from service.messages import as_json
from service.rows import KINDS, Asset, Generation, Session, User

if TYPE_CHECKING:
    from pathlib import Path

    from service.rows import Row


class Store:
    """All rows by kind and id, and the values that are no rows. Saved means: it is there after a kill."""

    def __init__(self, folder: Path) -> None:
        self.users: dict[int, User] = {}
        self.sessions: dict[str, Session] = {}
        self.generations: dict[int, Generation] = {}
        self.assets: dict[int, Asset] = {}
        self.values: dict[str, Any] = {}
        self.tag_ids: dict[str, int] = {}
        self.files = folder / "files"
        self.files.mkdir(parents=True, exist_ok=True)
        self._tables: dict[str, dict[Any, Any]] = {
            "user": self.users,
            "session": self.sessions,
            "generation": self.generations,
            "asset": self.assets,
        }
        log = folder / "rows.jsonl"
        self._load(log)
        self._log = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def save(self, row: Row) -> None:
        document = row.document()
        self._tables[row.kind][document["id"]] = row
        os.write(self._log, as_json([row.kind, document]) + b"\n")

    def remove(self, row: Row) -> None:
        key = row.document()["id"]
        del self._tables[row.kind][key]
        os.write(self._log, as_json([row.kind, {"id": key, "gone": True}]) + b"\n")

    def keep(self, name: str, value: Any) -> None:
        """`values[name]` is this JSON value, now and after a restart."""
        self.values[name] = value
        os.write(self._log, as_json(["value", {"id": name, "value": value}]) + b"\n")

    def next_id(self, kind: str) -> int:
        """One more than any id ever given to this kind of row."""
        number = self.values.get(f"last {kind}", 0) + 1
        self.keep(f"last {kind}", number)
        return number

    def tag_id(self, slug: str) -> int:
        if slug not in self.tag_ids:
            self.tag_ids[slug] = self.next_id("tag")
            self.keep(f"tag {slug}", self.tag_ids[slug])
        return self.tag_ids[slug]

    def _load(self, log: Path) -> None:
        if not log.exists():
            return
        for line in log.read_bytes().splitlines():
            kind, document = json.loads(line)
            if kind == "value":
                self.values[document["id"]] = document["value"]
                if document["id"].startswith("tag "):
                    self.tag_ids[document["id"].removeprefix("tag ")] = document["value"]
            elif document.get("gone"):
                del self._tables[kind][document["id"]]
            else:
                self._tables[kind][document["id"]] = KINDS[kind].revived(document)
