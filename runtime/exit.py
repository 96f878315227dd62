"""How a command ends: everything flushed, then out at once.

A short-lived process that used the Temporal client can abort while the interpreter shuts down
(temporalio/sdk-python issue 300), which would turn a success into a crash. Leaving by `os._exit`
skips that. It also skips `atexit` and `finally`: close what you opened before you call this.
"""

import contextlib
import logging
import os
import sys
from typing import NoReturn


def end_process(code: int) -> NoReturn:
    """Flush logs and standard streams, then leave with this exit code."""
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        # A reader that has gone away (`c2c ... | head`) must not change the exit code.
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
    os._exit(code)
