"""`python -m bot` is `keepcurrent`."""

from bot.cli import main

raise SystemExit(main())
