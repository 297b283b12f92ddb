"""The runtimes for CPUs by name, for benchmarks that compare them."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engines.runtimes.onnx_cpu import OnnxRuntime
    from engines.runtimes.openvino_cpu import OpenVinoRuntime

RUNTIMES = ("onnx", "openvino")


def runtime_class(name: str) -> "type[OnnxRuntime] | type[OpenVinoRuntime]":
    """One of ``RUNTIMES``; the others' packages need not be there."""
    if name == "onnx":
        from engines.runtimes.onnx_cpu import OnnxRuntime

        return OnnxRuntime
    from engines.runtimes.openvino_cpu import OpenVinoRuntime

    return OpenVinoRuntime
