"""How many layers of a model fit on the card."""

from engines.model.checkpoint import Checkpoint
from engines.page_size import PAGE_TOKENS
from engines.runtimes.cuda.buffers import buffer_bytes, layers_that_fit
from engines.runtimes.cuda.card.driver import Device
from engines.runtimes.cuda.packed_weights import PackedSource, build
from engines.runtimes.cuda.runtime import LARGEST_RUN
from engines.runtimes.entry import OpenOptions


def fitting_layers(checkpoint: Checkpoint, options: OpenOptions) -> int:
    """With room for one whole context. Without a cache, where nothing is known of the packed weights before they are
    made, all of them."""
    config = checkpoint.config
    if options.cache is None:
        return config.num_layers
    source = PackedSource(build(checkpoint, options.cache, lm_head=options.lm_head))
    context = min(options.max_context or config.max_context, config.max_context)
    pages = min(options.num_pages, -(-context // PAGE_TOKENS))
    head, embedding = source.outer_bytes
    device = Device()
    try:
        other = embedding + buffer_bytes(config, min(LARGEST_RUN, context))
        return layers_that_fit(config, source.layer_bytes, head, other, pages, device.free_bytes, options.kv_cache)
    finally:
        device.close()
