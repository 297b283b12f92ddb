// Attention over pages of K and V (`kv.cuh`) on the tensor cores.
//
// The order of a head's dimensions in a product is chosen so that each lane's share of K lies together; the order of a
// page's tokens so that the softmax of a lane's scores is what the second product takes. Queries are (token, query head)
// pairs that share a KV head.
#pragma once
#include "kv.cuh"

// HEAD: features of a head, padded to a multiple of 32.
#define CHUNKS (HEAD / 32)
#define OUTPUTS (HEAD / 8)
#define LOG2E 1.4426950408889634f

struct Attention {
    const u16* query;      // [rows, heads, HEAD], rotated
    const u16* keys;       // the layer's blocks, [pages, kv_heads]
    const u16* values;
    u16* mixed;            // [rows, mixed_stride], [heads, head] in a row; `packed`: as `packed_place` says
    const int* items;      // [items, 4]: sequence, first row, rows (0 for none), position of the first row
    const int* page_table; // [sequences, table_stride]
    float* partial;        // [items, kv_heads * head blocks, splits, tile_rows, HEAD + 4]
    u32* counters;         // [items * head blocks], zero
    int heads, kv_heads, head, mixed_stride, table_stride, window, splits, least_pages, tile_rows, packed;
    int clustered;  // the `splits` blocks that share a context are a cluster, neighbours along the grid's first side
    float scale, cap;
};

__device__ __forceinline__ u64 mixed_place(const Attention& p, u64 row, int at) {
    return p.packed ? packed_place(row, at, p.mixed_stride) : row * p.mixed_stride + at;
}

// How many pages of an item's sequence no kernel of this step writes to: they may be read before the producer is done, since
// the embedding, with which a step begins, has waited for all steps before. Of the rows in front, all may be the sequence's.
__device__ __forceinline__ int pages_kept(int position, int first_row) { return max(0, position - first_row) / PAGE; }

struct Tile {
    u32 query[CHUNKS][2][4];
    float out[OUTPUTS][4];
    float most[2], sum[2];
};

__device__ __forceinline__ void start(Tile& tile) {
#pragma unroll
    for (int n = 0; n < OUTPUTS; n++) tile.out[n][0] = tile.out[n][1] = tile.out[n][2] = tile.out[n][3] = 0;
    tile.most[0] = tile.most[1] = -1e30f;
    tile.sum[0] = tile.sum[1] = 0;
}

__device__ __forceinline__ void load_query(Tile& tile, const u16* row_a, const u16* row_b, int t) {
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
        uint4 a = make_uint4(0, 0, 0, 0), b = a;
        if (row_a) a = ordered_as_codes(*(const uint4*)(row_a + c * 32 + t * 8));
        if (row_b) b = ordered_as_codes(*(const uint4*)(row_b + c * 32 + t * 8));
        tile.query[c][0][0] = a.x, tile.query[c][0][1] = b.x, tile.query[c][0][2] = a.y, tile.query[c][0][3] = b.y;
        tile.query[c][1][0] = a.z, tile.query[c][1][1] = b.z, tile.query[c][1][2] = a.w, tile.query[c][1][3] = b.w;
    }
}

struct PageKeys {
    Eight k[2][CHUNKS];
    uint2 scales;
};

__device__ __forceinline__ void load_keys(PageKeys& page, const u8* keys) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const Eight* row = (const Eight*)keys + (4 * (g >> 1) + NEXT_TOKEN * (g & 1)) * (HEAD / 8) + t;
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) page.k[0][c] = row[c * 4], page.k[1][c] = row[NEXT_HALF * (HEAD / 8) + c * 4];
    page.scales = scales_of(keys, t);
}

#define AHEAD 2  // rounds of pages that are asked for ahead of their use: more would push one another out of the L2

// Asks for the K and V of a page and head, by a whole warp.
__device__ __forceinline__ void prefetch_page(const void* keys, const void* values) {
    for (int line = threadIdx.x & 31; line < (KV_BLOCK + 127) / 128; line += 32) {
        const int at = min(line * 128, KV_BLOCK - 1);
        asm volatile("prefetch.global.L2 [%0];" ::"l"((const u8*)keys + at));
        asm volatile("prefetch.global.L2 [%0];" ::"l"((const u8*)values + at));
    }
}

