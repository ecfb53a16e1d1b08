"""`assetctl cache`: what is cached, and getting rid of it. One file per command; a new one is a line here."""

from __future__ import annotations

from assetctl.cli.commands.cache.clear import clear
from assetctl.cli.commands.cache.ls import list_entries
from assetctl.cli.commands.cache.path import show_path
from assetctl.cli.commands.cache.pin import pin, unpin
from assetctl.cli.commands.cache.prune import prune
from assetctl.cli.commands.cache.show import show_entry
from assetctl.cli.commands.cache.stats import show_statistics
from assetctl.cli.commands.cache.undo import undo
from assetctl.cli.commands.cache.verify import verify
from assetctl.cli.state import command_app

app = command_app("Look after the cache.")
app.command("ls", epilog="Example: assetctl cache ls --scene romance_5 --sort size")(list_entries)
app.command("show", epilog="Example: assetctl cache show 5f3a9c")(show_entry)
app.command("stats", epilog="Example: assetctl cache stats --json")(show_statistics)
app.command("pin", epilog="Example: assetctl cache pin --scene romance_5")(pin)
app.command("unpin", epilog="Example: assetctl cache unpin --scene romance_5")(unpin)
app.command("verify", epilog="Example: assetctl cache verify --budget 60s")(verify)
app.command("path", epilog="Example: assetctl cache path")(show_path)
app.command("clear", epilog="Example: assetctl cache clear --scene romance_5 --dry-run")(clear)
app.command("prune", epilog="Example: assetctl cache prune --max-size 10GB --dry-run")(prune)
app.command("undo", epilog="Example: assetctl cache undo")(undo)
