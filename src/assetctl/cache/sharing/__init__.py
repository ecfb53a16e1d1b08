"""Answers that a group shares, in a folder to which each member adds files of their own."""
