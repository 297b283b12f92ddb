// Few query rows against a long context: what counts is to have enough of K and V under way.
//
// The context is cut into `splits` shares, a block's warps take its pages in turn. Each warp has a ring of STAGES pages in
// shared memory and copies ahead into it. The scores are K Q^T with up to 8 (token, query head) pairs as columns, or twice
// as many; their transpose weighs V^T.
#include "shares.cuh"

#define SLOT (2 * KV_BLOCK)  // bytes: K and V of a page and head
// What weights of values are multiplied by beside the values' scales, so that those of integers do not become too small.
#define WEIGHT (KV == KV_INT8 ? 64.0f : 1.0f)
#define RING (STAGES * SLOT)

// COLUMNS times 8 queries.
template <int COLUMNS>
struct Queries {
    u32 query[COLUMNS][CHUNKS][4];
    float out[COLUMNS][HEAD / 16][4];  // dimensions g and g + 8, columns 2 t and 2 t + 1
    float most[COLUMNS][2], sum[COLUMNS][2];
};

// Tokens `base` .. `base + 15` whose K and V lie in `slot`; column 2 t + e of each eight sees tokens low .. high.
template <int COLUMNS>
__device__ __forceinline__ void attend_page(Queries<COLUMNS>& q, const u8* slot, int base, const int (&low)[COLUMNS][2],
                                            const int (&high)[COLUMNS][2], float scale, float cap) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, inside = 4 * (g >> 1) + NEXT_TOKEN * (g & 1);
    float score[COLUMNS][4];
#pragma unroll
    for (int n = 0; n < COLUMNS; n++) score[n][0] = score[n][1] = score[n][2] = score[n][3] = 0;
    const Eight* const keys = (const Eight*)slot + inside * (HEAD / 8) + t;
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
        u32 first[4], second[4];
        halves_of(keys[c * 4], first);
        halves_of(keys[NEXT_HALF * (HEAD / 8) + c * 4], second);
#pragma unroll
        for (int n = 0; n < COLUMNS; n++) {
            const u32(&own)[4] = q.query[n][c];
            mma(score[n], first[0], second[0], first[1], second[1], own[0], own[1]);
            mma(score[n], first[2], second[2], first[3], second[3], own[2], own[3]);
        }
    }
    float scale_a = scale, scale_b = scale, value_a = 1, value_b = 1;
#if KV != KV_FP16  // scales of two tokens that follow each other
    const u32 of_keys = *(const u32*)(slot + PAGE * HEAD + inside * 2);
    const u32 of_values = *(const u32*)(slot + KV_BLOCK + PAGE * HEAD + inside * 2);
    scale_a *= low_half(of_keys), scale_b *= high_half(of_keys);
    value_a = low_half(of_values) * WEIGHT, value_b = high_half(of_values) * WEIGHT;
#endif
    const int token = base + inside;
    u32 weights[COLUMNS][2];
#pragma unroll
    for (int n = 0; n < COLUMNS; n++) {
        float shrink[2];
#pragma unroll
        for (int e = 0; e < 2; e++) {
            float a = score[n][e] * scale_a, b = score[n][2 + e] * scale_b;
            if (cap > 0) a = tanhf(a / cap) * cap, b = tanhf(b / cap) * cap;
            a = token >= low[n][e] && token <= high[n][e] ? a * LOG2E : -1e30f;
            b = token + NEXT_HALF >= low[n][e] && token + NEXT_HALF <= high[n][e] ? b * LOG2E : -1e30f;
            float most = fmaxf(a, b);
#pragma unroll
            for (int step = 4; step < 32; step <<= 1) most = fmaxf(most, __shfl_xor_sync(FULL, most, step));
            most = fmaxf(most, q.most[n][e]);
            shrink[e] = exp2_fast(q.most[n][e] - most);
            q.most[n][e] = most;
            a = a > -1e29f ? exp2_fast(a - most) : 0.0f;
            b = b > -1e29f ? exp2_fast(b - most) : 0.0f;
            q.sum[n][e] = q.sum[n][e] * shrink[e] + a + b;
            score[n][e] = a, score[n][2 + e] = b;
        }
        weights[n][0] = transposed(to_half2(score[n][0] * value_a, score[n][1] * value_a));
        weights[n][1] = transposed(to_half2(score[n][2] * value_b, score[n][3] * value_b));
        if (__any_sync(FULL, shrink[0] != 1 || shrink[1] != 1))  // seldom behind the first pages
#pragma unroll
        for (int i = 0; i < HEAD / 16; i++) {
            q.out[n][i][0] *= shrink[0], q.out[n][i][1] *= shrink[1];
            q.out[n][i][2] *= shrink[0], q.out[n][i][3] *= shrink[1];
        }
    }
    const Eight* const values = (const Eight*)(slot + KV_BLOCK) + lane;
