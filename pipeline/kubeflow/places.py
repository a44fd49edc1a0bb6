"""Where things are in the pods of a pipeline."""

from __future__ import annotations

import hashlib
from pathlib import Path

from pipeline.config import Config
from pipeline.kubeflow.pod import Pod
from pipeline.root import Root


class Places:
    """The places that follow from a config.

    Args:
        config: the configuration.
        prepare_source: text of the file of `data.prepare`. Defaults to `""`, none.
    """

    def __init__(self, config: Config, prepare_source: str = "") -> None:
        self.config = config
        self._digest = hashlib.sha256(prepare_source.encode()).hexdigest()[:16]

    @property
    def state(self) -> Path:
        """The root, where the state volume is mounted."""
        return Path(self.config.kubeflow.state.path)

    def root(self, pod: Pod) -> Root:
        """The root as it really lies in a pod."""
        return Root(Path(pod.path(str(self.state))))

    @property
    def prepare_file(self) -> str | None:
        """Name of the file of `data.prepare`, below `base`."""
        given = self.config.data.prepare
        return given.partition(":")[0] if given else None

    @property
    def base(self) -> Path:
        """Where relative paths of `data` start: the state volume, or the place of the prepare file in it."""
        return self.state / "prepare" / self._digest if self.prepare_file else self.state

    @property
    def serving(self) -> Path:
        """Directory of all served models; a relative `push.directory` starts at the state volume."""
        configured = self.config.push.directory
        return self.state / configured if configured else self.state / "serving"
