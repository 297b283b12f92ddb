"""Checks the JSDoc types of the page's modules with TypeScript (``python -m ui.check_types``).

Every module begins with ``// @ts-check``; the vendored libraries have no types and are not looked at. TypeScript comes
from npm in a fixed version and is kept in the user's cache folder. Where there is no Node.js, or npm cannot fetch it,
that is said and nothing is checked.
"""

import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import platformdirs

_TYPESCRIPT = "typescript@5.9.3"
_PROJECT = Path(__file__).parent / "jsconfig.json"


def main() -> int:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        sys.stdout.write("The types of ui/static were not checked: Node.js with npm is not installed.\n")
        return 0
    compiler = _compiler(npm)
    if compiler is None:
        sys.stdout.write(f"The types of ui/static were not checked: npm could not fetch {_TYPESCRIPT}.\n")
        return 0
    return subprocess.run([node, str(compiler), "--project", str(_PROJECT)], check=False).returncode


def _compiler(npm: str) -> Path | None:
    """Where the compiler lies, fetched if need be; None where that fails."""
    folder = Path(platformdirs.user_cache_dir("docent-dev", appauthor=False)) / _TYPESCRIPT
    compiler = folder / "package" / "lib" / "tsc.js"
    if compiler.is_file():
        return compiler
    folder.mkdir(parents=True, exist_ok=True)
    packed = subprocess.run(
        [npm, "pack", "--silent", _TYPESCRIPT], cwd=folder, capture_output=True, text=True, check=False
    )
    if packed.returncode or not packed.stdout.split():
        return None
    with tarfile.open(folder / packed.stdout.split()[-1]) as archive:
        archive.extractall(folder, filter="data")
    return compiler if compiler.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
