"""Generators, the jobs they run, the journal that remembers them and the pauses between looks."""
