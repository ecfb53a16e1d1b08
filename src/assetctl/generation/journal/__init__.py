"""The durable list of jobs: what was ordered, at whom, how far it came, and what a run may still spend.

The only room besides the cache that knows SQLite. `journal.py` is the face, `file.py` the file, `shape.py` what may
stand in it, `rows.py` its statements; `migration.py` brings an older one up to date.
"""

from assetctl.generation.journal.journal import Journal

__all__ = ["Journal"]
