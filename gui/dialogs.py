"""What the window asks the user for: files and folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from core import suffixes

if TYPE_CHECKING:
    from gui.main_window import MainWindow

_RECIPES = "Recipes (*.json);;All files (*)"


def choose_model(window: MainWindow) -> None:
    """Ask for a model file and open it; or for layers that trtexec exported."""
    from PySide6.QtWidgets import QFileDialog

    from gui.dropping import LAYER_SUFFIX

    patterns = " ".join(f"*{suffix}" for suffix in suffixes.MODELS)
    files = f"Models and trtexec's layers ({patterns} *{LAYER_SUFFIX});;All files (*)"
    path, _ = QFileDialog.getOpenFileName(window, "Open a model", "", files)
    if path.lower().endswith(LAYER_SUFFIX):
        window.layers.open_files([Path(path)])
    elif path:
        window.document.open_path(Path(path))


def choose_images(window: MainWindow) -> None:
    """Ask for images and run them; or for a video."""
    from PySide6.QtWidgets import QFileDialog

    from core.video import is_video

    patterns = " ".join(f"*{suffix}" for suffix in (*suffixes.IMAGES, *suffixes.VIDEOS))
    texts, _ = QFileDialog.getOpenFileNames(
        window, "Add images", "", f"Images and videos ({patterns});;All files (*)"
    )
    paths = [Path(text) for text in texts]
    videos = [path for path in paths if is_video(path)]
    window.document.add_images(path for path in paths if path not in videos)
    if videos:
        window.player.open(videos[-1])


def choose_class_names(window: MainWindow) -> None:
    """Ask for a file of class names, and read the outputs with them."""
    from PySide6.QtWidgets import QFileDialog

    from gui.panels.outputs import NAMES_SUFFIXES

    patterns = " ".join(f"*{suffix}" for suffix in NAMES_SUFFIXES)
    path, _ = QFileDialog.getOpenFileName(
        window, "Class names", "", f"Class names ({patterns});;All files (*)"
    )
    if path:
        window.rereading.use_names(Path(path))


def choose_recipe(window: MainWindow) -> None:
    """Ask for a recipe file, and use it."""
    from PySide6.QtWidgets import QFileDialog

    path, _ = QFileDialog.getOpenFileName(window, "Import a recipe", "", _RECIPES)
    if path:
        window.recipe_editing.import_from(Path(path))


def choose_recipe_saving(window: MainWindow) -> None:
    """Ask where to write the recipe to, and write it."""
    from PySide6.QtWidgets import QFileDialog

    file = window.document.file
    suggested = "" if file is None else str(file.path.with_suffix(".recipe.json"))
    path, _ = QFileDialog.getSaveFileName(window, "Export the recipe", suggested, _RECIPES)
    if path:
        window.recipe_editing.export_to(Path(path))


def choose_input_file(window: MainWindow, name: str, kind: str) -> None:
    """Ask for a file that fills an input: kind "image" a picture, "file" an array."""
    from PySide6.QtWidgets import QFileDialog

    from gui.dropping import ARRAYS

    what, found = ("Images", suffixes.IMAGES) if kind == "image" else ("Arrays", ARRAYS)
    patterns = " ".join(f"*{suffix}" for suffix in found)
    path, _ = QFileDialog.getOpenFileName(
        window, f"Fill {name}", "", f"{what} ({patterns});;All files (*)"
    )
    if path and name in window.inputs.rows:
        window.inputs.rows[name].take_file(Path(path), kind)


def choose_saving(window: MainWindow, kind: str) -> None:
    """Ask where to save something of the result (a key of gui.saving.KINDS), and save it."""
    from PySide6.QtWidgets import QFileDialog

    from gui.saving import KINDS

    if not window.saver.can_save(kind):
        return
    title = KINDS[kind].text.replace("&", "").rstrip(".")
    suggested = str(window.saver.suggested(kind))
    path, _ = QFileDialog.getSaveFileName(window, title, suggested, KINDS[kind].files)
    if path:
        window.saver.save(kind, Path(path))


def choose_plugin(window: MainWindow) -> None:
    """Ask for a plugin library, and open the model again with it."""
    from PySide6.QtWidgets import QFileDialog

    path, _ = QFileDialog.getOpenFileName(
        window,
        "Open the model with a plugin library",
        "",
        "Libraries (*.so *.so.* *.dll);;All files (*)",
    )
    if path:
        window.document.open_again(plugin=Path(path))


def choose_plugin_folder(window: MainWindow) -> None:
    """Ask where the missing plugin's library may be, and look there."""
    from PySide6.QtWidgets import QFileDialog

    folder = QFileDialog.getExistingDirectory(window, "Look for the plugin's library in")
    if folder:
        window.document.find_plugin(Path(folder))


def show_about(window: MainWindow) -> None:
    """Say what this is."""
    from PySide6.QtWidgets import QMessageBox

    from core import __version__

    QMessageBox.about(
        window,
        "About Enginebay",
        f"Enginebay {__version__}\n\nOpen a TensorRT engine or an ONNX model, see what it "
        "is, drop images on it, and trust what you read.",
    )
