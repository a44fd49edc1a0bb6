"""Runs a module as a replica that does not outlive its group: `python -m components.train.group.guard`.

The arguments are the process id of the group, a module, and the arguments of that module. When the group's
process ends, however it ends, the kernel kills this one, also while it is stopped.
"""

from __future__ import annotations

import ctypes
import os
import runpy
import signal
import sys
from collections.abc import Sequence

_PR_SET_PDEATHSIG = 1


def main(arguments: Sequence[str]) -> None:
    """Binds this process to the group's, then becomes the module.

    Args:
        arguments: process id of the group, module, its arguments.
    """
    group, module, *rest = arguments
    ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # The group may have ended before the kernel knew.
    if os.getppid() != int(group):
        os.kill(os.getpid(), signal.SIGKILL)
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(sys.argv[1:])
