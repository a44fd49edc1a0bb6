"""Stale weights through a shared directory: whole or not at all, newest first, nobody waits."""

from trainer.codistillation.exchange.exchange import Exchange
from trainer.codistillation.exchange.reader import Publication

__all__ = ["Exchange", "Publication"]
