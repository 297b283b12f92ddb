// Attention of many queries of one sequence on Hopper's tensor cores, for heads of 64 and 128 features.
//
// A block takes 128 (token, query head) pairs that share a KV head, 64 for each group of four warps, and goes through the
// context 64 tokens (four pages) at a time. K and V come into shared memory ahead, in the pieces of 8 rows by 16 bytes
// that the tensor cores take (`matrix_at`); kept in 8 bits they come ahead as they lie, and are expanded in shared memory.
// Two blocks on a multiprocessor: while one weighs, the other multiplies.
#include "attention.cuh"
#include "warpgroup.cuh"

#define TOKENS 64
#define PAGES (TOKENS / PAGE)
#define ROWS 128
#define MATRIX (TOKENS * HEAD * 2)  // bytes of K or V
#if KV == KV_FP16
#define BUFFERS 2  // of matrices
#else
#define BUFFERS 1
#endif

#if __CUDA_ARCH__ == 900

__device__ __forceinline__ void copy_eight(u32 shared, const void* global) {
    asm volatile("cp.async.ca.shared.global [%0], [%1], 8;" ::"r"(shared), "l"(global) : "memory");
}

// Two warps share a page, `part` says which half of it is one's own.
#if KV == KV_FP16
// Asks for the K and V of a page: K as [token >> 3][16 bytes][token & 7], V as [feature >> 3][token >> 3][feature & 7].
__device__ __forceinline__ void load_page(u32 keys, u32 values, const u8* key_block, const u8* value_block, int part) {
    const u16 *const from_keys = (const u16*)key_block, *const from_values = (const u16*)value_block;
    const int lane = threadIdx.x & 31;
    constexpr int PIECES = HEAD / 8;
    // K: 8 tokens by 4 pieces at a time.
    const int token = lane & 7, piece = lane >> 3;
#pragma unroll
    for (int i = 0; i < PIECES / 4; i++)
        copy_async(keys + part * (HEAD * 16) + (i * 4 + piece) * 128 + token * 16, from_keys + (part * 8 + token) * HEAD + (i * 4 + piece) * 8);
    // V: 8 tokens (two quads) of 16 features at a time, 8 bytes each.
    const int row = lane >> 2, quad = lane >> 1 & 1, high = lane & 1;
#pragma unroll
    for (int i = 0; i < HEAD / 16; i++)
        copy_eight(values + (i * 2 + high) * 256 + part * 128 + row * 16 + quad * 8,
                   from_values + i * 256 + (row * 4 + part * 2 + quad) * 8 + high * 4);
}
#else
// Asks for the codes of a page: one half of the pair takes K, the other V.
__device__ __forceinline__ void load_codes(u32 codes, const u8* key_block, const u8* value_block, int part) {
    const u8* const from = part ? value_block : key_block;
    for (int at = (threadIdx.x & 31) * 16; at < KV_BLOCK; at += 512) copy_async(codes + part * KV_BLOCK + at, from + at);
}

// Expands a page's codes to the matrices that `load_page` would have made.
__device__ __forceinline__ void expand_page(u8* keys, u8* values, const u8* codes, int part) {
    const int lane = threadIdx.x & 31, token = lane & 7, g = lane >> 2, t = lane & 3;
    const u32 scale = *(const u16*)(codes + PAGE * HEAD + (part * 8 + token) * 2), both = scale | scale << 16;
#pragma unroll
    for (int i = 0; i < HEAD / 32; i++) {
        const int piece = (lane >> 3) + 4 * ((i + token) & (HEAD / 32 - 1));  // no two lanes meet in a bank
        u32 h[4];
        halves_of(*(const Eight*)(codes + (part * 8 + token) * HEAD + piece * 8), h);
        *(uint4*)(keys + part * (HEAD * 16) + piece * 128 + token * 16) =
            make_uint4(times_halves(low_ones(h[0], h[1]), both), times_halves(high_ones(h[0], h[1]), both),
                       times_halves(low_ones(h[2], h[3]), both), times_halves(high_ones(h[2], h[3]), both));
    }
    const u8* const from = codes + KV_BLOCK;
    const uint2 scales = scales_of(from, t);
#pragma unroll
    for (int i = 0; i < HEAD / 32; i++) {
        const int n = part * (HEAD / 32) + i;
        u32 h[4];
        halves_of(((const Eight*)from)[n * 32 + lane], h);
#pragma unroll
        for (int high = 0; high < 2; high++)
            *(uint2*)(values + (n * 2 + high) * 256 + (t >> 1) * 128 + g * 16 + (t & 1) * 8) =
                make_uint2(times_halves(low_ones(h[high * 2], h[high * 2 + 1]), scales.x),
                           times_halves(high_ones(h[high * 2], h[high * 2 + 1]), scales.y));
    }
}
#endif

