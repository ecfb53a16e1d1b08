"""The whole cache looked at closely: files without rows, rows without bytes, and what can be put right."""
