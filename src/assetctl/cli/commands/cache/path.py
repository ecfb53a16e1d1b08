"""`assetctl cache path`."""

from __future__ import annotations

from assetctl.cli.options import Json
from assetctl.cli.session import printer_for
from assetctl.cli.state import CliState, shared_options, takes
from assetctl.wiring import DataFolder


@takes(state=shared_options)
def show_path(as_json: Json = False, *, state: CliState) -> int:
    """The folder of the cache."""
    printer = printer_for(state, as_json=as_json)
    folder = DataFolder(state.load_settings().data_dir).cache
    if as_json:
        printer.document({"path": str(folder)})
    else:
        printer.path(folder)
    return 0