extern "C" __global__ void __launch_bounds__(256, 2) attend_many(const __grid_constant__ Attention p) {
    extern __shared__ __align__(1024) u8 memory[];
    let_next_start();
    wait_for_producer();
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, group = warp >> 2;
    const int repeat = p.heads / p.kv_heads, kv_head = blockIdx.x;
    const int* item = p.items + (gridDim.y - 1 - blockIdx.y) * 4;  // the longest first
    const int sequence = item[0], first_row = item[1], rows = item[2], position = item[3];
    const int used = rows * repeat;
    const u32 queries = shared_address(memory), keys = queries + ROWS * HEAD * 2, values = keys + BUFFERS * MATRIX;
    const int* table = p.page_table + (u64)sequence * p.table_stride;
    const int begin = p.window > 0 ? max(0, position - p.window + 1) / TOKENS : 0, end = (position + rows - 1) / TOKENS + 1;
    const int last_page = (position + rows - 1) / PAGE;
    auto load = [&](int block, int buffer) {
        const int page = min(block * PAGES + (warp >> 1), last_page);  // what lies beyond is masked
        const u64 at = (u64)table[page] * p.kv_heads + kv_head;
        const u8 *const key_block = block_of(p.keys, at), *const value_block = block_of(p.values, at);
#if KV == KV_FP16
        const u32 to = buffer * MATRIX + (warp >> 1) * (PAGE * HEAD * 2);
        load_page(keys + to, values + to, key_block, value_block, warp & 1);
#else
        load_codes(values + MATRIX + (buffer * PAGES + (warp >> 1)) * (2 * KV_BLOCK), key_block, value_block, warp & 1);
#endif
        copies_commit();
    };
    load(begin, 0);
    for (int i = threadIdx.x; i < ROWS * (HEAD / 8); i += 256) {
        const int row = i % ROWS, piece = i / ROWS;
        uint4 q = make_uint4(0, 0, 0, 0);
        if (row < used)
            q = *(const uint4*)(p.query + ((u64)(first_row + row / repeat) * p.heads + kv_head * repeat + row % repeat) * HEAD + piece * 8);
        *(uint4*)(memory + (row >> 3) * (HEAD * 16) + piece * 128 + (row & 7) * 16) = q;
    }
    const int row_a = warp * 16 + g, row_b = row_a + 8;
    const int token_a = row_a / repeat, token_b = row_b / repeat;
    const int high_a = position + min(token_a, rows - 1), high_b = position + min(token_b, rows - 1);
    const int low_a = p.window > 0 ? high_a - p.window + 1 : 0, low_b = p.window > 0 ? high_b - p.window + 1 : 0;
    // Tokens that all rows of the warp see need no comparison.
    const int all_high = position + warp * 16 / repeat, all_low = p.window > 0 ? position + min(rows - 1, (warp * 16 + 15) / repeat) - p.window + 1 : 0;
    const float scale = p.cap > 0 ? p.scale : p.scale * LOG2E;
    float out[HEAD / 2], score[TOKENS / 2];
    float most_a = -1e30f, most_b = -1e30f, sum_a = 0, sum_b = 0;
#pragma unroll
    for (int i = 0; i < HEAD / 2; i++) out[i] = 0;
    int buffer = 0;
#pragma unroll 1
    for (int block = begin; block < end; block++) {
        copies_wait<0>();
#if KV == KV_FP16
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        __syncthreads();  // this block's K and V are there, those before it are used up
        if (block + 1 < end) load(block + 1, buffer ^ 1);
        const u32 matrices = buffer * MATRIX;
#else
        __syncthreads();
        if (block + 1 < end) load(block + 1, buffer ^ 1);
        u8* const at = memory + ROWS * HEAD * 2 + (warp >> 1) * (PAGE * HEAD * 2);
        expand_page(at, at + MATRIX, memory + ROWS * HEAD * 2 + 2 * MATRIX + (buffer * PAGES + (warp >> 1)) * (2 * KV_BLOCK), warp & 1);
        asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
        __syncthreads();
        const u32 matrices = 0;
#endif
        const u64 q = matrix_at(queries + group * (64 * HEAD * 2), HEAD * 16);
        const u64 k = matrix_at(keys + matrices, HEAD * 16);
        warpgroup_fence();
#pragma unroll
        for (int step = 0; step < HEAD / 16; step++) multiply_shared(score, q + step * 16, k + step * 16, step > 0);
        warpgroup_commit();
        warpgroup_wait<0>();
        const int base = block * TOKENS;
        if (p.cap > 0) {
#pragma unroll
            for (int i = 0; i < TOKENS / 2; i++) score[i] = tanhf(score[i] * scale / p.cap) * p.cap * LOG2E;
        } else {
#pragma unroll
            for (int i = 0; i < TOKENS / 2; i++) score[i] *= scale;
        }
        if (base + TOKENS - 1 > all_high || base < all_low) {
#pragma unroll
            for (int i = 0; i < TOKENS / 2; i++) {
                const int at = base + (i >> 2) * 8 + 2 * t + (i & 1);
                const bool seen = i & 2 ? at >= low_b && at <= high_b : at >= low_a && at <= high_a;
                if (!seen) score[i] = -1e30f;
            }
        }
        float new_a = most_a, new_b = most_b;
#pragma unroll
        for (int i = 0; i < TOKENS / 2; i += 4) {
            new_a = fmaxf(new_a, fmaxf(score[i], score[i + 1]));
            new_b = fmaxf(new_b, fmaxf(score[i + 2], score[i + 3]));
        }
#pragma unroll
        for (int step = 1; step < 4; step <<= 1) {
            new_a = fmaxf(new_a, __shfl_xor_sync(FULL, new_a, step));
            new_b = fmaxf(new_b, __shfl_xor_sync(FULL, new_b, step));
        }
        // A row that sees nothing yet keeps weights of zero.
        const float least_a = fmaxf(new_a, -1e29f), least_b = fmaxf(new_b, -1e29f);
        const float shrink_a = exp2_fast(most_a - least_a), shrink_b = exp2_fast(most_b - least_b);
        most_a = new_a, most_b = new_b;
        float more_a = 0, more_b = 0;
        u32 weights[PAGES][4];
#pragma unroll
        for (int i = 0; i < TOKENS / 2; i += 4) {
            const float a = exp2_fast(score[i] - least_a), b = exp2_fast(score[i + 1] - least_a);
            const float c = exp2_fast(score[i + 2] - least_b), d = exp2_fast(score[i + 3] - least_b);
            more_a += a + b, more_b += c + d;
            weights[i >> 3][(i >> 1) & 2] = to_half2(a, b), weights[i >> 3][((i >> 1) & 2) + 1] = to_half2(c, d);
        }
        sum_a = sum_a * shrink_a + more_a, sum_b = sum_b * shrink_b + more_b;
#pragma unroll
        for (int i = 0; i < HEAD / 2; i += 4)
            out[i] *= shrink_a, out[i + 1] *= shrink_a, out[i + 2] *= shrink_b, out[i + 3] *= shrink_b;
        warpgroup_fence();
#pragma unroll
        for (int page = 0; page < PAGES; page++)
            Warpgroup<HEAD>::multiply(out, weights[page], matrix_at(values + matrices + page * (PAGE * HEAD * 2), 256), 1);
        warpgroup_commit();
        warpgroup_wait<0>();
        buffer ^= 1;
    }
    const float part_a = 1.0f / quad_sum(sum_a), part_b = 1.0f / quad_sum(sum_b);
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const int row = half ? row_b : row_a;
        if (row >= used) continue;
        const float part = half ? part_b : part_a;
        const u64 token = first_row + (half ? token_b : token_a);
        const int head = (kv_head * repeat + row % repeat) * p.head;
#pragma unroll
        for (int n = 0; n < HEAD / 8; n += 4) {
            u32 pairs[4];
#pragma unroll
            for (int i = 0; i < 4; i++)
                pairs[i] = to_half2(out[(n + i) * 4 + half * 2] * part, out[(n + i) * 4 + half * 2 + 1] * part);
            if (p.packed && p.head % 32 == 0) {  // four pairs that lie together
                if (n * 8 < p.head) *(uint4*)(p.mixed + mixed_place(p, token, head + n * 8 + 2 * t)) = make_uint4(pairs[0], pairs[1], pairs[2], pairs[3]);
                continue;
            }
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int d = (n + i) * 8 + 2 * t;
                if (d < p.head) *(u32*)(p.mixed + mixed_place(p, token, head + d)) = pairs[i];
            }
        }
    }
}

#endif
