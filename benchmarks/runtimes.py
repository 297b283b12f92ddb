"""The runtimes for CPUs by name, for benchmarks that compare them."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from engines.runtimes.native.runtime import NativeRuntime
    from engines.runtimes.onnx.runtime import OnnxRuntime

RUNTIMES = ("native", "native-avx2", "onnx")


def runtime_class(name: str) -> "type[NativeRuntime] | type[OnnxRuntime]":
    """Imports one of ``RUNTIMES``; the packages of the others need not be installed."""
    if name == "onnx":
        from engines.runtimes.onnx.runtime import OnnxRuntime

        return OnnxRuntime
    from engines.runtimes.native.kernels.instructions import KNOWN
    from engines.runtimes.native.runtime import NativeRuntime

    if name == "native":
        return NativeRuntime
    (known,) = (known for known in KNOWN if f"native-{known.name}" == name)

    class Restricted(NativeRuntime):
        """The native runtime restricted to these instructions, though the processor may have better ones."""

        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options, instructions=known)

    return Restricted
