from __future__ import annotations

import os
import signal
import threading

import pytest

from transduce.training.interrupt import catch_signals


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_becomes_a_request_and_the_old_handler_comes_back(number: signal.Signals) -> None:
    seen: list[int] = []
    before = signal.signal(number, lambda got, frame: seen.append(got))
    try:
        with catch_signals() as stop:
            assert not stop.requested
            os.kill(os.getpid(), number)
            assert stop.requested
            assert stop.signal == number.name
        assert not seen
        os.kill(os.getpid(), number)
        assert seen == [number]
    finally:
        signal.signal(number, before)


@pytest.mark.parametrize("first", [signal.SIGINT, signal.SIGTERM])
def test_a_second_ctrl_c_stops_at_once_and_restores(first: signal.Signals) -> None:
    before = signal.getsignal(signal.SIGINT)

    def impatient() -> None:
        with catch_signals():
            os.kill(os.getpid(), first)
            os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        impatient()
    assert signal.getsignal(signal.SIGINT) is before


def test_a_second_sigterm_still_lets_the_state_be_saved() -> None:
    with catch_signals() as stop:
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGTERM)
        assert stop.requested


def test_in_another_thread_nothing_is_caught_and_nothing_breaks() -> None:
    before = signal.getsignal(signal.SIGINT)
    seen: list[object] = []

    def work() -> None:
        with catch_signals() as stop:
            seen.extend([stop.requested, signal.getsignal(signal.SIGINT) is before])

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [False, True]
