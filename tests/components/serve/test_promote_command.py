"""`tandem promote`, against the API of a cluster."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from components.serve.rollout import roll_out
from pipeline.cli.app import app
from trainer.errors import TandemError

CONFIG = """
name: flights
task: binary
label: {column: late, classes: ["no", "yes"]}
data: {path: data.csv}
features: {hour: {kind: numeric}}
gate: {rules: [{metric: auc, min: 0.5}]}
push: {kserve: {mode: serverless, canary_percent: 10, namespace: models}}
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(CONFIG)
    return path


def test_the_canary_of_the_config_takes_all_traffic(
    config: Path, cluster, services, settings, target, timing
) -> None:
    canary = settings(mode="serverless", canary_percent=10)
    for number in (1, 2):
        roll_out(services, canary, target(number), timing)
    assert cluster.service()["spec"]["predictor"]["canaryTrafficPercent"] == 10
    done = CliRunner().invoke(app, ["promote", str(config)], catch_exceptions=False)
    assert done.output.strip() == "flights: gs://bucket/2 takes all traffic"
    assert "canaryTrafficPercent" not in cluster.service()["spec"]["predictor"]


def test_a_config_without_a_service_and_a_service_that_is_not_there(config: Path, cluster, services) -> None:
    del services
    assert cluster.objects == {}
    with pytest.raises(TandemError, match="SERVE-040"):
        CliRunner().invoke(app, ["promote", str(config)], catch_exceptions=False)
    config.write_text(CONFIG.replace("push:", "# push:"))
    with pytest.raises(TandemError, match="CLI-005"):
        CliRunner().invoke(app, ["promote", str(config)], catch_exceptions=False)


def test_the_command_loads_no_tensorflow() -> None:
    program = (
        "import sys; import pipeline.cli.app, components.serve.api, components.serve.promotion; "
        "sys.exit(bool({'tensorflow', 'tfx'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
