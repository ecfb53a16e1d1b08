"""Remembers short texts for a while: what libraries answered. The only room that knows diskcache.

Losing it costs a few requests and nothing else. Nothing in it is ever unpickled, opened as a file or removed as a file:
a row holds one JSON text that says what it is, or it is damage.
"""

from assetctl.cache.lookups.lookups import LONGEST_LIFE, LONGEST_TEXT, PAUSE_S, Lookups

__all__ = ["LONGEST_LIFE", "LONGEST_TEXT", "PAUSE_S", "Lookups"]
