"""Image definitions are pinned and hold no secret; built images work as locked-down pods run them."""

from __future__ import annotations

import importlib.util
import json
import os
import random
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "kubernetes" / "images"
NAMES = ("pipeline", "trainer", "trainer-tpu", "serving")
USER = "10001:10001"
WITHOUT_TPU = ["--env", "TPU_SKIP_MDS_QUERY=1"]


def hand_over(directory: Path) -> None:
    """Lets the user of the images write in a directory."""
    for path in (directory, *directory.rglob("*")):
        if os.getuid() == 0:
            os.chown(path, 10001, 10001)
        elif path.is_dir():
            path.chmod(0o777)


def load_beside(path: Path) -> ModuleType:
    """A helper module of other tests, which are no package."""
    spec = importlib.util.spec_from_file_location(f"images_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", NAMES)
def test_a_definition_is_pinned_and_for_a_user_without_rights(name: str, builder: ModuleType) -> None:
    text = (IMAGES / name / "Dockerfile").read_text()
    assert re.fullmatch(r"[a-z/-]+:[0-9]+\.[0-9]+\.[0-9]+[a-z0-9-]*", builder.default_base(name))
    assert set(re.findall(r"^FROM (\S+)", text, re.MULTILINE)) <= {"${BASE_IMAGE}", "dependencies"}
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == [USER]
    for label in ("title", "description", "licenses", "version", "revision", "base.name"):
        assert f"org.opencontainers.image.{label}=" in text
    assert not re.search(r"^ARG .*(INDEX|TOKEN|PASSWORD|PROXY)", text, re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_only_what_is_copied_is_sent_to_the_engine(name: str) -> None:
    """Each Dockerfile has its own list, which starts by leaving everything out."""
    lines = (IMAGES / name / "Dockerfile.dockerignore").read_text().splitlines()
    assert lines[1] == "*"
    wanted = {line.removeprefix("!") for line in lines if line.startswith("!")}
    text = (IMAGES / name / "Dockerfile").read_text()
    copied = [
        line.split()[1:-1] for line in text.splitlines() if line.startswith("COPY ") and "--from" not in line
    ]
    assert {source for sources in copied for source in sources} == wanted
    assert all((ROOT / source).exists() for source in wanted)


def test_the_tpu_image_pins_every_package_with_its_hash() -> None:
    text = (IMAGES / "trainer-tpu" / "requirements.txt").read_text()
    pinned = dict(re.findall(r"^([a-z0-9-]+)==(\S+) \\$", text, re.MULTILINE))
    assert {"tensorflow-tpu", "keras", "libtpu", "numpy"} <= set(pinned)
    assert "tfx" not in pinned
    assert text.count("--hash=sha256:") >= len(pinned)


def test_the_small_image_holds_what_the_trainer_imports() -> None:
    found = set()
    for file in (ROOT / "trainer").rglob("*.py"):
        found |= set(re.findall(r"^\s*(?:import|from) (\w+)", file.read_text(), re.MULTILINE))
    packages = {"absl": "absl-py", "google": "protobuf", "google_crc32c": "google-crc32c"}
    outside = {packages.get(name, name) for name in found - set(sys.stdlib_module_names) - {"trainer"}}
    listed = (IMAGES / "trainer" / "requirements.in").read_text().splitlines()
    assert outside | {"tensorboard"} == {line for line in listed if not line.startswith("#")}


def test_how_this_machine_reaches_packages_is_a_secret_of_the_build(
    builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", "https://user:word@index.example/simple")
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    certificates = tmp_path / "own.pem"
    certificates.write_text("certificate")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificates))
    options = builder.secrets(tmp_path)
    file = tmp_path / "packages"
    assert options == [
        "--secret",
        f"id=packages,src={file}",
        "--secret",
        f"id=certificates,src={certificates}",
    ]
    assert file.stat().st_mode & 0o077 == 0
    script = f". {file}; echo $PIP_INDEX_URL $UV_DEFAULT_INDEX $HTTPS_PROXY $https_proxy"
    said = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True, env={}).stdout
    assert said.split() == ["https://user:word@index.example/simple"] * 2 + ["http://proxy.example:3128"] * 2


