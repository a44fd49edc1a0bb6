"""All commands. Nothing here imports TensorFlow or TFX: commands that need them import them when called."""

from __future__ import annotations

import typer

from pipeline.cli import (
    comparisons,
    configs,
    data,
    deploy,
    doctor,
    experiments,
    models,
    promote,
    run,
    runs,
    schedule,
    simulate,
    watch,
)
from pipeline.cli import compile as compiling

app = typer.Typer(
    name="tandem",
    help="From a CSV and one config file to a gated, served model and a report.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("init")(data.init)
app.command("run")(run.run)
app.command("resume")(run.resume)
app.command("report")(runs.report)
app.command("rollback")(models.rollback)
app.command("predict")(models.predict)
app.command("evaluate")(watch.evaluate)
app.command("decode")(watch.decode)
app.command("compile")(compiling.compile_)
app.command("simulate")(simulate.simulate)
app.command("deploy")(deploy.deploy)
app.command("promote")(promote.promote)
app.command("noise")(comparisons.noise)
app.command("churn")(comparisons.churn)
app.command("doctor")(doctor.doctor)
app.add_typer(configs.app, name="config")
app.add_typer(experiments.app, name="experiments")
app.add_typer(runs.app, name="runs")
app.add_typer(data.schema_app, name="schema")
app.add_typer(models.gate_app, name="gate")
app.add_typer(schedule.app, name="schedule")
