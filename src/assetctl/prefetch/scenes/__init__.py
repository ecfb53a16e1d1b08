"""Chapters that stand in a game's backend: its scenes as graphs, walked, named and written down as a manifest."""
