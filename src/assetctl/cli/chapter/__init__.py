"""Chapters on the command line: which one is meant, how a run of it is made, shown, told and reported."""
