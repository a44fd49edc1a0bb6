"""What all sections of the config share."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field


def _as_text(value: Any) -> Any:
    """Text of a whole number or truth value, as it would stand in a file: `0`, `true`."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, int) else value


Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,62}$")]
Fraction = Annotated[float, Field(ge=0.0, lt=1.0)]
Text = Annotated[str, BeforeValidator(_as_text)]
Units = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """Base of every section: frozen, refuses unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False)
