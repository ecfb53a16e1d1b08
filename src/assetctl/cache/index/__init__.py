"""The disposable index: which key has which bytes, as rows to look up, list, count and add up."""
