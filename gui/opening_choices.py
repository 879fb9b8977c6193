"""How the current file is opened: what the command line and the user have said of it so far."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.opening import OpenOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class OpeningChoices:
    """See core.opening.OpenOptions; frozen, and made without importing it."""

    allow_native_code: bool = False
    plugins: tuple[Path, ...] = ()
    trial: bool | None = None  # None: as the setting says
    forced: bool = False  # open it whatever the verdict

    def and_also(
        self, *, plugin: Path | None = None, trial: bool | None = None, forced: bool = False
    ) -> OpeningChoices:
        """The same, with a further plugin library, without a trial, or whatever the verdict.

        A yes of the command line does not reach a library that is added later: it is asked for.
        """
        more = () if plugin is None else (plugin,)
        return replace(
            self,
            allow_native_code=self.allow_native_code and not more,
            plugins=(*self.plugins, *more),
            trial=self.trial if trial is None else trial,
            forced=self.forced or forced,
        )

    def with_setting(self, trial: bool) -> OpeningChoices:
        """The same, with the setting where nothing else was said."""
        return replace(self, trial=trial) if self.trial is None else self

    def options(self) -> OpenOptions:
        """What core is told. Runs on the inference thread, as its imports take long."""
        from core.opening import OpenOptions

        return OpenOptions(
            allow_native_code=self.allow_native_code,
            plugins=self.plugins,
            trial=self.trial is not False,
        )
