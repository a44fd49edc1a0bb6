"""A simulation from file to outcome."""

from __future__ import annotations

import dataclasses
import datetime
import itertools
import json
import os
import shutil
import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from kfp.pipeline_spec import pipeline_spec_pb2 as ps

from pipeline.kubeflow.simulate import pod as pods
from pipeline.kubeflow.simulate.backend import Backend, Variant
from pipeline.kubeflow.simulate.cache import Cache
from pipeline.kubeflow.simulate.containers import Containers
from pipeline.kubeflow.simulate.document import Document, load
from pipeline.kubeflow.simulate.driver import Driver
from pipeline.kubeflow.simulate.engine import Engine
from pipeline.kubeflow.simulate.files import put, state_volume
from pipeline.kubeflow.simulate.launcher import Launcher, Runner
from pipeline.kubeflow.simulate.parameters import of_run
from pipeline.kubeflow.simulate.processes import ENTRYPOINT, Processes
from pipeline.kubeflow.simulate.resolve import Facts, Inputs
from pipeline.kubeflow.simulate.result import Outcome, Serial, Watcher
from pipeline.kubeflow.simulate.store import SCHEMES, ObjectStore
from pipeline.runs.lock import exclusive
from trainer.errors import TandemError
from trainer.faults import point
from trainer.storage import write_json

PIPELINE_ROOT = "minio://mlpipeline/v2/artifacts"
_POLL_SECONDS = 0.2


@dataclasses.dataclass(frozen=True)
class Options:
    """How a pipeline is simulated.

    Args:
        root: directory of everything: objects, volumes, pods, logs, cache.
        parameters: text by name of a root parameter. Defaults to none.
        backend: `old` or `new`. Defaults to `"new"`.
        container: run containers by Docker, not processes. Defaults to `False`.
        image: image in place of those of the file, with `container`. Defaults to `""`.
        pipeline_root: where artifacts go; the file's own or the default of the backend if empty. Defaults
            to `""`.
        volumes: directory by claim; `<root>/volumes/<claim>` for the others. Defaults to none.
        secrets: values by secret and key. Defaults to none.
        config_maps: values by config map and key. Defaults to none.
        parallel: most containers at a time; the number of cores if `0`. Defaults to `0`.
        follow: tell the watcher every line that tasks write. Defaults to `False`.
        files: files that are copied to the top of the state volume first. Defaults to none.
        modules: modules whose commands may be forked. Defaults to Tandem's entrypoint.
    """

    root: Path
    parameters: Mapping[str, str] = dataclasses.field(default_factory=dict)
    backend: Variant = "new"
    container: bool = False
    image: str = ""
    pipeline_root: str = ""
    volumes: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    secrets: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    config_maps: Mapping[str, Mapping[str, str]] = dataclasses.field(default_factory=dict)
    parallel: int = 0
    follow: bool = False
    files: Sequence[Path] = ()
    modules: Sequence[str] = (ENTRYPOINT,)


def simulate(path: Path, options: Options, watcher: Watcher | None = None) -> Outcome:
    """Runs a compiled pipeline as the backend would, on this machine.

    An interrupt ends what runs and gives an outcome that says so; call it from the main thread to get one.

    Args:
        path: the compiled file.
        options: how.
        watcher: told what happens. Defaults to none.

    Raises:
        TandemError: `KFP-201` for a file that cannot be run, `KFP-202` for parameters that do not fit it,
            `KFP-203` for options that do not, `KFP-204` for a secret that was not given, `KFP-207` and
            `KFP-208` for files, `KFP-218` for no Docker engine, `RUN-004` if another process works on `root`.
    """
    document = load(path)
    parameters = of_run(document.spec, options.parameters)
    root = options.root.resolve()
    cluster = _cluster(document, options, root)
    with exclusive(root / "run.lock", f"simulation of {document.spec.pipeline_info.name}"):
        _clear(root, "pods", "logs")
        _claims(document, cluster)
        if options.files:
            put(options.files, state_volume(document, cluster))
        return _simulate(
            document, options, root, cluster, Inputs(parameters, {}), Serial(watcher or Watcher())
        )


