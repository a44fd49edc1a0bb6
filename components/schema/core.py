"""The schema of the ingested examples: inferred once, then kept and reviewed."""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from pathlib import Path

from tfx import v1 as _tfx  # noqa: F401  # isort: skip  # prepares the modules that TFDV imports
import tensorflow_data_validation as tfdv
from google.protobuf import text_format
from tensorflow_metadata.proto.v0 import schema_pb2, statistics_pb2

from trainer.errors import TandemError
from trainer.storage import sha256_file, write_atomic

_FILE = "schema.pbtxt"
_INFERRED = "inferred.sha256"
_TYPES = {
    "string": schema_pb2.BYTES,
    "text": schema_pb2.BYTES,
    "float": schema_pb2.FLOAT,
    "int64": schema_pb2.INT,
}


def infer(
    statistics: statistics_pb2.DatasetFeatureStatisticsList,
    columns: Mapping[str, str],
    label: str,
    min_domain_mass: float,
    max_missing_increase: float,
) -> schema_pb2.Schema:
    """Schema of `columns`, from the statistics of the training split.

    A domain of strings admits `1 - min_domain_mass` of unseen rows; a column may be missing as often
    as in training plus `max_missing_increase`; columns without any value keep their configured type.

    Args:
        statistics: of the training split.
        columns: storage type by name: `string`, `text`, `float` or `int64`. A text has no domain: another
            one is no anomaly.
        label: a column that is never missing.
        min_domain_mass: share in `(0, 1]`.
        max_missing_increase: share in `[0, 1]`.

    Returns:
        A schema without shapes: columns are parsed as sparse.
    """
    inferred = tfdv.infer_schema(statistics, infer_feature_shape=False)
    known = {feature.name: feature for feature in inferred.feature}
    counts = {
        (feature.name or feature.path.step[0]): feature
        for dataset in statistics.datasets
        for feature in dataset.features
    }
    rows = max((dataset.num_examples for dataset in statistics.datasets), default=0)
    schema = schema_pb2.Schema()
    for name, storage in columns.items():
        feature = schema.feature.add()
        if name in known:
            feature.CopyFrom(known[name])
        feature.name = name
        feature.type = _TYPES[storage]
        feature.ClearField("presence")
        feature.ClearField("value_count")
        if storage == "text":
            feature.ClearField("domain_info")
        present = counts[name].WhichOneof("stats") if name in counts else None
        common = getattr(counts[name], present).common_stats if present else None
        share = common.num_non_missing / rows if common and rows else 0.0
        feature.presence.min_count = 1 if share else 0
        # Rounded down: these data must not have more missing values than their own schema allows.
        least = math.floor(max(0.0, share - max_missing_increase) * 10_000) / 10_000
        feature.presence.min_fraction = 1.0 if name == label else least
        if feature.WhichOneof("domain_info") in ("domain", "string_domain"):
            feature.distribution_constraints.min_domain_mass = min_domain_mass
        else:
            feature.ClearField("distribution_constraints")
    texts = {name for name, storage in columns.items() if storage == "text"}
    used = {feature.domain for feature in schema.feature}
    schema.string_domain.extend(d for d in inferred.string_domain if d.name in used or d.name not in texts)
    return schema


class KeptSchemas:
    """Reviewed versions of one pipeline's schema, as `<directory>/<version>/schema.pbtxt`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def version(self) -> int:
        """The newest kept version, or 1 when there is none yet: the first schema is kept as 1."""
        return max([1, *self._versions()])

    def path(self, version: int) -> Path:
        """File of a version, which need not exist."""
        return self._directory / str(version) / _FILE

    def read(self, version: int) -> schema_pb2.Schema | None:
        """A kept version, or `None`.

        Raises:
            TandemError: `SCHEMA-001` if the file is not a schema.
        """
        path = self.path(version)
        if not path.exists():
            return None
        try:
            return text_format.Parse(path.read_text(), schema_pb2.Schema())
        except (text_format.ParseError, UnicodeDecodeError) as error:
            raise TandemError(
                "SCHEMA-001",
                f"Expected a schema in text form. Received: {path.name} of version {version}: {error}",
                "Correct the file, or keep the schema of the newest run with `tandem schema accept CONFIG`.",
                exit_status=2,
            ) from error

    def keep(self, schema: schema_pb2.Schema, version: int, origin: str = "") -> Path:
        """Writes a version, whole or not at all.

        Args:
            schema: the schema.
            version: its number.
            origin: digest of all that the schema was inferred from; empty if a user accepted it.
        """
        path, text = self.path(version), to_text(schema)
        if origin:
            write_atomic(path.with_name(_INFERRED), _inferred(origin, text.encode()))
        write_atomic(path, text)
        return path

    def state(self, version: int, origin: str) -> str:
        """What the cache key of the schema step must tell of a version.

        Args:
            version: its number.
            origin: digest of all that a schema would be inferred from now.

        Returns:
            The digest of the version; `""` if there is none, or if it is what `origin` gave: the step then
            has the same output with the version and without it.
        """
        path, inferred = self.path(version), self.path(version).with_name(_INFERRED)
        if not path.exists():
            return ""
        same = inferred.exists() and inferred.read_text() == _inferred(origin, path.read_bytes())
        return "" if same else sha256_file(path)

    def _versions(self) -> list[int]:
        if not self._directory.is_dir():
            return []
        return [int(entry.name) for entry in self._directory.iterdir() if re.fullmatch(r"\d+", entry.name)]


def _inferred(origin: str, text: bytes) -> str:
    return hashlib.sha256(origin.encode() + b"\n" + text).hexdigest()


def to_text(schema: schema_pb2.Schema) -> str:
    """The schema as text, the form in which it is kept and compared."""
    return text_format.MessageToString(schema)
