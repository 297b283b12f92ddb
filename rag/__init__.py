"""Documents -> passages -> hits -> answer with citations. Knows nothing of engines, windows or settings files."""

import docent as docent  # before any library that would report home
