"""Writes the kernels as LLVM code and compiles them."""

from llvmlite import binding, ir

from engines.runtimes.native.kernels import attention, experts, matmul, matmul_blocks, packing, rows
from engines.runtimes.native.kernels.instructions import Instructions
from engines.runtimes.native.kernels.library import Part
from engines.runtimes.native.kernels.linker import Linked, link
from engines.runtimes.native.kernels.program import add_driver


def compiled(instructions: Instructions, part: Part = "decoder") -> Linked:
    """One library's kernels. Takes about a second."""
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    module = ir.Module("docent")
    module.triple = binding.get_process_triple()
    if part == "blocks":
        matmul_blocks.add_kernels(module, instructions)
    elif part == "packing":
        packing.add_kernels(module)
    else:
        matmul.add_kernels(module, instructions)
        rows.add_kernels(module)
        experts.add_kernels(module)
        attention.add_kernels(module)
    add_driver(module)
    # Without this LLVM would call the C library to fill and copy memory.
    code = str(module).replace("\n{\n", ' "no-builtins"\n{\n')
    # What packs is written as it is to be done, and LLVM would rewrite it for seconds.
    return link(_object(code, instructions, rewritten=part != "packing"))


def _object(code: str, instructions: Instructions, *, rewritten: bool) -> bytes:
    processor = instructions.processor or binding.get_host_cpu_name()
    features = instructions.features if instructions.processor else binding.get_host_cpu_features().flatten()
    machine = binding.Target.from_default_triple().create_target_machine(
        cpu=processor, features=features, opt=3 if rewritten else 1, reloc="pic", codemodel="small"
    )
    module = binding.parse_assembly(code)
    module.verify()
    # The kernels are unrolled as far as is good for them.
    options = binding.create_pipeline_tuning_options(speed_level=2 if rewritten else 0)
    options.loop_unrolling = options.loop_vectorization = options.slp_vectorization = False
    passes = binding.create_pass_builder(machine, options)
    passes.getModulePassManager().run(module, passes)
    return bytes(machine.emit_object(module))