def test_without_an_engine_the_build_says_how_to_get_one() -> None:
    done = subprocess.run(
        [sys.executable, str(IMAGES / "build.py"), "trainer"],
        env={**os.environ, "DOCKER_HOST": "tcp://127.0.0.1:9"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "make engine" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("name", NAMES[:3])
def test_a_built_image_is_labelled_and_keeps_no_secret(name: str, docker: Callable[..., Any]) -> None:
    image = f"tandem-{name}:local"
    seen = docker("image", "inspect", image)
    if seen.returncode:
        pytest.skip(f"image {image} is not built: make images")
    config = json.loads(seen.stdout)[0]["Config"]
    assert config["User"] == USER
    assert config["Labels"]["org.opencontainers.image.title"] == f"tandem-{name}"
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image).stdout
    assert "INDEX_URL=" not in history
    assert "PROXY=" not in history


@pytest.mark.parametrize(("name", "options"), [("trainer", []), ("trainer-tpu", WITHOUT_TPU)])
def test_the_trainer_answers(name: str, options: list[str], in_image: Callable[..., Any]) -> None:
    done = in_image(name, options)
    assert done.returncode == 2
    assert "Expected SPEC.json. Received: []" in done.stderr


def test_the_small_image_holds_no_pipeline(in_image: Callable[..., Any]) -> None:
    names = ("tfx", "apache_beam", "kfp", "pipeline")
    script = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    done = in_image("trainer", ["--entrypoint", "python"], "-c", script)
    assert done.stdout.strip() == "[]"


@pytest.mark.soak
def test_a_pipeline_runs_from_rows_to_a_pushed_model_in_a_locked_down_container(
    in_image: Callable[..., Any], tmp_path: Path
) -> None:
    dice = random.Random(1)
    rows = [(dice.random() * 10, dice.choice("rgb")) for _ in range(2000)]
    lines = [
        f"{size:.3f},{colour},{int(size + 2 * (colour == 'r') + dice.gauss(0, 1) > 6)}"
        for size, colour in rows
    ]
    (tmp_path / "data.csv").write_text("\n".join(["size,colour,late", *lines]) + "\n")
    hand_over(tmp_path)
    mount = ["--volume", f"{tmp_path}:/tandem"]
    done = in_image(
        "pipeline", mount, "tandem", "init", "/tandem/data.csv", "--label", "late", "-o", "/tandem/c.yaml"
    )
    assert done.returncode == 0, done.stdout + done.stderr
    done = in_image("pipeline", mount, "tandem", "run", "/tandem/c.yaml")
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / ".tandem" / "serving" / "data" / "1" / "saved_model.pb").is_file()


def test_the_worker_pool_of_beam_starts_in_the_pipeline_image(in_image: Callable[..., Any]) -> None:
    """The command of the sidecar beside Flink's task managers."""
    script = (
        "import socket, subprocess, sys, time\n"
        "pool = subprocess.Popen([sys.executable, '-m', 'apache_beam.runners.worker.worker_pool_main',"
        " '--service_port=50000'])\n"
        "for _ in range(120):\n"
        "    time.sleep(0.5)\n"
        "    with socket.socket() as s:\n"
        "        if s.connect_ex(('localhost', 50000)) == 0:\n"
        "            print('open'); break\n"
        "pool.terminate()\n"
    )
    done = in_image("pipeline", [], "python", "-c", script)
    assert done.stdout.strip() == "open", done.stderr


@pytest.mark.soak
@pytest.mark.parametrize(("name", "options"), [("trainer", []), ("trainer-tpu", WITHOUT_TPU)])
def test_a_training_ends_with_a_model_in_a_locked_down_container(
    name: str, options: list[str], in_image: Callable[..., Any], tmp_path: Path
) -> None:
    """The image has all that the trainer loads on its way, and reads graphs of the pipeline's TensorFlow."""
    from trainer.spec import TrainSpec

    make = load_beside(ROOT / "tests" / "trainer" / "transformed.py")
    place = make.build(tmp_path)
    inside = {
        part: str(path).replace(str(tmp_path), "/tandem")
        for part, path in {"files": place.transformed, "raw": place.raw, "graph": place.graph}.items()
    }
    spec = {
        "features": make.features().to_json(),
        "model": make.MODEL.to_json(),
        "train": TrainSpec(batch_size=32, epochs=1).to_json(),
        "train_files": [inside["files"]],
        "validation_files": [inside["files"]],
        "eval_raw_files": [inside["raw"]],
        "recorded_requests": 20,
        "transform_graph_dir": inside["graph"],
        **{f"{part}_dir": f"/tandem/{part}" for part in ("checkpoint", "output", "run")},
    }
    (tmp_path / "spec.json").write_text(json.dumps(spec))
    hand_over(tmp_path)
    done = in_image(name, [*options, "--volume", f"{tmp_path}:/tandem"], "/tandem/spec.json")
    assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "run" / "training.json").read_text())["recorded_requests"] == 20
    assert (tmp_path / "output" / "Format-Serving" / "saved_model.pb").is_file()