// One page: tokens `base` .. `base + 15`. Row g sees tokens low_a .. high_a, row g + 8 low_b .. high_b. `page` holds the
// page's K, and, once the scores are there, takes that of the next one from `next`, if it is not null.
__device__ __forceinline__ void attend(Tile& tile, PageKeys& page, const u8* next, const u8* values, int base, int low_a,
                                       int high_a, int low_b, int high_b, float scale, float cap) {
    const int lane = threadIdx.x & 31, t = lane & 3;
    Eight v[HEAD / 16];
#pragma unroll
    for (int n = 0; n < HEAD / 16; n++) v[n] = ((const Eight*)values)[n * 32 + lane];
    const uint2 value_scales = scales_of(values, t), key_scales = page.scales;
    float score[2][4];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        score[half][0] = score[half][1] = score[half][2] = score[half][3] = 0;
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
            const u32(&a)[2][4] = tile.query[c];
            u32 k[4];
            halves_of(page.k[half][c], k);
            mma(score[half], a[0][0], a[0][1], a[0][2], a[0][3], k[0], k[1]);
            mma(score[half], a[1][0], a[1][1], a[1][2], a[1][3], k[2], k[3]);
        }
    }
    if (next) load_keys(page, next);
    float most_a = tile.most[0], most_b = tile.most[1];
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            const int inside = NEXT_HALF * half + NEXT_TOKEN * e, at = base + 4 * t + inside;
            const float factor = KV == KV_FP16 ? scale : scale * quarter_of(key_scales, inside);
            float a = score[half][e] * factor, b = score[half][2 + e] * factor;
            if (cap > 0) a = tanhf(a / cap) * cap, b = tanhf(b / cap) * cap;
            a = at >= low_a && at <= high_a ? a * LOG2E : -1e30f;
            b = at >= low_b && at <= high_b ? b * LOG2E : -1e30f;
            score[half][e] = a, score[half][2 + e] = b;
            most_a = fmaxf(most_a, a), most_b = fmaxf(most_b, b);
        }
#pragma unroll
    for (int step = 1; step < 4; step <<= 1) {
        most_a = fmaxf(most_a, __shfl_xor_sync(FULL, most_a, step));
        most_b = fmaxf(most_b, __shfl_xor_sync(FULL, most_b, step));
    }
    const float shrink_a = exp2_fast(tile.most[0] - most_a), shrink_b = exp2_fast(tile.most[1] - most_b);
    tile.most[0] = most_a, tile.most[1] = most_b;
    float sum_a = 0, sum_b = 0;
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            // A row that sees nothing yet has the masked value as its maximum.
            const float a = score[half][e] > -1e29f ? exp2_fast(score[half][e] - most_a) : 0.0f;
            const float b = score[half][2 + e] > -1e29f ? exp2_fast(score[half][2 + e] - most_b) : 0.0f;
            score[half][e] = a, score[half][2 + e] = b;
            sum_a += a, sum_b += b;
        }
    tile.sum[0] = tile.sum[0] * shrink_a + sum_a;
    tile.sum[1] = tile.sum[1] * shrink_b + sum_b;
    const u32 a0 = to_half2(score[0][0], score[0][1]), a1 = to_half2(score[0][2], score[0][3]);
    const u32 a2 = to_half2(score[1][0], score[1][1]), a3 = to_half2(score[1][2], score[1][3]);
#pragma unroll
    for (int n = 0; n < OUTPUTS; n++)
        tile.out[n][0] *= shrink_a, tile.out[n][1] *= shrink_a, tile.out[n][2] *= shrink_b, tile.out[n][3] *= shrink_b;
#pragma unroll
    for (int n = 0; n < HEAD / 16; n++) {
        u32 both[4];
        scaled_values(v[n], value_scales, both);
        mma(tile.out[2 * n], a0, a1, a2, a3, both[0], both[1]);
        mma(tile.out[2 * n + 1], a0, a1, a2, a3, both[2], both[3]);
    }
}

__device__ __forceinline__ float quad_sum(float value) {
    value += __shfl_xor_sync(FULL, value, 1);
    return value + __shfl_xor_sync(FULL, value, 2);
}

