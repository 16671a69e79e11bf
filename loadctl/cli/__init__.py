"""One file per command: parse, call, print, exit. Nothing else knows Typer."""
