"""Each poison is stopped by the named check, refused, shown not to matter, or published as missed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.poisoned import page
from tests.faults.poisoned.outcomes import Outcome, Project, judge, named, stopped
from tests.faults.poisoned.poisons import POISONS, Poison
from tests.faults.poisoned.world import Kept, rows

CLEAN_SEEDS = (2, 3, 4, 5)
# Poisons that lie in bytes are stopped by ingest; of those that the check stops, one run is enough.
LAUNCHED = [
    poison
    for poison in POISONS
    if (poison.frame is None and not poison.trained)
    or (poison.name, poison.dose) in (("empty split", "no rows for `eval`"), ("NaN", "100%"))
]
# One row and one time never come as far as the check.
VALUES = [poison for poison in POISONS if poison.frame and poison.frame()["at"].nunique() > 1]


@pytest.fixture(scope="module")
def kept() -> Kept:
    return Kept(rows(1))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    return Project(tmp_path_factory.mktemp("checked"), trained=False)


@pytest.fixture(scope="module")
def published() -> dict[tuple[str, str], list[str]]:
    """Cells of the committed page by poison and dose."""
    found = [
        [cell.strip() for cell in row.strip("|").split("|")] for row in page.committed().splitlines()[2:]
    ]
    return {(cells[0], cells[1]): cells[2:] for cells in found}


def identity(poison: Poison) -> str:
    return f"{poison.name}, {poison.dose}"


def limited(poison: Poison, outcome: Outcome, kept: Kept) -> bool | None:
    """Whether a limit of drift stops a poison that nothing else stops."""
    if outcome.verdict == "stopped" or poison.frame is None:
        return None
    return bool(kept.examine(poison.frame(), drift={"skew": None, "drift": 0.1}).errors)


def test_the_page_has_a_row_for_each_poison(published: dict[tuple[str, str], list[str]]) -> None:
    assert list(published) == [(poison.name, poison.dose) for poison in POISONS]


@pytest.mark.parametrize("poison", VALUES, ids=identity)
def test_a_poisoned_value_is_caught_by_the_published_check(
    poison: Poison, kept: Kept, published: dict[tuple[str, str], list[str]]
) -> None:
    verdict, by, drift = published[poison.name, poison.dose]
    frame = poison.frame()
    errors = kept.examine(frame).errors
    stops = verdict == page.VERDICTS["stopped"]
    assert bool(errors) == stops
    if stops:
        assert f"`DATA-001`: {named(' '.join(errors))}" == by
    elif drift:
        outcome = Outcome("missed")
        assert {True: "stopped", False: "not stopped"}[bool(limited(poison, outcome, kept))] == drift


@pytest.mark.parametrize("poison", LAUNCHED, ids=identity)
def test_a_run_on_poisoned_data_stops_before_training(
    poison: Poison, project: Project, published: dict[tuple[str, str], list[str]]
) -> None:
    found = stopped(project.second(poison)[0])
    assert found is not None
    assert [page.VERDICTS[found.verdict], found.by] == published[poison.name, poison.dose][:2]


@pytest.mark.soak
def test_the_published_table_is_what_whole_runs_come_to(
    kept: Kept, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    project = Project(tmp_path, trained=True)
    losses = []
    for seed in CLEAN_SEEDS:
        result, root = project.second(None, seed)
        assert result.summary["status"] == "pushed"
        losses.append(project.loss(root))
    # As far above the worst clean model as that lies above the best one.
    worst = max(losses) + (max(losses) - min(losses))
    found = {}
    for poison in POISONS:
        result, root = project.second(poison)
        loss = project.loss(root) if result.summary["status"] == "pushed" else None
        outcome = judge(result, loss, worst)
        found[poison] = outcome, limited(poison, outcome, kept)
    made = page.table(found)
    if request.config.getoption("--update-golden", default=False):
        page.write(made)
    assert made == page.committed()