def _cluster(document: Document, options: Options, root: Path) -> pods.Cluster:
    if options.pipeline_root and options.pipeline_root.partition("://")[0] not in SCHEMES:
        raise TandemError(
            "KFP-203",
            f"Expected a pipeline root at gs://, s3:// or minio://. Received: {options.pipeline_root}",
            f"Leave it out for {PIPELINE_ROOT}.",
            exit_status=2,
        )
    claims = {name: place.resolve() for name, place in options.volumes.items()}
    for name, place in claims.items():
        if not place.is_dir():
            raise TandemError(
                "KFP-203",
                f"Expected a directory for the claim {name}. Received: {place}",
                "Make it, or leave `--volume` out for an empty one.",
                exit_status=2,
            )
    used = {
        claim
        for _, component in document.containers()
        for claim in pods.claims_of(document.settings(component), ps.ExecutorInput()).values()
    }
    for name in sorted(set(claims) - used):
        raise TandemError(
            "KFP-203",
            f"Expected a claim of this pipeline: {', '.join(sorted(used)) or 'none'}. Received: {name}",
            "Correct `--volume`, or add the claim to `kubeflow.volumes` and compile again.",
            exit_status=2,
        )
    cluster = pods.Cluster(root / "volumes", claims, options.secrets, options.config_maps)
    for name, component in document.containers():
        executor = document.executor(component)
        if executor.WhichOneof("spec") == "container":
            # Told before anything runs.
            given = ps.ExecutorInput()
            pods.make(name, root, document.settings(component), executor.container, given, cluster)
    return cluster


def _clear(root: Path, *names: str) -> None:
    for name in names:
        point("simulate.clear", name)
        shutil.rmtree(root / name, ignore_errors=True)
        (root / name).mkdir(parents=True)


def _claims(document: Document, cluster: pods.Cluster) -> None:
    """A claim exists before the pods that mount it."""
    for _, component in document.containers():
        for claim in pods.claims_of(document.settings(component), ps.ExecutorInput()).values():
            point("simulate.claim", claim)
            if claim and claim not in cluster.claims:
                (cluster.volumes / claim).mkdir(parents=True, exist_ok=True)


def _simulate(
    document: Document,
    options: Options,
    root: Path,
    cluster: pods.Cluster,
    inputs: Inputs,
    watcher: Watcher,
) -> Outcome:
    name, run_id = document.spec.pipeline_info.name, str(uuid.uuid4())
    created = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    place = (options.pipeline_root or document.spec.default_pipeline_root or PIPELINE_ROOT).rstrip("/")
    run_root = f"{place}/{name}/{run_id}"
    facts = Facts(run_id, f"{name} {created}", f"{name}-{run_id[:5]}", created, options.backend)
    backend = Backend(options.backend, run_root, place.partition("://")[0])
    store = ObjectStore(root / "objects")
    runner = _runner(document, options, root)
    # Microseconds: no earlier simulation on this root has given these numbers.
    numbers = itertools.count(time.time_ns() // 1000)
    launcher = Launcher(backend, store, runner, numbers, watcher.warning)
    cache = Cache(root / "cache" / options.backend / name)
    driver = Driver(document, backend, launcher, cache, cluster, root, watcher, options.follow)
    engine = Engine(document, facts, driver, options.parallel or os.cpu_count() or 1, watcher)
    watcher.run_started(run_id, sum(1 for _ in document.containers()))
    began, interrupted = time.monotonic(), False
    try:
        interrupted = _until_done(engine, inputs, driver, runner)
    finally:
        runner.close()
    outcome = Outcome(
        run_id,
        name,
        root,
        run_root,
        round(time.monotonic() - began, 3),
        tuple(engine.results),
        _summary(store, run_root),
        interrupted,
    )
    write_json(root / "result.json", outcome.to_dict())
    if interrupted:
        _clear(root, "pods")
    return outcome


def _runner(document: Document, options: Options, root: Path) -> Runner:
    if options.container:
        return Containers(options.image)
    executors = [document.executor(component) for _, component in document.containers()]
    containers = [one.container for one in executors if one.WhichOneof("spec") == "container"]
    return Processes(containers, root / "logs" / "warm.log", options.modules)


def _until_done(engine: Engine, inputs: Inputs, driver: Driver, runner: Runner) -> bool:
    """Runs the pipeline in another thread, so that an interrupt reaches this one; tells whether one did."""
    problems: list[BaseException] = []

    def run() -> None:
        try:
            engine.run(inputs)
        except BaseException as error:  # noqa: BLE001 - raised again in the main thread
            problems.append(error)

    thread = threading.Thread(target=run, name="engine", daemon=True)
    thread.start()
    interrupted = False
    while thread.is_alive():
        try:
            thread.join(_POLL_SECONDS)
        except KeyboardInterrupt:
            interrupted = True
            driver.stopped.set()
            runner.stop()
    if problems:
        raise problems[0]
    return interrupted


def _summary(store: ObjectStore, run_root: str) -> dict[str, Any] | None:
    try:
        return dict(json.loads(store.path(f"{run_root}/report/summary.json").read_text()))
    except (OSError, ValueError):
        return None