#pragma unroll
    for (int i = 0; i < HEAD / 16; i++) {
        u32 v[4];
        halves_of(values[i * 32], v);
#pragma unroll
        for (int n = 0; n < COLUMNS; n++) mma(q.out[n][i], v[0], v[2], v[1], v[3], weights[n][0], weights[n][1]);
    }
}

template <int COLUMNS>
__device__ __forceinline__ void run(const Attention& p) {
    extern __shared__ __align__(128) u8 memory[];  // [WARPS, RING], later the warps' shares
    let_next_start();
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    const int repeat = p.heads / p.kv_heads, head_blocks = (repeat + 15) / 16;
    const int split = p.clustered ? blockIdx.x % p.splits : blockIdx.z, block = p.clustered ? blockIdx.x / p.splits : blockIdx.x;
    const int kv_head = block / head_blocks, first_head = (block % head_blocks) * 16;
    const int own_heads = min(16, repeat - first_head);
    const int* item = p.items + blockIdx.y * 4;
    const int sequence = item[0], first_row = item[1], rows = item[2], position = item[3];
    if (rows == 0) return wait_for_producer();
    const int used = rows * own_heads, head = kv_head * repeat + first_head;
    const int first_page = p.window > 0 ? max(0, position - p.window + 1) / PAGE : 0;
    const int pages = (position + rows - 1) / PAGE + 1 - first_page;
    const int share = max(p.least_pages, (pages + p.splits - 1) / p.splits), splits = (pages + share - 1) / share;
    if (split >= splits) return wait_for_producer();
    const int begin = first_page + split * share, end = min(begin + share, first_page + pages);
    const int* table = p.page_table + (u64)sequence * p.table_stride;
    auto place = [&](int number) { return (u64)number * p.kv_heads + kv_head; };
    // Earlier tokens' K and V come into the L2 while q is computed.
    for (int page = begin + warp; page < min(end, begin + AHEAD * WARPS); page += WARPS)
        prefetch_page(block_of(p.keys, place(table[page])), block_of(p.values, place(table[page])));
    int asked = begin + warp, coming = asked < end ? table[asked] : 0;  // the next page to ask for, and where it is
    const u8* const ring = memory + warp * RING;
    const u32 ring_address = shared_address(ring);
    auto ask = [&](int slot) {
        if (asked < end) {
            const u8 *const keys = block_of(p.keys, place(coming)), *const values = block_of(p.values, place(coming));
            const u32 to = ring_address + slot * SLOT;
#pragma unroll
            for (int i = 0; i < KV_BLOCK / 512; i++) copy_async(to + i * 512 + lane * 16, keys + i * 512 + lane * 16);
#pragma unroll
            for (int i = 0; i < KV_BLOCK / 512; i++) copy_async(to + KV_BLOCK + i * 512 + lane * 16, values + i * 512 + lane * 16);
            constexpr int REST = KV_BLOCK % 512 / 16, AT = KV_BLOCK / 512 * 512;
            if (lane < REST) copy_async(to + AT + lane * 16, keys + AT + lane * 16);
            if (lane < REST) copy_async(to + KV_BLOCK + AT + lane * 16, values + AT + lane * 16);
            asked += WARPS;
            coming = asked < end ? table[asked] : 0;
        }
        copies_commit();
    };
    int first_slot = 0;
    for (const int kept = pages_kept(position, first_row); first_slot < STAGES && asked < min(end, kept); first_slot++) ask(first_slot);
    wait_for_producer();
#pragma unroll 1
    for (int slot = first_slot; slot < STAGES; slot++) ask(slot);

    Queries<COLUMNS> q;
    int low[COLUMNS][2], high[COLUMNS][2];
#pragma unroll
    for (int n = 0; n < COLUMNS; n++) {
        const int row = n * 8 + g;
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
            uint4 own = make_uint4(0, 0, 0, 0);
            if (row < used)
                own = ordered_as_codes(*(const uint4*)(p.query + ((u64)(first_row + row / own_heads) * p.heads + head + row % own_heads) * HEAD + c * 32 + t * 8));
            q.query[n][c][0] = own.x, q.query[n][c][1] = own.y, q.query[n][c][2] = own.z, q.query[n][c][3] = own.w;
        }
#pragma unroll
        for (int i = 0; i < HEAD / 16; i++) q.out[n][i][0] = q.out[n][i][1] = q.out[n][i][2] = q.out[n][i][3] = 0;
#pragma unroll
        for (int e = 0; e < 2; e++) {
            q.most[n][e] = -1e30f, q.sum[n][e] = 0;
            high[n][e] = position + (n * 8 + 2 * t + e) / own_heads;
            low[n][e] = p.window > 0 ? high[n][e] - p.window + 1 : 0;
        }
    }
    int slot = 0;
