"""The `assetctl` command: what runs before anything else is loaded."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line and end the process with the contract's exit code."""
    try:
        # Loading takes a moment; Ctrl-C in it must end as quietly as later.
        from assetctl.cli.app import app  # noqa: PLC0415

        app()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
