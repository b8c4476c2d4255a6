"""Groups of commands, one file each; `ops/cli.py` puts them together."""
