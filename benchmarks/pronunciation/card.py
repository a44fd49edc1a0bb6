"""The model card of the longest run, written from its point."""

from __future__ import annotations

from pathlib import Path

from benchmarks.pronunciation import points
from benchmarks.pronunciation.points import Point, Points
from benchmarks.record import number

DOCS = Path(__file__).resolve().parents[2] / "docs"
POINTS = points.STORED.relative_to(DOCS.parent).as_posix()
ABOUT = """\
# Model card: pronunciation by word, 180 minutes

Written by `python -m benchmarks.pronunciation --minutes 180 --store` from what the run found; the weights are
not kept.

## What it does

The letters of an English word to the phones of its pronunciation, without stress. Made to compare systems,
on words of the letters a to z and the apostrophe. Not for other languages, for numbers or abbreviations, nor
where a wrong pronunciation does harm; foreign names are said as American speakers do, and often wrong.

## Data

The dictionary of `pocketsphinx` 5.1.1, divided by word: 112,433 words for training, 6,246 for validation,
6,247 to judge. A possessive and its word may be on different sides, as in the systems compared with; the
example's main config keeps them together."""
CARD, CURVE = DOCS / "pronunciation_model_card.md", DOCS / "images" / "pronunciation_curve.svg"


def card(known: Points) -> str:
    """The card as Markdown.

    Raises:
        KeyError: if the longest run is not among the points.
    """
    point = known[points.ours(points.BUDGETS[-1])]
    model = point.facts["arguments"]["model"]["sequence"]
    plan = point.facts["arguments"]["train"]
    steps = plan["sequence"]
    encoder, decoder, decoding = model["encoder"], model["decoder"], model["decoding"]
    first = point.facts["first_pronunciation_only"]
    lines = [
        *ABOUT.splitlines(),
        "",
        "## Model and training",
        "",
        "| | |",
        "|---|---|",
        f"| encoder | {_stack(encoder)} |",
        f"| decoder | {_stack(decoder)}, attention `{model['attention']}` |",
        f"| embeddings | {model['embedding']} wide, shared: `{model['shared_embeddings']}` |",
        f"| parameters | {point.parameters:,} |",
        f"| regularisation | dropout {model['dropout']}, label smoothing {steps['label_smoothing']}, "
        f"averaged weights {plan['weight_averaging']} |",
        f"| optimizer | `{steps['optimizer']}`, rate {steps['learning_rate']}, "
        f"`{steps['schedule']}`, {steps['batch_tokens']:,} tokens a batch |",
        f"| length | {plan['epochs']:g} epochs, {point.facts['steps']:,} steps |",
        f"| time | {point.seconds / 60:.1f} active minutes, {point.cpu_seconds / 60:.1f} CPU minutes, "
        f"{point.attempts} {'attempt' if point.attempts == 1 else 'attempts'} |",
        f"| machine | {_machine(point)} |",
        f"| decoding | beam {decoding['beam']}, length normalisation {decoding['length_normalisation']}, "
        f"{point.score.words / point.facts['decoding_seconds']:,.0f} words a second, start included |",
        f"| sources | commit {point.facts['commit']}, model {point.facts['model_digest'][:12]} |",
        "",
        "## Quality",
        "",
        "One hypothesis a word. WER is the share of words whose hypothesis equals no listed pronunciation;",
        "PER counts edits to the closest one.",
        "",
        "| | WER % | PER % |",
        "|---|---|---|",
        f"| every listed pronunciation counts | {point.score.wer:.2f} | {point.score.per:.2f} |",
        f"| the first one alone | {first['wer']:.2f} | {first['per']:.2f} |",
    ]
    peer = known.get(points.PHONETISAURUS)
    if peer is not None:
        lines.append(f"| {peer.name}, every listed one | {peer.score.wer:.2f} | {peer.score.per:.2f} |")
    lines += [
        "",
        f"![Word error rate against minutes of training](images/{CURVE.name})",
        "",
        f"The curve as numbers, with the validation loss over the run: [points.json](../{POINTS}).",
    ]
    return "\n".join(lines) + "\n"


def _stack(stack: dict[str, object]) -> str:
    kind = f"`{stack['kind']}`, {stack['layers']} x {stack['units']}"
    if stack["kind"] == "transformer":
        kind += f", {stack['heads']} heads, feed-forward {stack['feed_forward']}"
    return kind


def _machine(point: Point) -> str:
    told = point.facts["machine"]
    return (
        f"{told['cores']} cores, {number(told['GiB'])} GiB, {told['processor']}, load {told['load']} at the "
        f"start, tensorflow {told['tensorflow']}, keras {told['keras']}"
    )
