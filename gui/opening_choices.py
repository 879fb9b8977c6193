"""How the current file is opened: what the command line and the user have said of it so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.opening import OpenOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningChoices:
    """See core.opening.OpenOptions; made without importing it, while the window starts."""

    allow_native_code: bool = False
    plugins: tuple[Path, ...] = ()
    trial: bool | None = None  # None: as the setting says
    forced: bool = False  # open it whatever the verdict

    def and_also(
        self, *, plugin: Path | None = None, trial: bool | None = None, forced: bool = False
    ) -> OpeningChoices:
        """The same, with a further plugin library, without a trial, or whatever the verdict."""
        more = () if plugin is None else (plugin,)
        return replace(
            self,
            plugins=(*self.plugins, *more),
            trial=self.trial if trial is None else trial,
            forced=self.forced or forced,
        )

    def options(self, *, trial: bool) -> OpenOptions:
        """What core is told; `trial` is the setting."""
        from core.opening import OpenOptions

        return OpenOptions(
            allow_native_code=self.allow_native_code,
            plugins=self.plugins,
            trial=trial if self.trial is None else self.trial,
        )
