"""The process that shows Docent by pywebview. Its standard input says what: first one line of JSON, then commands.

    {"link", "storage", "file", "width", "height", "x", "y"}
    focus
    choose folder
    choose files

After a ``choose`` the paths that were chosen are printed as one line, a JSON list. The window is closed where the input
ends. Where it stood is written to ``file``.
"""

import json
import sys
import threading
from contextlib import suppress
from pathlib import Path

from ui.desktop.place import Place, keep_place

_DIALOGS = {"files": 10, "folder": 20}  # pywebview's numbers, which have had several names


def main() -> None:
    import webview

    asked = json.loads(sys.stdin.readline())
    webview.settings["ALLOW_DOWNLOADS"] = True
    window = webview.create_window(
        "Docent", asked["link"], width=asked["width"], height=asked["height"], x=asked["x"], y=asked["y"]
    )

    drawn: list[int] = []

    def place() -> list[int]:
        return [window.width, window.height, window.x, window.y]

    def loaded() -> None:
        if not drawn:
            drawn.extend(place())

    def closing() -> None:
        # What is asked for and what is measured differ by the frame, so the difference is added to what was asked for.
        asked_for = [asked["width"], asked["height"], asked["x"], asked["y"]]
        kept = [
            now if wanted is None else wanted + now - first
            for wanted, now, first in zip(asked_for, place(), drawn or place(), strict=True)
        ]
        with suppress(OSError):  # a full disk
            keep_place(Path(asked["file"]), Place(*kept))

    def choose(what: str) -> None:
        chosen = window.create_file_dialog(_DIALOGS[what], allow_multiple=what == "files")
        sys.stdout.write(json.dumps([str(path) for path in chosen or ()]) + "\n")
        sys.stdout.flush()

    def obey() -> None:
        for line in sys.stdin:
            command, _, what = line.strip().partition(" ")
            if command == "focus":
                window.restore()
                window.show()
            elif command == "choose":
                threading.Thread(target=choose, args=(what,), daemon=True).start()  # "focus" does not wait for it
        window.destroy()

    window.events.loaded += loaded
    window.events.closing += closing
    threading.Thread(target=obey, daemon=True).start()
    webview.start(private_mode=False, storage_path=asked["storage"])


if __name__ == "__main__":
    main()
