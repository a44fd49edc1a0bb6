"""The exported model: transform graph, trained model and head in one SavedModel."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from trainer.errors import TandemError
from trainer.export.head import Head, HeadParameters
from trainer.export.signatures import make_signatures, parse_raw, restore_names
from trainer.export.transform_graph import TransformGraph
from trainer.faults import point
from trainer.spec import FeatureSpec


class Server(tf.Module):
    """Answers raw requests with the trained model.

    Args:
        spec: the features.
        model: trained model, from transformed features to logits.
        parameters: of the head.
        transform: the transform graph of the training.
    """

    def __init__(
        self, spec: FeatureSpec, model: keras.Model, parameters: HeadParameters, transform: TransformGraph
    ) -> None:
        super().__init__(name="server")
        transform.require(spec.raw)
        self.transform = transform
        self._task = spec.task
        self.head = Head(spec, parameters)
        # The tensors of the model, not the Keras object: its traces would be saved as well.
        self.weights = [variable.value for variable in model.trainable_variables]
        self._inputs = list(model.input)
        self._forward: Callable[..., Any] = lambda columns: model(columns, training=False)

    @property
    def difference_scale(self) -> float:
        """What differences from recorded answers are divided by: `|mean| + deviation` of a regression's
        label, 1 otherwise."""
        mean, deviation = float(self.head.label_mean), float(self.head.label_deviation)
        return abs(mean) + deviation if self._task == "regression" else 1.0

    def answer(self, raw: Mapping[str, Any], rows: Any) -> dict[str, Any]:
        """Outputs by name from sparse raw features; `rows` is their number, int64 scalar."""
        columns = self.transform(raw, rows)
        return self.head(self._forward({name: columns[name] for name in self._inputs}))

    def predict_examples(self, examples: Any, raw: Mapping[str, str]) -> dict[str, Any]:
        """Outputs by name for serialized examples `(batch,)`, computed before any export."""
        return self.answer(parse_raw(examples, raw), tf.shape(examples, out_type=tf.int64)[0])


def build_server(
    spec: FeatureSpec,
    model: keras.Model,
    transform: TransformGraph,
    parameters: HeadParameters | None = None,
) -> Server:
    """Joins transform graph, model and head.

    Raises:
        TandemError: `EXPORT-001` or `EXPORT-002` if the transform graph does not fit, `EXPORT-003` if there
            is no raw feature.
    """
    if not spec.raw:
        raise TandemError(
            "EXPORT-003",
            "A served model needs raw features. Received: raw={}",
            "Make the feature specification from a transform graph.",
            exit_status=2,
        )
    return Server(spec, model, parameters or HeadParameters(), transform)


def save(module: tf.Module, signatures: dict[str, Any], raw: Mapping[str, str], output_dir: Path) -> None:
    """Writes a SavedModel beside `output_dir`, then puts it there; an existing one is replaced.

    Raises:
        TandemError: `EXPORT-004` if it cannot be written.
    """
    temporary: Path | None = None
    try:
        point("export.open", output_dir)
        output_dir.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(dir=output_dir.parent, prefix=".unfinished-"))
        # A served model needs no gradients, and those of custom functions may not be savable.
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, str(temporary / "model"), signatures=signatures, options=options)
        point("export.save", output_dir, temporary / "model" / "saved_model.pb")
        restore_names(temporary / "model", raw)
        if output_dir.exists():
            shutil.rmtree(output_dir)
        point("export.replace", output_dir)
        (temporary / "model").replace(output_dir)
    except (OSError, tf.errors.OpError) as error:
        raise TandemError(
            "EXPORT-004",
            f"The model must be written. Received: directory={output_dir} ({error})",
            "Make room, then run again.",
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def export_model(
    output_dir: str | Path,
    spec: FeatureSpec,
    model: keras.Model,
    transform_graph_dir: str | Path,
    parameters: HeadParameters | None = None,
) -> None:
    """Exports a SavedModel with the signatures `serving_default` and `predict`.

    It holds all it needs: the transform graph may be deleted afterwards.

    Args:
        output_dir: where the SavedModel goes; replaced if it exists.
        spec: the features; `raw` names the inputs.
        model: trained model, from transformed features to logits.
        transform_graph_dir: the transform graph of the training.
        parameters: calibration and label units; neutral when None. Defaults to `None`.

    Raises:
        TandemError: `EXPORT-001` to `EXPORT-004`.
    """
    server = build_server(spec, model, TransformGraph(transform_graph_dir), parameters)
    export_server(output_dir, spec, server)


def export_server(output_dir: str | Path, spec: FeatureSpec, server: Server) -> None:
    """Exports what `build_server` made, see `export_model`.

    Raises:
        TandemError: `EXPORT-004` if it cannot be written.
    """
    save(server, make_signatures(spec.raw, server.answer), spec.raw, Path(output_dir))
