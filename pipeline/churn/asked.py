"""What is asked of a comparison of retrains, refused before any library is loaded."""

from __future__ import annotations

import dataclasses

from trainer.errors import TandemError


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is to be compared.

    Args:
        retrains: models of each kind, with seeds from that of the config on; an ensemble takes a second one.
    """

    retrains: int

    def check(self) -> None:
        """Refuses what has no meaning.

        Raises:
            TandemError: `CHURN-001` fewer than two retrains, between which nothing can change.
        """
        if self.retrains < 2:
            raise TandemError(
                "CHURN-001",
                f"Expected at least 2 retrains, to compare them. Received: retrains={self.retrains}",
                "Give for example --retrains 3.",
                exit_status=2,
            )
