// Kernels of attention: few queries against a short context (`attention_long.cu` is for the others), and many queries.
#include "shares.cuh"

#ifndef WARPS
#define WARPS 4
#endif

// Few query rows: the warps of a block, or of a cluster of `splits` blocks, take the pages in turn. Grid (kv_heads * head
// blocks * splits, items).
extern "C" __global__ void __launch_bounds__(32 * WARPS) attend_few(const __grid_constant__ Attention p) {
    extern __shared__ __align__(16) float room[];  // [WARPS, tile_rows, SHARE]
    let_next_start();
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    const int repeat = p.heads / p.kv_heads, head_blocks = (repeat + 15) / 16;
    const int splits = p.splits, split = blockIdx.x % splits, block = blockIdx.x / splits;
    const int kv_head = block / head_blocks, first_head = (block % head_blocks) * 16;
    const int own_heads = min(16, repeat - first_head);
    const int* item = p.items + blockIdx.y * 4;
    const int sequence = item[0], first_row = item[1], rows = item[2], position = item[3];
    if (rows == 0) return wait_for_producer();
    const int used = rows * own_heads;  // of the tile's rows
    const int begin = p.window > 0 ? max(0, position - p.window + 1) / PAGE : 0, end = (position + rows - 1) / PAGE + 1;
    const int* table = p.page_table + (u64)sequence * p.table_stride;
    auto place = [&](int page) { return (u64)table[page] * p.kv_heads + kv_head; };
    const int first = begin + split * WARPS + warp, stride = WARPS * splits;
    // Earlier tokens' K and V come into the L2 while q is computed.
    for (int page = first; page < min(end, begin + AHEAD * stride); page += stride)
        prefetch_page(block_of(p.keys, place(page)), block_of(p.values, place(page)));
    PageKeys keys;
    u64 at = first < end ? place(first) : 0;
    const bool early = first < min(end, pages_kept(position, first_row));
    if (early) load_keys(keys, block_of(p.keys, at));
    wait_for_producer();

    Tile tile;
    start(tile);
    const int token_a = g / own_heads, token_b = (g + 8) / own_heads;
    const u64 head_a = kv_head * repeat + first_head + g % own_heads, head_b = kv_head * repeat + first_head + (g + 8) % own_heads;
    load_query(tile, g < used ? p.query + ((u64)(first_row + token_a) * p.heads + head_a) * HEAD : 0,
               g + 8 < used ? p.query + ((u64)(first_row + token_b) * p.heads + head_b) * HEAD : 0, t);
    const int high_a = position + token_a, high_b = position + token_b;
    const int low_a = p.window > 0 ? high_a - p.window + 1 : 0, low_b = p.window > 0 ? high_b - p.window + 1 : 0;
    if (first < end && !early) load_keys(keys, block_of(p.keys, at));
    for (int page = first; page < end; page += stride) {
        const u64 next = page + stride < end ? place(page + stride) : 0;
        if (page + AHEAD * stride < end) {
            const u64 ahead = place(page + AHEAD * stride);
            prefetch_page(block_of(p.keys, ahead), block_of(p.values, ahead));
        }
        attend(tile, keys, page + stride < end ? block_of(p.keys, next) : 0, block_of(p.values, at), page * PAGE, low_a, high_a,
               low_b, high_b, p.scale, p.cap);
        at = next;
    }

    float* const mine = room + warp * p.tile_rows * SHARE;
    const float sum_a = quad_sum(tile.sum[0]), sum_b = quad_sum(tile.sum[1]);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int row = g + half * 8;
        if (row >= used) continue;
#pragma unroll
        for (int n = 0; n < OUTPUTS; n++) {
            mine[row * SHARE + n * 8 + 2 * t] = tile.out[n][2 * half];
            mine[row * SHARE + n * 8 + 2 * t + 1] = tile.out[n][2 * half + 1];
        }
        if (t == 0) mine[row * SHARE + HEAD] = tile.most[half], mine[row * SHARE + HEAD + 1] = half ? sum_b : sum_a;
    }
    const TileRows own = {used, own_heads, kv_head * repeat + first_head, first_row};
#if __CUDA_ARCH__ >= 900
    if (p.clustered) return add_up_cluster<WARPS>(p, room, p.tile_rows * SHARE, split, splits, own);
#endif
    add_up_shares<WARPS>(p, room, p.tile_rows * SHARE, 0, 0, 1, own);
}

#define TILES 8

// Many query rows of one sequence: a warp for 16 (token, head) rows, the warps of a block share K and V in the L1.
// Items are blocks of TILES * 16 rows: [sequence, first row, rows of the item's tokens, position of the first row].
extern "C" __global__ void __launch_bounds__(32 * TILES) attend_many(const __grid_constant__ Attention p) {
    let_next_start();
    wait_for_producer();
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    const int repeat = p.heads / p.kv_heads, kv_head = blockIdx.x;
    const int* item = p.items + (gridDim.y - 1 - blockIdx.y) * 4;  // the longest first
    const int sequence = item[0], first_row = item[1], rows = item[2], position = item[3];
    const int used = rows * repeat, row_a = warp * 16 + g, row_b = row_a + 8;
    if (warp * 16 >= used) return;
    Tile tile;
    start(tile);
    const int token_a = row_a / repeat, token_b = row_b / repeat;
    const u64 head_a = kv_head * repeat + row_a % repeat, head_b = kv_head * repeat + row_b % repeat;
    load_query(tile, row_a < used ? p.query + ((u64)(first_row + token_a) * p.heads + head_a) * HEAD : 0,
               row_b < used ? p.query + ((u64)(first_row + token_b) * p.heads + head_b) * HEAD : 0, t);
    const int high_a = position + token_a, high_b = position + token_b;
    const int low_a = p.window > 0 ? high_a - p.window + 1 : 0, low_b = p.window > 0 ? high_b - p.window + 1 : 0;
    const int first = position + warp * 16 / repeat, last = position + min(rows - 1, (warp * 16 + 15) / repeat);
    const int* table = p.page_table + (u64)sequence * p.table_stride;
    auto place = [&](int page) { return (u64)table[page] * p.kv_heads + kv_head; };
    const int begin = p.window > 0 ? max(0, first - p.window + 1) / PAGE : 0, end = last / PAGE + 1;
    PageKeys keys;
    u64 at = place(begin);
    load_keys(keys, block_of(p.keys, at));
    for (int page = begin; page < end; page++) {
        const u64 next = page + 1 < end ? place(page + 1) : 0;
        attend(tile, keys, page + 1 < end ? block_of(p.keys, next) : 0, block_of(p.values, at), page * PAGE, low_a, high_a, low_b,
               high_b, p.scale, p.cap);
        at = next;
    }
    const float sum_a = 1.0f / quad_sum(tile.sum[0]), sum_b = 1.0f / quad_sum(tile.sum[1]);
#pragma unroll
    for (int n = 0; n < OUTPUTS; n++) {
        const int d = n * 8 + 2 * t;
        if (d >= p.head) continue;
        if (row_a < used)
            *(u32*)(p.mixed + mixed_place(p, first_row + token_a, head_a * p.head + d)) =
                to_half2(tile.out[n][0] * sum_a, tile.out[n][1] * sum_a);
        if (row_b < used)
            *(u32*)(p.mixed + mixed_place(p, first_row + token_b, head_b * p.head + d)) =
                to_half2(tile.out[n][2] * sum_b, tile.out[n][3] * sum_b);
    }
}