#pragma unroll 1
    for (int page = begin + warp; page < end; page += WARPS) {
        copies_wait<STAGES - 1>();
        __syncwarp();
        attend_page(q, ring + slot * SLOT, page * PAGE, low, high, p.scale, p.cap);
        __syncwarp();
        ask(slot);
        if (++slot == STAGES) slot = 0;
    }
    copies_wait<0>();
    __syncwarp();
    float* const mine = (float*)ring;  // the warp's own part, which nobody reads any more
#pragma unroll
    for (int n = 0; n < COLUMNS; n++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            float sum = q.sum[n][e];
#pragma unroll
            for (int step = 4; step < 32; step <<= 1) sum += __shfl_xor_sync(FULL, sum, step);
            const int row = n * 8 + 2 * t + e;
            if (row >= used) continue;
            float* const to = mine + row * SHARE;
#pragma unroll
            for (int i = 0; i < HEAD / 16; i++) to[i * 16 + g] = q.out[n][i][e], to[i * 16 + 8 + g] = q.out[n][i][2 + e];
            if (g == 0) to[HEAD] = q.most[n][e], to[HEAD + 1] = sum * WEIGHT;
        }
    const TileRows own_rows = {used, own_heads, head, first_row};
#if __CUDA_ARCH__ >= 900
    if (p.clustered) return add_up_cluster<WARPS>(p, (float*)memory, RING / 4, split, splits, own_rows);
#endif
    add_up_shares<WARPS>(p, (float*)memory, RING / 4, blockIdx.y * gridDim.x + blockIdx.x, split, splits, own_rows);
}

// Grid (kv_heads * head blocks, items, splits), or with `clustered` (kv_heads * head blocks * splits, items).
extern "C" __global__ void __launch_bounds__(32 * WARPS) attend_long_8(const __grid_constant__ Attention p) { run<1>(p); }
extern "C" __global__ void __launch_bounds__(32 * WARPS) attend_long_16(const __grid_constant__ Attention p) { run<2>(p); }
