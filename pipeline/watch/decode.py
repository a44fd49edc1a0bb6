"""Hypotheses of checkpoints for the lines of a file or the sources of a split."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from pipeline.watch.evaluate import Split
from pipeline.watch.follow import follow
from pipeline.watch.training import Training
from trainer.errors import TandemError

STEP = "{step}"
"""In the name of an output file, the step of the checkpoint."""


@dataclasses.dataclass(frozen=True)
class Decoded:
    """Hypotheses of one checkpoint.

    Args:
        step: int or None. Steps done; None for an exported model of an unknown step.
        lines: for each source, in order, `source`, `status` and `hypotheses`, the best first, each with
            `text`, `score` and `log_probability`.
        seconds: float. Time of all answers.
    """

    step: int | None
    lines: list[dict[str, Any]]
    seconds: float

    def text(self, as_json: bool) -> str:
        """The lines of a file: JSON, or source and best hypothesis with a tab between.

        Example:
            >>> best = {"text": "one two", "score": -0.1, "log_probability": -0.2}
            >>> Decoded(9, [{"source": "1 2", "status": "ok", "hypotheses": [best]}], 0.1).text(False)
            '1 2\\tone two\\n'
        """
        if as_json:
            return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in self.lines)
        return "".join(
            f"{_plain(line['source'])}\t{_plain(line['hypotheses'][0]['text'])}\n" for line in self.lines
        )


def _plain(text: str) -> str:
    """A text as a field of a line: tabs and line breaks become spaces."""
    return " ".join(text.replace("\t", " ").splitlines())


def read_lines(file: Path) -> list[str]:
    """The sources of a file, one in each line; bytes that are not UTF-8 become U+FFFD.

    Raises:
        TandemError: `DECODE-007` if it cannot be read or has no line.
    """
    try:
        text = file.read_bytes().decode("utf-8-sig", "replace")
        cause = "no line"
    except OSError as error:
        text, cause = "", error.strerror or str(error)
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    # What follows the last line break is no line.
    lines = lines[:-1] if lines and not lines[-1] else lines
    if not lines:
        raise TandemError(
            "DECODE-007",
            f"Expected a text file with a source in each line. Received: file={file} ({cause})",
            "Check the path and the file.",
            exit_status=2,
        )
    return lines


def decodings(
    training: Training,
    texts: Sequence[str] | None,
    split: Split = "validation",
    watch: bool = False,
    every_seconds: float = 10.0,
    limit: int | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[Decoded]:
    """Decodes with each new checkpoint, with the weights that it would be exported with.

    Args:
        training: the training.
        texts: sources; None for those of the split.
        split: `validation` or `eval`, where no texts are given. Defaults to `"validation"`.
        watch: bool. Go on until the training has ended. Defaults to `False`: the newest checkpoint alone.
        every_seconds: float. Pause between two looks. Defaults to `10.0`.
        limit: int or None. Most sources, the first ones. Defaults to `None`, all.
        sleep: called with the seconds to pause. Defaults to `time.sleep`.

    Raises:
        TandemError: `DECODE-003` without a checkpoint, `DECODE-005` if the split holds nothing, `DECODE-008`
            if the task is a language model.
    """
    if training.config.task != "seq2seq":
        raise TandemError(
            "DECODE-008",
            f"Expected a seq2seq task. Received: run {training.run.run_id}, task={training.config.task}",
            "A language model gives probabilities of texts: `tandem evaluate` or `tandem predict`.",
            exit_status=2,
        )
    asked = list(texts[:limit]) if texts is not None else None
    answering = None
    for found in follow(training, watch, every_seconds, sleep, newest=not watch):
        # Brings the model's libraries, for which a mistake need not wait.
        from pipeline.watch.answers import Answering, sources_of

        answering = answering or Answering(training, split)
        if asked is None:
            asked = [source.text for source in sources_of(training, split, limit)]
        answers = answering.answer(found, asked)
        lines = [
            {
                "source": text,
                "status": answers.status[index],
                "hypotheses": [
                    {"text": hypothesis, "score": score, "log_probability": log_probability}
                    for hypothesis, score, log_probability in zip(
                        answers.texts[index],
                        answers.scores[index],
                        answers.log_probabilities[index],
                        strict=True,
                    )
                ],
            }
            for index, text in enumerate(asked)
        ]
        yield Decoded(found.step, lines, answers.seconds)
