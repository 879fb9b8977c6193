"""What a new engine will be: three things to choose, and the rest under More."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QComboBox,
    QFileDialog,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from gui.build_words import PRECISIONS, TYPED_PRECISIONS, Line, precision_words, saved_path
from gui.panels.build.described_form import DescribedForm
from gui.panels.build.more import MoreOptions
from gui.panels.build.path_row import PathRow, typed_path
from gui.panels.build.shapes import ShapesGrid
from gui.panels.build.tab_order import put_in_tab_order
from gui.panels.build.wrapped import WrappedLabel

if TYPE_CHECKING:
    from core.building import BuildOptions
    from core.building.capabilities import Capabilities
    from core.building.record import BuildRecord
    from gui.build_thread import Checked

_METADATA = (
    ("in a file beside the engine", False),
    ("before the engine, as Ultralytics does", True),
)
_PRECISION_TIP = (
    "What layers may compute in. What really came out is told after the build: a wish is only a "
    "permission."
)


class BuildForm(QWidget):
    """The options as fields. They stay when another model is set up; shapes and target do not.

    Attributes:
        trouble: why what is chosen cannot be built; "" where it can.
    """

    changed = Signal()

    def __init__(
        self,
        is_taken: Callable[[Path, BuildOptions], bool],
        parent: QWidget | None = None,
    ) -> None:
        """`is_taken` tells whether a target is that of a build with other options."""
        super().__init__(parent)
        self.trouble = ""
        self._is_taken = is_taken
        self._checked: Checked | None = None
        self._record: BuildRecord | None = None
        self._capabilities: Capabilities | None = None
        self._metadata: dict[str, str] = {}
        self._is_target_typed = False
        self._form = DescribedForm()
        self.precision = QComboBox()
        self.precision.currentIndexChanged.connect(self._on_changed)
        self._form.add("&Precision", self.precision, _PRECISION_TIP)
        self.no_fp16 = WrappedLabel()
        self.no_fp16.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self.no_fp16.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._form.add("", self.no_fp16, "")
        self.assumed = WrappedLabel()
        self.assumed.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self._form.add("", self.assumed, "")
        self.calibration = PathRow("calibration folder", placeholder="not needed with Q/DQ nodes")
        self.calibration.field.textChanged.connect(self._on_changed)
        self.calibration.choose_wanted.connect(self._choose_calibration)
        self._form.add(
            "&Calibration",
            self.calibration,
            "A folder of pictures like those it will see, from which INT8 ranges are taken.",
        )
        self.shapes = ShapesGrid()
        self.shapes.changed.connect(self._on_changed)
        self._form.add("Shapes", self.shapes, "")
        self.memory = WrappedLabel()
        self.memory.setForegroundRole(self.palette().ColorRole.PlaceholderText)
        self._form.add("", self.memory, "")
        self.save_as = PathRow("engine file")
        self.save_as.field.textEdited.connect(self._on_target_typed)
        self.save_as.field.textChanged.connect(self._on_changed)
        self.save_as.choose_wanted.connect(self._choose_target)
        self._form.add("&Save as", self.save_as, "Where the engine goes once it is complete.")
        self.metadata = QComboBox()
        for words, is_prefix in _METADATA:
            self.metadata.addItem(words, is_prefix)
        self.metadata.currentIndexChanged.connect(self._on_changed)
        self.more = MoreOptions()
        self.more.changed.connect(self._on_changed)
        self.more_button = QToolButton()
        self.more_button.setText("Mo&re")
        self.more_button.setToolTip("Everything else that this TensorRT can be asked for")
        self.more_button.setCheckable(True)
        self.more_button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.more_button.setArrowType(Qt.ArrowType.RightArrow)
        self.more_button.toggled.connect(self._show_more)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(self._form)
        column.addWidget(self.more_button)
        column.addWidget(self.more)
        self.more._form.insertRow(0, "Exporter's m&etadata", self.metadata)
        put_in_tab_order([self.metadata], self.more.workspace)
        tip = "Task, class names, stride and image size, which go along with the engine."
        self.metadata.setToolTip(tip)
        self._show_more(False)
        self.show_capabilities(None, "")
        self.show_nothing()

    # -- what it shows -------------------------------------------------------------------

    def show_nothing(self) -> None:
        """Another model is on its way."""
        self._checked = self._record = None
        self._metadata = {}
        self.shapes.show_inputs({}, {}, ())
        self.save_as.field.clear()
        self.setEnabled(False)
        self._on_changed()

    def show_model(self, checked: Checked, record: BuildRecord | None) -> None:
        """Offer what this model needs, as an earlier build's record has it where there is one."""
        if checked is self._checked:
            return
        self._checked, self._record = checked, record
        self.setEnabled(True)
        self._metadata = dict(checked.metadata)
        profiles = checked.profiles
        if record is not None:
            self._show_options(record.options)
            if record.options.profiles:
                profiles = record.options.profiles
        self.shapes.show_inputs(
            checked.free, checked.names, profiles, checked.fixed_words, checked.values
        )
        self._is_target_typed = record is not None
        target = checked.path.with_suffix(".engine") if record is None else record.engine
        self.save_as.field.setText(str(target))
        self.save_as.field.setCursorPosition(len(str(target)))
        self.metadata.setEnabled(bool(self._metadata))
        self._on_changed()

    def _show_options(self, options: BuildOptions) -> None:
        self.more.show_options(options)
        self._choose_precision(options.precision)
        self.calibration.field.setText(saved_path(options.calibration))
        self.metadata.setCurrentIndex(self.metadata.findData(bool(options.metadata)))

    def show_capabilities(self, capabilities: Capabilities | None, assumed: str) -> None:
        """Offer what this TensorRT has; None, where none is here, offers what any has.

        `assumed` says so, in words; "" while it is asked.
        """
        self._capabilities = capabilities
        kept = self.precision.currentData()
        self.precision.blockSignals(True)
        self.precision.clear()
        by_onnx = capabilities is not None and capabilities.always_strongly_typed
        for precision, words in PRECISIONS.items():
            if self._has(precision):
                typed = TYPED_PRECISIONS.get(precision, words)
                self.precision.addItem(typed if by_onnx else words, precision)
        why_not = "" if capabilities is None else capabilities.why_not("fp16")
        self.no_fp16.setText(f"No FP16 here: {why_not}" if why_not else "")
        self._form.setRowVisible(self.no_fp16, bool(why_not))
        self.assumed.setText(assumed)
        self._form.setRowVisible(self.assumed, bool(assumed))
        self._choose_precision(kept or frozenset())
        self.precision.blockSignals(False)
        self.more.show_capabilities(capabilities)
        self._on_changed()

    def _choose_precision(self, precision: frozenset[str]) -> None:
        """Choose as much of it as this TensorRT has; a rare one is added to what is offered."""
        precision = self._left_of(precision)
        box = self.precision  # whose findData knows Python's sets by identity alone
        offered = [box.itemData(at) for at in range(box.count())]
        if precision not in offered:
            box.addItem(precision_words(precision), precision)
            offered.append(precision)
        box.setCurrentIndex(offered.index(precision))

    def record_lines(self) -> tuple[Line, ...]:
        """What is to be said of the record that was put in: where it is from, what is not here."""
        record, capabilities = self._record, self._capabilities
        if record is None:
            return ()
        lines = [Line(record.words)]
        if capabilities is not None:
            from core.building.capabilities import wanted_options

            asked = record.options.precision
            if (left := self._left_of(asked)) != asked:
                by_onnx = TYPED_PRECISIONS if capabilities.always_strongly_typed else {}
                words = by_onnx.get(left) or precision_words(left)
                lines.append(
                    Line(f"Of its precision, {precision_words(asked)}, is left: {words}.", "unsure")
                )
            lines += [
                Line(
                    f"The record asks for {name.replace('-', ' ')}, which is left out here: "
                    f"{capabilities.why_not(name)}",
                    "unsure",
                )
                for name in wanted_options(record.options)
                if not capabilities.has(name)
            ]
        return tuple(lines)

    def _has(self, precision: frozenset[str]) -> bool:
        if self._capabilities is None:
            return True
        return all(self._capabilities.has(one) for one in precision if one != "fp32")

    def _left_of(self, precision: frozenset[str]) -> frozenset[str]:
        """As much of a precision as this TensorRT has."""
        return frozenset(one for one in precision if self._has(frozenset({one})))

    def _show_more(self, shown: bool) -> None:
        self.more.setVisible(shown)
        arrow = Qt.ArrowType.DownArrow if shown else Qt.ArrowType.RightArrow
        self.more_button.setArrowType(arrow)

    # -- what the user does --------------------------------------------------------------

    def _choose_calibration(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, "Pictures for INT8 ranges")
        if folder:
            self.calibration.field.setText(folder)

    def _choose_target(self) -> None:
        path, _ = QFileDialog.getSaveFileName(
            self,
            "Save the engine as",
            self.save_as.field.text(),
            "TensorRT engines (*.engine *.plan *.trt);;All files (*)",
            options=QFileDialog.Option.DontConfirmOverwrite,  # said beside Build, when it counts
        )
        if path:
            self._is_target_typed = True
            self.save_as.field.setText(path)

    def _on_target_typed(self) -> None:
        self._is_target_typed = True

    def _propose_target(self, options: BuildOptions) -> None:
        """Give other options of a model another name, unless the user gave one."""
        path = self.target()
        if self._checked is None or self._is_target_typed or not self._is_taken(path, options):
            return
        model = self._checked.path
        words = "-".join(sorted(options.precision)) or "fp32"
        for number in range(1, 1000):
            more = "" if number == 1 else f"-{number}"
            path = model.with_name(f"{model.stem}-{words}{more}.engine")
            if not self._is_taken(path, options):
                break
        self.save_as.field.blockSignals(True)
        self.save_as.field.setText(str(path))
        self.save_as.field.blockSignals(False)

    def _on_changed(self) -> None:
        precision = self.precision.currentData() or frozenset()
        takes_pictures = "int8" in precision and (
            self._capabilities is None or self._capabilities.has("calibration")
        )
        self._form.setRowVisible(self.calibration, takes_pictures)
        self.trouble = ""
        words = ""
        if self._checked is not None:
            try:
                options = self.options()
                words = self._checked.memory_words(options)
                self._propose_target(options)
            except ValueError as error:
                self.trouble = str(error)
        self.memory.setText(words)
        self._form.setRowVisible(self.memory, bool(words))
        self.changed.emit()

    # -- what it gives -------------------------------------------------------------------

    def target(self) -> Path:
        """Where the engine goes.

        Raises:
            ValueError: if that is no place for it.
        """
        text = self.save_as.field.text().strip()
        if not text:
            raise ValueError("Choose where the engine is saved.")
        path = typed_path(text)
        if self._checked is not None:
            path = self._checked.path.parent / path  # as it is, where it is absolute
            if path == self._checked.path:
                raise ValueError("The engine would replace the ONNX itself; choose another name.")
        return path

    def options(self) -> BuildOptions:
        """What is chosen.

        Raises:
            ValueError: if it does not hold together; the text says why.
        """
        from core.building import BuildOptions
        from core.building.options import check_options
        from core.errors import EnginebayError

        chosen: dict[str, Any] = self.more.chosen()
        folder = self.calibration.field.text().strip()
        if folder and self._form.isRowVisible(self.calibration):
            chosen["calibration"] = typed_path(folder)
        if self.metadata.currentData():
            chosen["metadata"] = self._metadata
        options = BuildOptions(
            precision=self.precision.currentData() or frozenset(),
            profiles=self.shapes.profiles(),
            **chosen,
        )
        try:
            check_options(options)
        except EnginebayError as error:
            raise ValueError(f"{error.message} {error.hint}") from None
        return options
