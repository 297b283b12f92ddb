"""Recognises files whose content is still in a cloud (iCloud, OneDrive, Dropbox and others), without fetching them.

Older macOS keeps a hidden file ``.Report.pdf.icloud`` in place of ``Report.pdf``; newer ones and Windows mark the file
itself, and opening it would start a download.
"""

import os
import re
import stat

_ICLOUD = re.compile(r"\.(.+)\.icloud")
_RECALL_ON_OPEN = 0x00040000
_RECALL_ON_DATA_ACCESS = 0x00400000
_NOT_HERE = stat.FILE_ATTRIBUTE_OFFLINE | _RECALL_ON_OPEN | _RECALL_ON_DATA_ACCESS  # Windows file attributes
_DATALESS = 0x40000000  # a flag of macOS (SF_DATALESS)

NOT_DOWNLOADED = (
    "Only its placeholder is here; the file is still in the cloud. Download it (open it, or choose to keep it on this "
    "device), then sync again."
)


def name_in_cloud(name: str) -> str | None:
    """Returns the name of the file that an iCloud placeholder stands for; None for any other file."""
    match = _ICLOUD.fullmatch(name)
    return match[1] if match else None


def is_in_cloud(status: os.stat_result) -> bool:
    """Tells whether the system keeps the content of a file elsewhere and would have to fetch it."""
    return bool(getattr(status, "st_file_attributes", 0) & _NOT_HERE or getattr(status, "st_flags", 0) & _DATALESS)
