"""Where the files of a group lie."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

from trainer.faults import point

EXCHANGE = "exchange"


@dataclasses.dataclass(frozen=True)
class Layout:
    """The places of a group, which is named after its checkpoint directory.

    Args:
        checkpoint_dir: the group's own directory; its name is that of the group.
        directory: shared directory, a path or an address `gs://`; None for none.

    Example:
        >>> layout = Layout(Path("/data/checkpoints/flights/12ab"), "gs://bucket/groups")
        >>> layout.exchange, layout.replica(1)
        ('gs://bucket/groups/12ab/exchange', PosixPath('/data/checkpoints/flights/12ab/replica-1'))
        >>> Layout(Path("/data/checkpoints/flights/12ab"), "/shared").exchange
        '/shared/12ab/exchange'
    """

    checkpoint_dir: Path
    directory: str | None

    @property
    def group(self) -> str:
        """Name of the group."""
        return self.checkpoint_dir.name

    @property
    def base(self) -> Path:
        """Directory of the replicas; an object store holds none, as their checkpoints are files."""
        if self.directory is None or "://" in self.directory:
            return self.checkpoint_dir
        return Path(self.directory) / self.group

    @property
    def exchange(self) -> str:
        """Place of the exchange."""
        if self.directory is not None and "://" in self.directory:
            return f"{self.directory.rstrip('/')}/{self.group}/{EXCHANGE}"
        return str(self.base / EXCHANGE)

    def replica(self, index: int) -> Path:
        """Checkpoints of a replica, and below it what it makes."""
        return self.base / f"replica-{index}"


def discard(exchange: str) -> None:
    """Removes what a group left in a shared directory, once its model is safe elsewhere; does its best.

    Args:
        exchange: as `Layout.exchange` was.
    """
    point("group.discard")
    if "://" not in exchange:
        shutil.rmtree(Path(exchange).parent, ignore_errors=True)
        return
    import tensorflow as tf

    try:
        tf.io.gfile.rmtree(exchange)
    except tf.errors.OpError:
        return
