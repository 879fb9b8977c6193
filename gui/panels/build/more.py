"""The options of a build that matter less often; each where the installed TensorRT has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QLabel,
    QWidget,
)

from core.text import one_line
from gui.build_words import saved_path
from gui.panels.build.described_form import DescribedForm
from gui.panels.build.path_row import PathRow, typed_path

if TYPE_CHECKING:
    from core.building import BuildOptions
    from core.building.capabilities import Capabilities

_MEGA = 1 << 20
_MOST_MB = 1 << 21  # 2 TiB
_DECIMALS = 7  # of a mebibyte: every whole number of bytes is another one


@dataclass(frozen=True, slots=True)
class _Choice:
    """An option as a row: its field in BuildOptions, its words, and its values in words."""

    name: str
    words: str
    tip: str
    values: tuple[tuple[str, Any], ...] = ()


_LEVELS = (
    ("TensorRT's default (3)", None),
    ("0: quickest build", 0),
    *((str(level), level) for level in (1, 2, 3, 4)),
    ("5: tries the most kernels", 5),
)
_HARDWARE_VALUES = (
    ("GPUs of this kind only", "none"),
    ("Ampere and newer", "ampere-plus"),
    ("the same compute capability", "same-compute-capability"),
)
_CHOICES = (
    _Choice(
        "optimization_level",
        "Optimi&zation level",
        "How many kernels are tried: 0 builds in the shortest time, 5 searches longest.",
        _LEVELS,
    ),
    _Choice(
        "hardware_compatibility",
        "&Hardware",
        "Which GPUs the engine runs on. More of them cost some speed.",
        _HARDWARE_VALUES,
    ),
    _Choice(
        "profiling_verbosity",
        "&Layer names",
        "What the engine keeps of its layers. The Layers tab needs them all.",
        (
            ("all, for the Layers tab", "detailed"),
            ("names only", "layer_names_only"),
            ("none", "none"),
        ),
    ),
    _Choice(
        "dla_core",
        "&DLA core",
        "Run on a deep-learning accelerator instead of the GPU (Jetson).",
        (("none", None), ("0", 0), ("1", 1)),
    ),
)
_SWITCHES = (
    _Choice(
        "timing_cache",
        "keep measured times for the next build",
        "A second build of a like model takes far less time. Kept for each GPU and version.",
    ),
    _Choice(
        "version_compatible",
        "runs on newer TensorRT, too",
        "The engine embeds a lean runtime: native code that whoever opens it has to trust, and "
        "that Enginebay asks about.",
    ),
    _Choice(
        "exclude_lean_runtime",
        "without the embedded runtime",
        "Whoever opens the engine must have the lean runtime of its version installed.",
    ),
    _Choice(
        "strip_weights",
        "leave the weights out",
        "A small file that is filled from the ONNX again before it runs.",
    ),
    _Choice("refit", "weights can be changed later", "At a small cost in speed."),
    _Choice(
        "sparsity",
        "use 2:4 sparse weights",
        "Where two of four weights are zero; without such weights it changes nothing.",
    ),
    _Choice(
        "strongly_typed",
        "types from the ONNX alone",
        "No layer is run in another type than the model gives it.",
    ),
    _Choice(
        "gpu_fallback",
        "the GPU runs what the DLA cannot",
        "Else such a model cannot be built.",
    ),
)
_NEEDS = {  # shown only where the other is chosen
    "exclude_lean_runtime": "version_compatible",
    "gpu_fallback": "dla_core",
    "timing_cache_file": "timing_cache",
}
_HARDWARE = "hardware_compatibility"


class _MebibyteBox(QDoubleSpinBox):
    """Takes any whole number of bytes, and shows no more digits than it needs."""

    def textFromValue(self, value: float) -> str:
        text, point = super().textFromValue(value), self.locale().decimalPoint()
        return text.rstrip(self.locale().zeroDigit()).rstrip(point) if point in text else text


class MoreOptions(QWidget):
    """A form; what is not in this TensorRT is no row of it, but named with its reason below."""

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._capabilities: Capabilities | None = None
        self._form = DescribedForm(self)
        self._form.setContentsMargins(0, 0, 0, 0)
        self.workspace = _MebibyteBox(decimals=_DECIMALS, maximum=_MOST_MB, singleStep=256)
        self.workspace.setSuffix(" MiB")
        self.workspace.setGroupSeparatorShown(True)
        self.workspace.setSpecialValueText("a share of what is free")
        self.workspace.valueChanged.connect(self._on_changed)
        self._form.add(
            "&Workspace limit", self.workspace, "GPU memory that kernels may use while they run."
        )
        self.choices: dict[str, QComboBox] = {}
        for choice in _CHOICES:
            box = self.choices[choice.name] = QComboBox()
            box.setSizeAdjustPolicy(
                QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon
            )
            box.setMinimumContentsLength(14)
            for words, value in choice.values:
                box.addItem(words, value)
            box.currentIndexChanged.connect(self._on_changed)
            self._form.add(choice.words, box, choice.tip)
        self.switches: dict[str, QCheckBox] = {}
        for choice in _SWITCHES:
            switch = self.switches[choice.name] = QCheckBox(choice.words)
            switch.setChecked(choice.name == "timing_cache")  # as BuildOptions has it
            switch.toggled.connect(self._on_changed)
            self._form.add("", switch, choice.tip)
        self.timing_cache_file = PathRow("timing cache file", placeholder="Enginebay's own")
        self.timing_cache_file.field.textChanged.connect(self._on_changed)
        self.timing_cache_file.choose_wanted.connect(self._choose_cache)
        self._form.add(
            "T&imes in",
            self.timing_cache_file,
            "The file that measured times are kept in, as trtexec's --timingCacheFile has it.",
        )
        self.plugins = PathRow("plugin libraries", placeholder="none")
        self.plugins.field.textChanged.connect(self._on_changed)
        self.plugins.choose_wanted.connect(self._choose_plugins)
        self._form.add(
            "Pl&ugin libraries",
            self.plugins,
            "Native code that TensorRT loads for operators of its own; several are divided by ;",
        )
        self.absent = QLabel(wordWrap=True)
        self.absent.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self.absent.setAccessibleName("options that this TensorRT does not have")
        self._form.addRow(self.absent)

    def _choose_cache(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self,
            "Keep measured times in",
            self.timing_cache_file.field.text(),
            "Timing caches (*.cache *.timing);;All files (*)",
            options=QFileDialog.Option.DontConfirmOverwrite,  # it is added to
        )
        if path:
            self.timing_cache_file.field.setText(path)

    def _choose_plugins(self) -> None:
        paths, _ = QFileDialog.getOpenFileNames(
            self, "Plugin libraries", "", "Libraries (*.so *.so.* *.dll);;All files (*)"
        )
        if paths:
            self.plugins.field.setText("; ".join(paths))

    # -- what it shows -------------------------------------------------------------------

    def show_capabilities(self, capabilities: Capabilities | None) -> None:
        """Offer what this TensorRT has; None offers all that any has."""
        self._capabilities = capabilities
        box = self.choices[_HARDWARE]
        kept = box.currentData()
        box.blockSignals(True)
        box.clear()
        for words, value in _HARDWARE_VALUES:
            if value == "none" or self._has(value):
                box.addItem(words, value)
        box.setCurrentIndex(max(box.findData(kept), 0))
        box.blockSignals(False)
        missing = {} if capabilities is None else capabilities.missing
        names: dict[str, list[str]] = {}  # by the reason, which several may share
        for name, why in missing.items():
            if name not in ("build", "progress"):
                names.setdefault(why, []).append(name.replace("-", " "))
        lines = [f"{', '.join(some)}: {one_line(why, 500)}" for why, some in names.items()]
        version = "" if capabilities is None else f"TensorRT {capabilities.version}"
        self.absent.setText(f"Not in {version}:\n" + "\n".join(lines))
        self.absent.setVisible(bool(lines))
        self._show_rows()

    def _has(self, name: str) -> bool:
        """Whether an option of BuildOptions is there, by its field's name."""
        option = "dla" if name == "dla_core" else name.replace("_", "-")
        option = "timing-cache" if name == "timing_cache_file" else option
        if self._capabilities is None or name == "workspace_bytes":
            return True
        if name == _HARDWARE:
            return any(self._capabilities.has(value) for _, value in _HARDWARE_VALUES[1:])
        if name == "strongly_typed" and self._capabilities.always_strongly_typed:
            return False  # nothing to choose
        return self._capabilities.has(option)

    def _show_rows(self) -> None:
        rows: dict[str, QWidget] = {
            "workspace_bytes": self.workspace,
            "plugins": self.plugins,
            "timing_cache_file": self.timing_cache_file,
            **self.choices,
            **self.switches,
        }
        for name, field in rows.items():
            needed = _NEEDS.get(name)
            is_needed = needed is None or bool(self._value(needed) not in (None, False))
            self._form.setRowVisible(field, self._has(name) and is_needed)

    def show_options(self, options: BuildOptions) -> None:
        """Put in what was chosen before."""
        self.blockSignals(True)
        self.workspace.setValue((options.workspace_bytes or 0) / _MEGA)
        for name, box in self.choices.items():
            box.setCurrentIndex(max(box.findData(getattr(options, name)), 0))
        for name, switch in self.switches.items():
            switch.setChecked(getattr(options, name))
        self.timing_cache_file.field.setText(saved_path(options.timing_cache_file))
        self.plugins.field.setText("; ".join(map(str, options.plugins)))
        self.blockSignals(False)
        self._on_changed()

    def _on_changed(self) -> None:
        self._show_rows()
        self.changed.emit()

    # -- what it gives -------------------------------------------------------------------

    def _value(self, name: str) -> Any:
        if name in self.choices:
            return self.choices[name].currentData()
        return self.switches[name].isChecked()

    def chosen(self) -> dict[str, Any]:
        """Fields of BuildOptions; what this TensorRT has not is left out.

        Raises:
            ValueError: for a path that is none; the text says why.
        """
        found: dict[str, Any] = {}
        for name in (*self.choices, *self.switches):
            needed = _NEEDS.get(name)
            if self._has(name) and (needed is None or self._value(needed)):
                found[name] = self._value(name)
        if self.workspace.value():
            found["workspace_bytes"] = round(self.workspace.value() * _MEGA)
        kept = self.timing_cache_file.field.text().strip()
        if kept and found.get("timing_cache"):
            found["timing_cache_file"] = typed_path(kept)
        if self._has("plugins"):
            texts = (text.strip() for text in self.plugins.field.text().split(";"))
            found["plugins"] = tuple(typed_path(text) for text in texts if text)
        return found
