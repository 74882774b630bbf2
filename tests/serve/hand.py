"""Workers that are not like others, for tests: python -m tests.serve.hand KIND.

explains   explains a text by saying what it was given
mortal     is killed by the sentence "six six"
picky      fails at the sentence "six six"
loud       prints to stdout while it works
deaf       never gives up the sentence "six six"
mute       explains nothing
slow       explains and scores without ever coming to an end
"""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Sequence
from typing import Any

from transduce.serve.wire import own_streams

PAGE = (
    "<!doctype html><head><meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; script-src 'x'\">"
    "<title>{}</title>"
)


def explain_page(model: Any, text: str, options: dict[str, Any]) -> str:
    if text.startswith("bare"):
        return "<title>bare</title>"
    if text.startswith("late"):  # a policy only in what came from outside
        return "<title></title>" + PAGE
    return PAGE.format(f"{text!r} {options}")


def main(kind: str) -> None:
    orders, replies = own_streams()
    from transduce.explain.trace import trace
    from transduce.serve import worker
    from transduce.transducer import Transducer

    decode = worker.decode

    def odd(model: Any, sources: Sequence[Sequence[int]], **options: Any) -> Any:
        if kind == "loud":
            print("words in the way of frames", flush=True)
            os.write(1, b"and more of them\n")
        if any(len(source) and list(source) == bad for source in sources):
            if kind == "mortal":
                os.kill(os.getpid(), signal.SIGKILL)
            if kind == "picky":
                raise ValueError("this one")
            if kind == "deaf":
                while True:
                    time.sleep(0.01)
        return decode(model, sources, **options)

    bad: list[int] = []
    opened = worker.Worker._open

    def open_and_learn(self: Any, order: Any) -> Any:
        nonlocal bad
        hello = opened(self, order)
        bad = next(iter(self._runs.values())).model.tokenizers.source.encode("six six")
        return hello

    worker.decode, worker.Worker._open = odd, open_and_learn  # type: ignore[assignment,method-assign]

    def explain(model: Any, text: str, options: dict[str, Any]) -> bytes:
        import msgspec

        return msgspec.json.encode(trace(model, text, **options))

    if kind == "slow":

        def endless(*arguments: Any, **options: Any) -> Any:
            while True:
                sum(range(1_000))

        Transducer.forced = explain = endless  # type: ignore[method-assign]
    if kind == "mute":
        worker.work(orders, replies)
    worker.work(orders, replies, explain=explain, explain_page=explain_page)


if __name__ == "__main__":
    main(sys.argv[1])
