"""Where things lie inside an exported model, apart from what TensorFlow puts there."""

from __future__ import annotations

READING = "assets.extra/reading.json"
"""How the files were read that the model learned from: `delimiter` and `null_values`."""
