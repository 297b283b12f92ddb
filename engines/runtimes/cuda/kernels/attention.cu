// Attention over pages of K and V in float16, on the tensor cores.
//
// K of a page and head lies as [PAGE, HEAD], V as `value_place` says. The order of a head's dimensions in a product is
// chosen so that each lane's share of K is 16 consecutive bytes; the order of a page's tokens so that the softmax of a
// lane's scores is what the second product takes. Rows of a tile are (token, query head) pairs that share a KV head.
#include "common.cuh"

// HEAD: features of a head, padded to a multiple of 32.
#define CHUNKS (HEAD / 32)
#define OUTPUTS (HEAD / 8)
#define LOG2E 1.4426950408889634f

struct Attention {
    const u16* query;      // [rows, heads, HEAD], rotated
    const u16* keys;       // the layer's, [pages, kv_heads, PAGE, HEAD]
    const u16* values;     // the layer's, [pages, kv_heads, ...]
    u16* mixed;            // [rows, mixed_stride], [heads, head] in a row
    const int* items;      // [items, 4]: sequence, first row, rows (0 for none), position of the first row
    const int* page_table; // [sequences, table_stride]
    float* partial;        // [items, kv_heads * head blocks, splits, tile_rows, HEAD + 2]
    u32* counters;         // [items * head blocks], zero
    int heads, kv_heads, head, mixed_stride, table_stride, window, splits, least_pages, tile_rows;
    float scale, cap;
};

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
        if (row_a) a = *(const uint4*)(row_a + c * 32 + t * 8);
        if (row_b) b = *(const uint4*)(row_b + c * 32 + t * 8);
        tile.query[c][0][0] = a.x, tile.query[c][0][1] = b.x, tile.query[c][0][2] = a.y, tile.query[c][0][3] = b.y;
        tile.query[c][1][0] = a.z, tile.query[c][1][1] = b.z, tile.query[c][1][2] = a.w, tile.query[c][1][3] = b.w;
    }
}

// One page: tokens `base` .. `base + 15`. Row g sees tokens low_a .. high_a, row g + 8 low_b .. high_b.
__device__ __forceinline__ void attend(Tile& tile, const u16* keys, const u16* values, int base, int low_a, int high_a,
                                       int low_b, int high_b, float scale, float cap) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    uint4 k[2][CHUNKS], v[HEAD / 16];
    const int token = 4 * (g >> 1) + (g & 1);
#pragma unroll
    for (int c = 0; c < CHUNKS; c++) {
        k[0][c] = *(const uint4*)(keys + token * HEAD + c * 32 + t * 8);
        k[1][c] = *(const uint4*)(keys + (token + 2) * HEAD + c * 32 + t * 8);
    }
#pragma unroll
    for (int n = 0; n < HEAD / 16; n++) v[n] = *(const uint4*)(values + n * 256 + lane * 8);
    float score[2][4];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        score[half][0] = score[half][1] = score[half][2] = score[half][3] = 0;
#pragma unroll
        for (int c = 0; c < CHUNKS; c++) {
            const u32(&a)[2][4] = tile.query[c];
            mma(score[half], a[0][0], a[0][1], a[0][2], a[0][3], k[half][c].x, k[half][c].y);
            mma(score[half], a[1][0], a[1][1], a[1][2], a[1][3], k[half][c].z, k[half][c].w);
        }
    }
    float most_a = tile.most[0], most_b = tile.most[1];
#pragma unroll
    for (int half = 0; half < 2; half++)
#pragma unroll
        for (int e = 0; e < 2; e++) {
            const int at = base + 4 * t + 2 * half + e;
            float a = score[half][e] * scale, b = score[half][2 + e] * scale;
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
        mma(tile.out[2 * n], a0, a1, a2, a3, v[n].x, v[n].y);
        mma(tile.out[2 * n + 1], a0, a1, a2, a3, v[n].z, v[n].w);
    }
}

__device__ __forceinline__ float quad_sum(float value) {
    value += __shfl_xor_sync(FULL, value, 1);
    return value + __shfl_xor_sync(FULL, value, 2);
}

