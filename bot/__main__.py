"""`python -m bot` is `keepcurrent`."""

from bot.cli import program

raise SystemExit(program())
