"""Reports of a chapter: what became of each asset, for people and for machines, in a file of their own.

Pure writers: data goes in, text comes out piece by piece, so that a chapter of a million assets takes no memory.
Nothing here asks anybody anything, and nothing that came from outside reaches a page or a document unescaped.
"""
