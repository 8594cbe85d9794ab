"""The real program in a process of its own, as a person or a service manager starts it."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE = 30.0


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


def environment(**more: str) -> dict[str, str]:
    """Ours without settings of the person who runs the tests."""
    mine = {name: value for name, value in os.environ.items() if not name.startswith("KEEPCURRENT_")}
    return mine | {"PYTHONPATH": str(Path(__file__).parents[1]), "HOME": "/nonexistent", **more}


async def start(*args: str, cwd: Path, **env: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *args,
        cwd=cwd,
        env=environment(**env),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        # As a terminal starts it: where the tests run in the background, SIGINT is ignored, and that is inherited.
        preexec_fn=_heed_interrupts,
    )


def _heed_interrupts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)


async def finish(process: asyncio.subprocess.Process, *, within: float = PATIENCE) -> Result:
    try:
        out, err = await asyncio.wait_for(process.communicate(), within)
    except BaseException:
        if process.returncode is None:
            process.kill()
            await process.communicate()
        raise
    assert process.returncode is not None
    return Result(process.returncode, out.decode(), err.decode())


async def keepcurrent(*args: str, cwd: Path, **env: str) -> Result:
    """Run one command to its end."""
    return await finish(await start(*args, cwd=cwd, **env))


@asynccontextmanager
async def running(*args: str, cwd: Path, until: str) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a command that goes on, from the moment it logs `until`; killed at the end if it still runs."""
    process = await start(*args, cwd=cwd)
    assert process.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE):
            while until not in (line := (await process.stderr.readline()).decode()):
                assert line or process.returncode is None, "ended before it was ready"
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def eventually(true: Any, *, within: float = PATIENCE) -> None:
    """Wait until `true()` is; a bound, not a guess."""
    async with asyncio.timeout(within):
        while not true():
            await asyncio.sleep(0.02)
