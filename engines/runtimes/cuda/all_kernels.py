"""All kernels of a model, compiled at the same time when it is opened for the first time."""

from pathlib import Path

from engines.model.config import ModelConfig
from engines.runtimes.cuda import attention, experts, many, products, single
from engines.runtimes.cuda.card.compiler import Kernels, compile_together
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.kv_format import KvFormat
from engines.runtimes.cuda.weights import DeviceWeights


def compile_all(
    device: Device, config: ModelConfig, weights: DeviceWeights, form: KvFormat, cache: Path | None, *, cards: int
) -> None:
    """``cards`` share the model; of several, each leaves some kernels unused. Keeps them in ``cache``, from where
    those who use them load them."""
    groups = {product.group for product in (*weights.products, *weights.tables)}
    hopper = cards == 1 and many.suits(device)
    kernels: list[Kernels] = [("rows", {}), ("sample", {}), ("heads", form.settings)]
    kernels += attention.kernels_of(device, form, hopper=hopper)
    kernels += products.kernels_of(device, groups)
    kernels += experts.kernels_for(device, weights)
    if hopper and not weights.for_few_rows:
        kernels += many.kernels_of(groups)
    if not form.has_scales and single.suits(device, config, weights):
        kernels.append(single.kernel_of(device, config, weights.layers[0].products["o"].group, cards))
    compile_together(kernels, device.capability, cache)
