"""The command line: the only room that knows Typer, Rich and the terminal."""
