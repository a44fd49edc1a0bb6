"""What the trainer is told: the features, the model and the training plan, as frozen plain data.

Each class round-trips through plain dictionaries (`to_json`, `from_json`), refuses keys it does not know
and values of the wrong type, and holds no TensorFlow object.
"""

from __future__ import annotations

from trainer.spec.codistillation import CodistillationSpec as CodistillationSpec
from trainer.spec.codistillation import LaunchSpec as LaunchSpec
from trainer.spec.codistillation import ReplicaSpec as ReplicaSpec
from trainer.spec.plan import BiTemperedSpec as BiTemperedSpec
from trainer.spec.plan import EarlyStoppingSpec as EarlyStoppingSpec
from trainer.spec.plan import ModelSpec as ModelSpec
from trainer.spec.plan import TrainSpec as TrainSpec
from trainer.spec.record import Json as Json
from trainer.spec.record import Record as Record
from trainer.spec.sequence import AuxiliarySpec as AuxiliarySpec
from trainer.spec.sequence import DecodingSpec as DecodingSpec
from trainer.spec.sequence import SequenceFeatureSpec as SequenceFeatureSpec
from trainer.spec.sequence import SequenceModelSpec as SequenceModelSpec
from trainer.spec.sequence import SequenceTask as SequenceTask
from trainer.spec.sequence import SequenceTrainSpec as SequenceTrainSpec
from trainer.spec.sequence import StackSpec as StackSpec
from trainer.spec.sequence import UnitKind as UnitKind
from trainer.spec.sequence import UnitsSpec as UnitsSpec
from trainer.spec.tabular import Column as Column
from trainer.spec.tabular import DeepSpec as DeepSpec
from trainer.spec.tabular import FeatureSpec as FeatureSpec
from trainer.spec.tabular import LinearSpec as LinearSpec
from trainer.spec.tabular import Task as Task
from trainer.spec.tabular import WideSpec as WideSpec
