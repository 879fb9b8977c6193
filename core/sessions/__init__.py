"""Opened models that can run: one contract, one file for each runtime."""

from __future__ import annotations

from core.sessions.base import RunResult, Session, Timing
from core.sessions.input_check import check_inputs

__all__ = ["RunResult", "Session", "Timing", "check_inputs"]