#define WARPS 4

// Few query rows against a long context: the context is cut into `splits` shares, a block's warps take its pages in
// turn. Grid (kv_heads * head blocks, items, splits).
extern "C" __global__ void __launch_bounds__(32 * WARPS) attend_few(const __grid_constant__ Attention p) {
    extern __shared__ __align__(16) float room[];  // [WARPS, tile_rows, HEAD + 2]
    __shared__ u32 arrived;
    let_next_start();
    wait_for_producer();
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    const int repeat = p.heads / p.kv_heads, head_blocks = (repeat + 15) / 16;
    const int kv_head = blockIdx.x / head_blocks, first_head = (blockIdx.x % head_blocks) * 16;
    const int own_heads = min(16, repeat - first_head);
    const int* item = p.items + blockIdx.y * 4;
    const int sequence = item[0], first_row = item[1], rows = item[2], position = item[3];
    if (rows == 0) return;
    const int used = rows * own_heads;  // of the tile's rows
    const int first_page = p.window > 0 ? max(0, position - p.window + 1) / PAGE : 0;
    const int pages = (position + rows - 1) / PAGE + 1 - first_page;
    const int share = max(p.least_pages, (pages + p.splits - 1) / p.splits), splits = (pages + share - 1) / share;
    const int split = blockIdx.z;
    if (split >= splits) return;
    const int begin = first_page + split * share, end = min(begin + share, first_page + pages);

    Tile tile;
    start(tile);
    const int token_a = g / own_heads, token_b = (g + 8) / own_heads;
    const u64 head_a = kv_head * repeat + first_head + g % own_heads, head_b = kv_head * repeat + first_head + (g + 8) % own_heads;
    load_query(tile, g < used ? p.query + ((u64)(first_row + token_a) * p.heads + head_a) * HEAD : 0,
               g + 8 < used ? p.query + ((u64)(first_row + token_b) * p.heads + head_b) * HEAD : 0, t);
    const int high_a = position + token_a, high_b = position + token_b;
    const int low_a = p.window > 0 ? high_a - p.window + 1 : 0, low_b = p.window > 0 ? high_b - p.window + 1 : 0;
    const int* table = p.page_table + (u64)sequence * p.table_stride;
    int next = begin + warp < end ? table[begin + warp] : 0;
    for (int page = begin + warp; page < end; page += WARPS) {
        const u64 at = ((u64)next * p.kv_heads + kv_head) * (PAGE * HEAD);
        if (page + WARPS < end) next = table[page + WARPS];
        attend(tile, p.keys + at, p.values + at, page * PAGE, low_a, high_a, low_b, high_b, p.scale, p.cap);
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
        p.mixed[(u64)(first_row + token) * p.mixed_stride + head * p.head + d] = to_half(out / sum);
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
    for (int page = p.window > 0 ? max(0, first - p.window + 1) / PAGE : 0; page <= last / PAGE; page++) {
        const u64 at = ((u64)table[page] * p.kv_heads + kv_head) * (PAGE * HEAD);
        attend(tile, p.keys + at, p.values + at, page * PAGE, low_a, high_a, low_b, high_b, p.scale, p.cap);
    }
    const float sum_a = 1.0f / quad_sum(tile.sum[0]), sum_b = 1.0f / quad_sum(tile.sum[1]);
    u16* out_a = p.mixed + (u64)(first_row + token_a) * p.mixed_stride + head_a * p.head;
    u16* out_b = p.mixed + (u64)(first_row + token_b) * p.mixed_stride + head_b * p.head;
#pragma unroll
    for (int n = 0; n < OUTPUTS; n++) {
        const int d = n * 8 + 2 * t;
        if (d >= p.head) continue;
        if (row_a < used) *(u32*)(out_a + d) = to_half2(tile.out[n][0] * sum_a, tile.out[n][1] * sum_a);
        if (row_b < used) *(u32*)(out_b + d) = to_half2(tile.out[n][2] * sum_b, tile.out[n][3] * sum_b);
    }
}
