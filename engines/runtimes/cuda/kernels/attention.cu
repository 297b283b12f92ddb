// Kernels of attention: few queries against a long context, and many.
#include "attention.cuh"

#ifndef WARPS
#define WARPS 4
#endif

// Few query rows against a long context: the context is cut into `splits` shares, a block's warps take its pages in
// turn. Grid (kv_heads * head blocks, items, splits).
extern "C" __global__ void __launch_bounds__(32 * WARPS) attend_few(const __grid_constant__ Attention p) {
    extern __shared__ __align__(16) float room[];  // [WARPS, tile_rows, HEAD + 2]
    __shared__ u32 arrived;
    let_next_start();
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    const int repeat = p.heads / p.kv_heads, head_blocks = (repeat + 15) / 16;
    const int kv_head = blockIdx.x / head_blocks, first_head = (blockIdx.x % head_blocks) * 16;
    const int own_heads = min(16, repeat - first_head);
    const int* item = p.items + blockIdx.y * 4;
    const int sequence = item[0], first_row = item[1], rows = item[2], position = item[3];
    if (rows == 0) return wait_for_producer();
    const int used = rows * own_heads;  // of the tile's rows
    const int first_page = p.window > 0 ? max(0, position - p.window + 1) / PAGE : 0;
    const int pages = (position + rows - 1) / PAGE + 1 - first_page;
    const int share = max(p.least_pages, (pages + p.splits - 1) / p.splits), splits = (pages + share - 1) / share;
    const int split = blockIdx.z;
    if (split >= splits) return wait_for_producer();
    const int begin = first_page + split * share, end = min(begin + share, first_page + pages);
    const int* table = p.page_table + (u64)sequence * p.table_stride;
    auto place = [&](int page) { return ((u64)table[page] * p.kv_heads + kv_head) * (PAGE * HEAD); };
    // Earlier tokens' K and V come into the L2 while q is computed.
    for (int page = begin + warp; page < min(end, begin + AHEAD * WARPS); page += WARPS)
        prefetch_page(p.keys + place(page), p.values + place(page));
    wait_for_producer();

    Tile tile;
    start(tile);
    const int token_a = g / own_heads, token_b = (g + 8) / own_heads;
    const u64 head_a = kv_head * repeat + first_head + g % own_heads, head_b = kv_head * repeat + first_head + (g + 8) % own_heads;
    load_query(tile, g < used ? p.query + ((u64)(first_row + token_a) * p.heads + head_a) * HEAD : 0,
               g + 8 < used ? p.query + ((u64)(first_row + token_b) * p.heads + head_b) * HEAD : 0, t);
    const int high_a = position + token_a, high_b = position + token_b;
    const int low_a = p.window > 0 ? high_a - p.window + 1 : 0, low_b = p.window > 0 ? high_b - p.window + 1 : 0;
    PageKeys keys;
    u64 at = begin + warp < end ? place(begin + warp) : 0;
    if (begin + warp < end) load_keys(keys, p.keys + at);
    for (int page = begin + warp; page < end; page += WARPS) {
        const u64 next = page + WARPS < end ? place(page + WARPS) : 0;
        if (page + AHEAD * WARPS < end)
            prefetch_page(p.keys + place(page + AHEAD * WARPS), p.values + place(page + AHEAD * WARPS));
        attend(tile, keys, page + WARPS < end ? p.keys + next : 0, p.values + at, page * PAGE, low_a, high_a, low_b, high_b,
               p.scale, p.cap);
        at = next;
    }

    // The warps' shares, then those of the blocks.
    const int width = HEAD + 2;
    const float sum_a = quad_sum(tile.sum[0]), sum_b = quad_sum(tile.sum[1]);
    float* mine = room + warp * p.tile_rows * width;
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int row = g + half * 8;
        if (row >= used) continue;
#pragma unroll
        for (int n = 0; n < OUTPUTS; n++) {
            mine[row * width + n * 8 + 2 * t] = tile.out[n][2 * half];
            mine[row * width + n * 8 + 2 * t + 1] = tile.out[n][2 * half + 1];
        }
        if (t == 0) mine[row * width + HEAD] = tile.most[half], mine[row * width + HEAD + 1] = half ? sum_b : sum_a;
    }
    __syncthreads();
    float* shared_out = p.partial + (u64)(blockIdx.y * gridDim.x + blockIdx.x) * p.splits * p.tile_rows * width;
    const float* from = room;
    int shares = WARPS;
    const int stride = p.tile_rows * width;
    if (splits > 1) {
        float* to = shared_out + (u64)split * stride;
        for (int i = threadIdx.x; i < used * HEAD; i += 32 * WARPS) {
            const int row = i / HEAD, d = i - row * HEAD;
            float most = -1e30f;
            for (int w = 0; w < WARPS; w++) most = fmaxf(most, room[w * stride + row * width + HEAD]);
            float sum = 0, out = 0;
            for (int w = 0; w < WARPS; w++) {
                const float factor = exp2_fast(room[w * stride + row * width + HEAD] - most);
                out += room[w * stride + row * width + d] * factor;
                sum += room[w * stride + row * width + HEAD + 1] * factor;
            }
            to[row * width + d] = out;
            if (d == 0) to[row * width + HEAD] = most, to[row * width + HEAD + 1] = sum;
        }
        __threadfence();
        __syncthreads();
        u32* counter = p.counters + blockIdx.y * gridDim.x + blockIdx.x;
        if (threadIdx.x == 0) arrived = atomicAdd(counter, 1);
        __syncthreads();
        if (arrived != (u32)splits - 1) return;
        __threadfence();
        if (threadIdx.x == 0) *counter = 0;
        from = shared_out, shares = splits;
    }
    for (int i = threadIdx.x; i < used * p.head; i += 32 * WARPS) {
        const int row = i / p.head, d = i - row * p.head;
        float most = -1e30f, sum = 0, out = 0;
        for (int s = 0; s < shares; s++) most = fmaxf(most, from[s * stride + row * width + HEAD]);
        for (int s = 0; s < shares; s++) {
            const float factor = exp2_fast(from[s * stride + row * width + HEAD] - most);
            out += from[s * stride + row * width + d] * factor;
            sum += from[s * stride + row * width + HEAD + 1] * factor;
        }
        const int token = row / own_heads, head = kv_head * repeat + first_head + row % own_heads;
        p.mixed[mixed_place(p, first_row + token, head * p.head + d)] = to_half(out / sum);
    }
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
    auto place = [&](int page) { return ((u64)table[page] * p.kv_heads + kv_head) * (PAGE * HEAD); };
    const int begin = p.window > 0 ? max(0, first - p.window + 1) / PAGE : 0, end = last / PAGE + 1;
    PageKeys keys;
    u64 at = place(begin);
    load_keys(keys, p.keys + at);
    for (int page = begin; page < end; page++) {
        const u64 next = page + 1 < end ? place(page + 1) : 0;
        attend(tile, keys, page + 1 < end ? p.keys + next : 0, p.values + at, page * PAGE, low_a, high_a, low_b, high_b,
               p.scale, p.cap);
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
