"""What a process owes to itself that will live for days."""

from __future__ import annotations

import gc


def settle() -> None:
    """Keep memory flat from now on: to be called when everything that stays has been loaded.

    The command line makes Python look for garbage rarely, because it starts sooner so (terminal.py). What requests leave
    behind in cycles would then be kept for hours, half a megabyte a minute under overload. Looked for often it costs
    little: what is frozen is not looked through.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(700, 10, 10)  # Python's own
