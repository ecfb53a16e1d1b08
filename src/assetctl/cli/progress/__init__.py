"""What is shown on stderr while a command waits: a bar on a terminal, lines or JSON elsewhere, nothing when quiet."""
