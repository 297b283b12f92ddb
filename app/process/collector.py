"""Keeps Python's garbage collector from stopping a server for long.

A full collection looks at every object that could be part of a cycle and holds the interpreter all the while, a tenth
of a second and more with what a server has loaded. What is loaded stays, so it is set apart and looked at no more.
"""

import gc


def set_apart() -> None:
    """Sets apart all objects there are, once garbage among them is collected. They are freed as before when nothing
    refers to them, but those that refer to one another in a circle only by ``search_all``."""
    gc.collect()
    gc.freeze()


def search_all() -> None:
    """Collects also among what was set apart: to be called when something large is given up. Does nothing where nothing
    was set apart."""
    if gc.get_freeze_count():
        gc.unfreeze()
        set_apart()
