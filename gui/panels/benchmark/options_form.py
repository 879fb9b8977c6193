"""What to measure, and how: every field of core.benchmark.values.BenchmarkOptions."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Signal
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QLabel,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from core.benchmark.values import DEFINITIONS, MEASUREMENTS, BenchmarkOptions
from gui.panels.benchmark.limits import MOST_BATCH, batch_limits, checked_sweep, size_limits

if TYPE_CHECKING:
    from core.benchmark.swept import Sizes
    from core.tensors import TensorSpec

_DAY_S = 86_400.0


class OptionsForm(QScrollArea):
    """The options as fields; they keep what the user chose when another model opens.

    Attributes:
        trouble: why what is typed cannot be measured; "" where it can.
    """

    changed = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWidgetResizable(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.trouble = ""
        self._on_gpu = True
        self._limit = (1, MOST_BATCH)
        self._images: tuple[str, ...] = ()
        default = BenchmarkOptions()
        self._form = QFormLayout()
        self._form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        self._form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        self.measure = {name: QCheckBox(name.replace("-", " ")) for name in MEASUREMENTS}
        column = QVBoxLayout()
        for name, box in self.measure.items():
            box.setToolTip(f"<qt>{DEFINITIONS[name]}</qt>")
            box.toggled.connect(self._on_changed)
            column.addWidget(box)
        self._form.addRow("Measure", column)
        self.duration = self._seconds(default.duration_s)
        self._add("&Duration", self.duration, "Each measurement goes on at least this long.")
        self.iterations = self._count(1, 100_000_000, default.iterations)
        self._add("&Iterations", self.iterations, "Each measurement has at least so many queries.")
        self.warm_up = self._count(0, 600_000, int(default.warm_up_ms))
        self.warm_up.setSuffix(" ms")
        self._add("&Warm-up", self.warm_up, "Queries run this long before anything is measured.")
        self.warm_up_runs = self._count(0, 1_000_000, default.warm_up_runs)
        self._add("Warm-up runs", self.warm_up_runs, "And at least so many.")
        self.contexts = self._count(0, 16, 0)
        self.contexts.setSpecialValueText("default")
        self._add("&Contexts", self.contexts, "")
        self.find_best = QCheckBox("find the &best")
        self.find_best.toggled.connect(self._on_changed)
        self._add("", self.find_best, "")
        self.graph = QCheckBox("CUDA &graph")
        tip = "Capture a query as a CUDA graph where the engine can be: it is launched in one call."
        self._add("", self.graph, tip)
        self.transfers = QCheckBox("copy inputs and outputs")
        tip = "Copies between host and device are part of every query. Off, they stay on the GPU."
        self._add("", self.transfers, tip)
        self.time_all = QCheckBox("time every query")
        tip = (
            "Time every query stage by stage, as trtexec's JSON needs. Else one in 32 is, where "
            "queries are short: the events cost each some 10 us."
        )
        self._add("", self.time_all, tip)
        self.wait = QComboBox()
        self.wait.addItem("spin", "spin")
        self.wait.addItem("blocking", "blocking")
        tip = "Spin: quickest, and keeps a core busy. Blocking: the thread sleeps until woken."
        self._add("W&ait", self.wait, tip)
        self.profile = QComboBox()
        self._add(
            "Profile",
            self.profile,
            "The optimization profile to use. Default: as in the Inputs panel.",
        )
        self.batch = self._count(0, MOST_BATCH, 0)
        self.batch.setSpecialValueText("default")
        tip = "Pictures in a query. Default: the recipe's, or the profile's best."
        self._add("Ba&tch", self.batch, tip)
        self.sweep = QLineEdit(placeholderText="for example 1, 2, 4, 8")
        tip = (
            "Batches, or sizes of the picture such as 320x320, 640x640, to measure pipelined, one "
            "after another, besides the measurements above."
        )
        self._add("Sw&eep", self.sweep, tip)
        self.note = QLabel(wordWrap=True)
        self.restore_button = QPushButton("Restore the defaults")
        self.restore_button.clicked.connect(self.restore)
        for box in (self.graph, self.transfers, self.time_all):
            box.toggled.connect(self._on_changed)
        self.sweep.textChanged.connect(self._on_changed)
        self.profile.currentIndexChanged.connect(self._on_profile)
        self._inputs: tuple[TensorSpec, ...] = ()
        self._batch_input = ""
        inner = QWidget()
        rows = QVBoxLayout(inner)
        rows.addLayout(self._form)
        rows.addWidget(self.note)
        rows.addWidget(self.restore_button)
        rows.addStretch(1)
        self.setWidget(inner)
        self.restore()

    # -- making it -----------------------------------------------------------------------

    def _add(self, name: str, field: QWidget, tip: str) -> None:
        field.setToolTip(tip)
        self._form.addRow(name, field)
        label = self._form.labelForField(field)
        if name and label is not None:
            label.setToolTip(tip)

    def _count(self, least: int, most: int, value: int) -> QSpinBox:
        box = QSpinBox(minimum=least, maximum=most, value=value)
        box.setGroupSeparatorShown(True)
        box.valueChanged.connect(self._on_changed)
        return box

    def _seconds(self, value: float) -> QDoubleSpinBox:
        box = QDoubleSpinBox(minimum=0.1, maximum=_DAY_S, value=value, decimals=1, suffix=" s")
        box.setGroupSeparatorShown(True)
        box.valueChanged.connect(self._on_changed)
        return box

    # -- what it shows -------------------------------------------------------------------

    def restore(self) -> None:
        """Put the defaults back."""
        default = BenchmarkOptions()
        for name, box in self.measure.items():
            box.setChecked(name in default.measurements)
        self.duration.setValue(default.duration_s)
        self.iterations.setValue(default.iterations)
        self.warm_up.setValue(int(default.warm_up_ms))
        self.warm_up_runs.setValue(default.warm_up_runs)
        self.contexts.setValue(0)
        self.batch.setValue(0)
        self.find_best.setChecked(default.find_best)
        self.graph.setChecked(default.graph)
        self.transfers.setChecked(default.transfers)
        self.time_all.setChecked(default.time_all)
        self.wait.setCurrentIndex(self.wait.findData(default.wait))
        self.profile.setCurrentIndex(0)
        self.sweep.clear()
        self._on_changed()

    def show_model(self, inputs: tuple[TensorSpec, ...], batch_input: str, *, on_gpu: bool) -> None:
        """Offer what this model has.

        Args:
            inputs: of the model.
            batch_input: the input whose first dimension is the batch; "" for none.
            on_gpu: False hides what only a GPU has.
        """
        self._inputs, self._batch_input, self._on_gpu = inputs, batch_input, on_gpu
        for field in (self.graph, self.transfers, self.time_all, self.wait):
            self._form.setRowVisible(field, on_gpu)
        word = "&Contexts" if on_gpu else "Threads"
        tip = (
            "Queries in flight, each with its own stream and buffers. Pipelined only."
            if on_gpu
            else "Threads that run queries at the same time. Pipelined only."
        )
        label = self._form.labelForField(self.contexts)
        if isinstance(label, QLabel):
            label.setText(word)
            label.setToolTip(tip)
        self.contexts.setToolTip(tip)
        self.find_best.setToolTip(
            "Try 1 to 4 contexts, with and without a CUDA graph, and keep the fastest."
            if on_gpu
            else "Try 1 to 4 threads, and keep the fastest."
        )
        count = max((len(one.profiles) for one in inputs), default=0)
        self.profile.blockSignals(True)
        self.profile.clear()
        self.profile.addItem("default", None)
        for number in range(count):
            self.profile.addItem(f"{number}", number)
        self.profile.blockSignals(False)
        self._form.setRowVisible(self.profile, count > 1)
        self._on_profile()

    def show_images(self, paths: tuple[str, ...], *, can_take: bool) -> None:
        """Offer end to end where there are images, and the model takes them."""
        self._images = paths
        box = self.measure["end-to-end"]
        ready = bool(paths) and can_take
        box.setEnabled(ready)
        why = "" if ready else " Drop some images first." if can_take else " It takes no picture."
        box.setToolTip(f"<qt>{DEFINITIONS['end-to-end']}{why}</qt>")
        self._on_changed()

    def _on_profile(self) -> None:
        profile = self.profile.currentData() or 0
        spec = self._sweep_spec()
        self._limit = batch_limits(spec, profile)
        least, most = self._limit
        self.batch.setMaximum(most)
        self.batch.setEnabled(least < most)
        self.batch.setSpecialValueText("default" if least < most else f"{least}, fixed")
        smallest, largest = size_limits(spec, profile)
        self.sweep.setEnabled(least < most or smallest != largest)
        self._on_changed()

    def _on_changed(self) -> None:
        self.contexts.setEnabled(not self.find_best.isChecked())
        try:
            self.options()
        except ValueError as error:
            self.trouble = str(error)
        else:
            self.trouble = ""
        self.note.setText(self.trouble)
        self.note.setVisible(bool(self.trouble))
        self.changed.emit()

    # -- what it gives -------------------------------------------------------------------

    def options(self) -> BenchmarkOptions:
        """What is chosen.

        Raises:
            ValueError: if it cannot be measured; the text says why.
        """
        names = tuple(n for n, box in self.measure.items() if box.isChecked() and box.isEnabled())
        batches: tuple[int, ...] = ()
        sizes: Sizes = ()
        if self.sweep.isEnabled():
            profile = self.profile.currentData() or 0
            batches, sizes = checked_sweep(self.sweep.text(), self._sweep_spec(), profile)
        if not (names or batches or sizes):
            raise ValueError("Choose at least one measurement.")
        batch = self.batch.value()
        least, most = self._limit
        if batch and not least <= batch <= most:
            raise ValueError(f"The batch can be {least:,} to {most:,} here.")
        contexts = self.contexts.value()
        return BenchmarkOptions(
            measurements=names,
            duration_s=self.duration.value(),
            iterations=self.iterations.value(),
            warm_up_ms=float(self.warm_up.value()),
            warm_up_runs=self.warm_up_runs.value(),
            contexts=contexts if contexts and not self.find_best.isChecked() else None,
            find_best=self.find_best.isChecked(),
            graph=self.graph.isChecked(),
            transfers=self.transfers.isChecked() or not self._on_gpu,
            time_all=self.time_all.isChecked(),
            wait=self.wait.currentData(),
            batch=batch or None,
            profile=self.profile.currentData(),
            images=self._images if "end-to-end" in names else (),
            sweep=batches,
            sweep_sizes=sizes,
        )

    def _sweep_spec(self) -> TensorSpec | None:
        """The input whose batch and size a sweep varies."""
        return next((one for one in self._inputs if one.name == self._batch_input), None)
