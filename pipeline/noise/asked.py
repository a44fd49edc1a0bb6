"""What is asked of a comparison of losses, refused before any library is loaded."""

from __future__ import annotations

import dataclasses

from pipeline.config import Config
from trainer.errors import TandemError


@dataclasses.dataclass(frozen=True)
class Experiment:
    """What is to be tried.

    Args:
        flips: shares of labels to flip, ascending.
        seeds: how many trainings of each kind, with seeds from that of the config on.
        search: also try the `GRID` of `pipeline.noise.experiment` with the first seed, and train the chosen
            temperatures with all.
    """

    flips: tuple[float, ...]
    seeds: int
    search: bool = False

    def check(self, config: Config) -> None:
        """Refuses what has no meaning.

        Raises:
            TandemError: `NOISE-001` a task without classes; `NOISE-003` shares or seeds out of range.
        """
        if not config.label.classes:
            raise TandemError(
                "NOISE-001",
                f"Labels are flipped between classes. Received: task {config.task}",
                "Give the config of a binary or multiclass task.",
                exit_status=2,
            )
        most = 0.5 if config.task == "binary" else 1 - 1 / len(config.label.classes)
        if not self.flips or any(not 0 <= share < most for share in self.flips):
            raise TandemError(
                "NOISE-003",
                f"Expected shares of labels in [0, {most:.3g}): beyond, the labels say the opposite. "
                f"Received: {', '.join(f'{share:g}' for share in self.flips) or 'none'}",
                "Give for example --flip 0,0.1,0.2,0.4.",
                exit_status=2,
            )
        if self.seeds < 1:
            raise TandemError(
                "NOISE-003",
                f"Expected at least 1 seed. Received: {self.seeds}",
                "Give for example --seeds 3.",
                exit_status=2,
            )


def shares(text: str) -> tuple[float, ...]:
    """Shares of labels from text such as `0,0.1,0.2`, ascending, each once.

    Raises:
        TandemError: `NOISE-003` if one is no number.
    """
    try:
        return tuple(sorted({float(part) for part in text.split(",") if part.strip()}))
    except ValueError as error:
        raise TandemError(
            "NOISE-003",
            f"Expected numbers with commas between them. Received: --flip {text}",
            "Give for example --flip 0,0.1,0.2,0.4.",
            exit_status=2,
        ) from error
