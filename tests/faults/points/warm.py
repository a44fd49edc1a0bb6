"""Forks a process for each command from one that has imported everything and run nothing.

Reads one JSON object a line (`program`, `arguments`, `fault`, `environment`, `directory`, `output`) and
answers with the exit status.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from pathlib import Path


def serve() -> None:
    import pipeline.cli
    import pipeline.execute
    import pipeline.kubeflow.entrypoint
    import pipeline.kubeflow.steps.finish
    import pipeline.kubeflow.steps.report
    import pipeline.kubeflow.webhook

    sys.argv[0] = "tandem"
    mains = {"tandem": pipeline.cli.main, "step": pipeline.kubeflow.entrypoint.main}
    _answer({"ready": True})
    for line in sys.stdin:
        request = json.loads(line)
        child = os.fork()
        if child == 0:
            os._exit(_run(mains[request["program"]], request))
        _, status = os.waitpid(child, 0)
        _answer({"status": os.waitstatus_to_exitcode(status)})


def _answer(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


def _run(main, request) -> int:
    from trainer import faults

    for descriptor, name in ((1, "out"), (2, "err")):
        file = os.open(Path(request["output"]) / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, descriptor)
    os.chdir(request["directory"])
    sys.argv[1:] = request["arguments"]
    os.environ.pop(faults.VARIABLE, None)
    os.environ.update(request["environment"])
    if request["fault"]:
        os.environ[faults.VARIABLE] = request["fault"]
    faults.rearm()
    try:
        main()
        status = 0
    except SystemExit as ended:
        status = int(ended.code or 0)
    except Exception:  # noqa: BLE001 - told to the test, which expects none
        traceback.print_exc()
        status = 99
    sys.stdout.flush()
    sys.stderr.flush()
    return status


if __name__ == "__main__":
    serve()
