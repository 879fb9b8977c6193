import time, pytest
from pathlib import Path
from core.paths import DEMO_MODEL
@pytest.mark.parametrize("n",range(1))
def test_a(make_app,n):
    t=time.perf_counter()
    app=make_app(file=DEMO_MODEL,drop=(DEMO_MODEL.parent/"picture-2.jpg",))
    print(time.perf_counter()-t, app.document.result.result.source)
    w=app.window
    from PySide6.QtWidgets import QApplication
    seen=[]
    from PySide6.QtTest import QTest
    from PySide6.QtCore import Qt
    f=QApplication.focusWidget(); print("start",f, w.isActiveWindow())
    for i in range(40):
        QTest.keyClick(QApplication.focusWidget() or w, Qt.Key.Key_Tab)
        f=QApplication.focusWidget()
        print(type(f).__name__, f.accessibleName() if f else "", f.objectName() if f else "")
        if f in seen: break
        seen.append(f)
