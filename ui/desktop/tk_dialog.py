"""The process that shows a dialog for a folder or files by Tk, and prints the paths that were chosen as a JSON list.

Ends with 2 where there is no desktop to show it on.
"""

import json
import sys


def main() -> None:
    import tkinter
    from tkinter import filedialog

    try:
        root = tkinter.Tk()
    except tkinter.TclError:
        sys.exit(2)
    root.withdraw()
    root.attributes("-topmost", True)  # before the window that asked for it
    if sys.argv[1] == "folder":
        chosen = [filedialog.askdirectory(parent=root, mustexist=True)]
    else:
        chosen = list(filedialog.askopenfilenames(parent=root))
    sys.stdout.write(json.dumps([path for path in chosen if path]))


if __name__ == "__main__":
    main()
