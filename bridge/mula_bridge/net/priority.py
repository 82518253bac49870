"""A place before ordinary programs for the threads that sound and controls depend on, and one
behind them for work that nobody waits for."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

T = TypeVar("T")

_NICE: Final = -11
"""What PulseAudio and PipeWire ask for where they get no real-time scheduling."""
_REAL_TIME: Final = 2
"""Above ordinary programs, below the system's own threads and those of JACK's clients, our audio
callback among them: JACK gives them 5 when it runs at its usual 10, and threads of one priority
wait for each other."""
_FIRST: Final = 4
"""Between."""
_THREAD_PRIORITY_HIGHEST: Final = 2
_THREAD_PRIORITY_NORMAL: Final = 0
_THREAD_MODE_BACKGROUND_BEGIN: Final = 0x10000
_QOS_CLASS_USER_INTERACTIVE, _QOS_CLASS_DEFAULT, _QOS_CLASS_BACKGROUND = 0x21, 0x15, 0x09
_LEAST: Final = 19
"""The nice value of who goes last, where there is no SCHED_IDLE."""


def hurry(*, first: bool = False) -> None:
    """Let the calling thread, and those it begins, go before others. Never raises.

    ``first``: before our other ones too, for what must not wait for a frame to be made.

    As far as the system lets us: Linux grants it to root, and to whom limits.conf does
    ("@audio - rtprio 95", as JACK needs it, or "@audio - nice -19"). A nice value alone is
    weak where sessions are scheduled as groups (see sched(7), autogroup). For threads that
    mostly sleep.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(_FIRST if first else _REAL_TIME))
            return
    _place(_NICE, _THREAD_PRIORITY_HIGHEST, _QOS_CLASS_USER_INTERACTIVE)


def relax() -> None:
    """Let the calling thread have an ordinary place again. Never raises."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
            return
    _place(0, _THREAD_PRIORITY_NORMAL, _QOS_CLASS_DEFAULT)


def behind_others(work: Callable[[], T]) -> T:
    """Do ``work`` in a thread that lets all others go first, wait for its end, and return what it
    returns, or raise what it raises.

    In a thread of its own because without rights nobody gets out of that place again, as
    sched(7) says. Threads that the work begins stay in it, too. Any thread; one that holds what
    others wait for makes them wait for as long as the machine is busy.
    """
    with ThreadPoolExecutor(1, "behind others", _fall_behind) as thread:
        return thread.submit(work).result()


def _fall_behind() -> None:
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
            return
    _place(_LEAST, _THREAD_MODE_BACKGROUND_BEGIN, _QOS_CLASS_BACKGROUND)


def _place(nice: int, windows: int, quality: int) -> None:
    with contextlib.suppress(OSError, AttributeError):
        if sys.platform == "win32":
            import ctypes

            kernel = ctypes.windll.kernel32
            kernel.SetThreadPriority(kernel.GetCurrentThread(), windows)
        elif sys.platform == "darwin":
            import ctypes

            ctypes.CDLL(None).pthread_set_qos_class_self_np(quality, 0)
        else:
            os.setpriority(os.PRIO_PROCESS, 0, nice)  # of this thread only: see setpriority(2)
