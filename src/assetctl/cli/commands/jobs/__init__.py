"""`assetctl jobs`: the journal of generation jobs. One file per idea; a new command is a line here."""

from __future__ import annotations

from assetctl.cli.commands.jobs.cancel import cancel
from assetctl.cli.commands.jobs.collect import reconcile, resume, wait
from assetctl.cli.commands.jobs.ls import list_jobs
from assetctl.cli.commands.jobs.show import show_jobs
from assetctl.cli.state import command_app

app = command_app("Look after generation jobs.")
app.command("ls", epilog="Example: assetctl jobs ls --all")(list_jobs)
app.command("show", epilog="Example: assetctl jobs show sb-0123456789abcdef01234567")(show_jobs)
app.command("wait", epilog="Example: assetctl jobs wait sb-0123456789abcdef01234567 --max-wait 10m")(wait)
app.command("resume", epilog="Example: assetctl jobs resume")(resume)
app.command("cancel", epilog="Example: assetctl jobs cancel sb-0123456789abcdef01234567")(cancel)
app.command("reconcile", epilog="Example: assetctl jobs reconcile")(reconcile)
