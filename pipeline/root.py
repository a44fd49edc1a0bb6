"""Where a pipeline keeps everything: one directory, `.tandem/` beside the config by default."""

from __future__ import annotations

import dataclasses
from pathlib import Path

DEFAULT_NAME = ".tandem"


@dataclasses.dataclass(frozen=True)
class Root:
    """The layout of a root directory.

    Args:
        path: the directory; need not exist.
    """

    path: Path

    @classmethod
    def beside(cls, config_path: Path, given: Path | None = None) -> Root:
        """`given`, or the default root beside a config file."""
        return cls((given or config_path.resolve().parent / DEFAULT_NAME).resolve())

    @property
    def runs(self) -> Path:
        """Run directories."""
        return self.path / "runs"

    @property
    def artifacts(self) -> Path:
        """Outputs of steps."""
        return self.path / "artifacts"

    @property
    def metadata(self) -> Path:
        """The ML Metadata store (SQLite)."""
        return self.path / "metadata.sqlite"

    @property
    def schema(self) -> Path:
        """Kept schemas, by pipeline name."""
        return self.path / "schema"

    @property
    def checkpoints(self) -> Path:
        """Training checkpoints, outside of artifacts."""
        return self.path / "checkpoints"

    @property
    def serving(self) -> Path:
        """Pushed models, `<name>/<version>`."""
        return self.path / "serving"

    @property
    def registry(self) -> Path:
        """Records of pushed models, by name."""
        return self.path / "registry"

    @property
    def lock(self) -> Path:
        """Held by the process that runs on this root."""
        return self.path / "run.lock"

    def serving_of(self, configured: str | None, config_directory: Path) -> Path:
        """The serving directory: `push.directory` of a config, relative to the config, or the root's own."""
        return (config_directory / configured).resolve() if configured else self.serving

    def relative(self, uri: str | Path) -> str:
        """A path below the root as text relative to it; any other path unchanged."""
        path = Path(uri)
        return str(path.relative_to(self.path)) if path.is_relative_to(self.path) else str(path)
