"""How long the tests wait. Generous: a test that passes never waits that long."""

from __future__ import annotations

WAIT_MS = 20_000
"""How long anything in the window may take before a test gives up."""

QUIT_S = 10.0
"""How long quitting may take, whatever goes on."""
