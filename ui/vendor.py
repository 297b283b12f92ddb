"""Fetches the libraries of the page from npm into ``ui/static/vendor`` (``python -m ui.vendor``), or checks them.

The browser loads them as they lie, without a build step. They are named here with their versions; ``vendor.json`` holds
the SHA-256 of every file, which a test compares. Imports of packages by name are turned into paths, nothing else is
changed. Needs ``npm``; nothing else of Docent does.
"""

import hashlib
import json
import re
import subprocess
import tarfile
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent / "static" / "vendor"
_PACKAGES: dict[str, dict[str, str]] = {  # package@version: file or folder in it -> its name here
    "preact@11.2.0": {"dist/preact.mjs": "preact.js", "hooks/dist/hooks.mjs": "preact-hooks.js"},
    "htm@3.1.1": {"dist/htm.module.js": "htm.js", "preact/index.mjs": "htm-preact.js"},
    "@preact/signals-core@1.14.5": {"dist/signals-core.mjs": "signals-core.js"},
    "@preact/signals@2.11.4": {"dist/signals.mjs": "signals.js"},
    "markdown-it@15.0.3": {"dist/browser/markdown-it.esm.min.mjs": "markdown-it.js"},
    "@highlightjs/cdn-assets@11.12.0": {"es/highlight.min.js": "highlight.js"},
    "katex@0.19.1": {"dist/katex.mjs": "katex.js"},
    "pdfjs-dist@5.6.205": {
        "build/pdf.min.mjs": "pdf.js",
        "build/pdf.worker.min.mjs": "pdf.worker.js",
        "standard_fonts": "standard_fonts",
        "cmaps": "cmaps",
        "wasm/openjpeg_nowasm_fallback.js": "wasm/openjpeg_nowasm_fallback.js",
    },
}
_NAMES = {
    "preact": "preact.js",
    "preact/hooks": "preact-hooks.js",
    "htm": "htm.js",
    "@preact/signals-core": "signals-core.js",
}
_IMPORT = re.compile(r'(from\s*)"(' + "|".join(map(re.escape, _NAMES)) + r')"')
_SOURCE_MAP = re.compile(r"\n?//# sourceMappingURL=\S+\s*$")


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for package, files in _PACKAGES.items():
            done = subprocess.run(
                ["npm", "pack", "--silent", package], cwd=scratch, check=True, capture_output=True, text=True
            )
            with tarfile.open(Path(scratch) / done.stdout.split()[-1]) as archive:
                _take(archive, files, package)
    (FOLDER / "vendor.json").write_text(json.dumps(hashes(), indent=1) + "\n", encoding="ascii")


def _take(archive: tarfile.TarFile, files: dict[str, str], package: str) -> None:
    folder = package.rpartition("@")[0].replace("@", "").replace("/", "-")
    wanted = files | {"LICENSE": f"licenses/{folder}.txt"}
    for member in archive.getmembers():
        inside = member.name.partition("/")[2]
        for source, name in wanted.items():
            if member.isfile() and (inside == source or inside.startswith(f"{source}/")):
                target = FOLDER / (name + inside[len(source) :])
                content = archive.extractfile(member)
                assert content is not None, "it is a file"
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(_linked(content.read(), target))


def _linked(content: bytes, target: Path) -> bytes:
    if target.suffix != ".js":
        return content
    text = _SOURCE_MAP.sub("\n", content.decode("utf-8"))
    return _IMPORT.sub(lambda found: f'{found[1]}"./{_NAMES[found[2]]}"', text).encode("utf-8")


def hashes() -> dict[str, str]:
    """Returns the SHA-256 of every file that lies there, by its path."""
    files = sorted(path for path in FOLDER.rglob("*") if path.is_file() and path.name != "vendor.json")
    return {path.relative_to(FOLDER).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    main()