__device__ __forceinline__ u32 transposed(u32 matrix) {
    u32 result;
    asm("movmatrix.sync.aligned.m8n8.trans.b16 %0, %1;" : "=r"(result) : "r"(matrix));
    return result;
}

#if KV == KV_FP16
// Up to 8 queries as columns: the scores are K Q^T, their transpose weighs V^T. Half the registers of a Tile.
struct Columns {
    u32 query[CHUNKS][4];
    float out[HEAD / 16][4];  // dimensions g and g + 8, columns 2 t and 2 t + 1
    float most[2], sum[2];    // of columns 2 t and 2 t + 1
};

__device__ __forceinline__ void start(Columns& c) {
#pragma unroll
    for (int n = 0; n < HEAD / 16; n++) c.out[n][0] = c.out[n][1] = c.out[n][2] = c.out[n][3] = 0;
    c.most[0] = c.most[1] = -1e30f;
    c.sum[0] = c.sum[1] = 0;
}

struct PageValues {
    uint4 k[2][CHUNKS], v[HEAD / 16];
};

__device__ __forceinline__ void load_keys(PageValues& page, const u16* keys) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3, token = 4 * (g >> 1) + (g & 1);
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
        page.k[0][c] = __ldcg((const uint4*)(keys + token * HEAD + c * 32 + t * 8));
        page.k[1][c] = __ldcg((const uint4*)(keys + (token + 2) * HEAD + c * 32 + t * 8));
    }
}

__device__ __forceinline__ void load_values(PageValues& page, const u16* values) {
#pragma unroll
    for (int n = 0; n < HEAD / 16; n++) page.v[n] = __ldcg((const uint4*)(values + n * 256 + (threadIdx.x & 31) * 8));
}

// Tokens `base` .. `base + 15`; column 2 t + e sees tokens low[e] .. high[e]. Once the scores are there, `page` takes the K
// of the next one from `next`, if it is not null.
__device__ __forceinline__ void attend(Columns& columns, PageValues& page, const u16* next, int base, const int (&low)[2],
                                       const int (&high)[2], float scale, float cap) {
    const int lane = threadIdx.x & 31, g = lane >> 2;
    float score[4] = {0, 0, 0, 0};
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
        const u32(&q)[4] = columns.query[c];
        mma(score, page.k[0][c].x, page.k[1][c].x, page.k[0][c].y, page.k[1][c].y, q[0], q[1]);
        mma(score, page.k[0][c].z, page.k[1][c].z, page.k[0][c].w, page.k[1][c].w, q[2], q[3]);
    }
    if (next) load_keys(page, next);
    const int token = base + 4 * (g >> 1) + (g & 1);
    float shrink[2];
#pragma unroll
    for (int e = 0; e < 2; e++) {
        float a = score[e] * scale, b = score[2 + e] * scale;
        if (cap > 0) a = tanhf(a / cap) * cap, b = tanhf(b / cap) * cap;
        a = token >= low[e] && token <= high[e] ? a * LOG2E : -1e30f;
        b = token + 2 >= low[e] && token + 2 <= high[e] ? b * LOG2E : -1e30f;
        float most = fmaxf(a, b);
#pragma unroll
        for (int step = 4; step < 32; step <<= 1) most = fmaxf(most, __shfl_xor_sync(FULL, most, step));
        most = fmaxf(most, columns.most[e]);
        shrink[e] = exp2_fast(columns.most[e] - most);
        columns.most[e] = most;
        a = a > -1e29f ? exp2_fast(a - most) : 0.0f;
        b = b > -1e29f ? exp2_fast(b - most) : 0.0f;
        columns.sum[e] = columns.sum[e] * shrink[e] + a + b;
        score[e] = a, score[2 + e] = b;
    }
    const u32 b0 = transposed(to_half2(score[0], score[1])), b1 = transposed(to_half2(score[2], score[3]));
#pragma unroll
    for (int n = 0; n < HEAD / 16; n++) {
        columns.out[n][0] *= shrink[0], columns.out[n][1] *= shrink[1];
        columns.out[n][2] *= shrink[0], columns.out[n][3] *= shrink[1];
        mma(columns.out[n], page.v[n].x, page.v[n].z, page.v[n].y, page.v[n].w, b0, b1);
    }
}
#endif
