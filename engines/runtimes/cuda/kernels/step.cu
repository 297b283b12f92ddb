// A whole decode step of one token in one kernel: a block for each multiprocessor, a barrier over the grid between phases.
//
// A layer has five phases: q, k, v with rotation and the write to the pages; attention; o; gate and up; down. Weights do
// not depend on any of them, so the warp that reads them ahead runs on through the phases: while a block waits at a barrier
// or attends, the memory delivers what comes next. Needs all blocks on the card at the same time (a cooperative launch).
#include "attention.cuh"
#include "product.cuh"

struct Stream {
    const u8* weights;
    int tiles, chunks;
};

struct Step {
    const Product* products;      // [streams]
    const Stream* streams;        // four for each layer, and the output layer's if it has the same kind of weights
    const Attention* attentions;  // [layers]
    u32* counters;                // [5 * layers + 1], zero
    const u32* shares;            // [multiprocessors + 1]: where each one's share of the outputs begins, in 65536ths
    int layers, count;
};

// The share of the outputs that a multiprocessor takes.
struct Share {
    u32 begin, end;

    __device__ __forceinline__ int first(int tiles) const { return (int)(((u64)tiles * begin + 32768) >> 16); }
    __device__ __forceinline__ int last(int tiles) const { return (int)(((u64)tiles * end + 32768) >> 16); }
};

template <typename T>
__device__ __forceinline__ void copy_words(T* to, const T* from) {
    for (int i = threadIdx.x; i < (int)(sizeof(T) / 4); i += THREADS) ((u32*)to)[i] = ((const u32*)from)[i];
}

// Attention of one token: the blocks share KV heads and pages, the warps of a block its pages.
__device__ __forceinline__ void attend_one(const Attention& p, float* room, const u32* counter) {
    __shared__ u32 arrived;
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, g = lane >> 2, t = lane & 3;
    const int repeat = p.heads / p.kv_heads, kv_head = blockIdx.x % p.kv_heads, split = blockIdx.x / p.kv_heads;
    const int position = p.items[3], active = p.items[2];
    const int first_page = p.window > 0 ? max(0, position - p.window + 1) / PAGE : 0;
    const int pages = position / PAGE + 1 - first_page, most_splits = max(1, (int)gridDim.x / p.kv_heads);
    const int share = max(p.least_pages, (pages + most_splits - 1) / most_splits), splits = (pages + share - 1) / share;
    if (!active || split >= splits) return;
    const int begin = first_page + split * share, end = min(begin + share, first_page + pages);
    // Earlier tokens' K and V come into the L2 while q is computed.
    for (int page = begin + warp; page < end; page += WARPS) {
        const u64 at = ((u64)p.page_table[page] * p.kv_heads + kv_head) * (PAGE * HEAD);
        for (int line = lane; line < PAGE * HEAD / 64; line += 32) {
            asm volatile("prefetch.global.L2 [%0];" ::"l"(p.keys + at + line * 64));
            asm volatile("prefetch.global.L2 [%0];" ::"l"(p.values + at + line * 64));
        }
    }
    grid_wait<THREADS>(counter, gridDim.x);
    Columns columns;
    start(columns);
    load_query(columns, g < repeat ? p.query + (kv_head * repeat + g) * HEAD : 0, t);
    const int high[2] = {position, position}, low_token = p.window > 0 ? position - p.window + 1 : 0;
    const int low[2] = {low_token, low_token};
    for (int page = begin + warp; page < end; page += WARPS) {
        const u64 at = ((u64)p.page_table[page] * p.kv_heads + kv_head) * (PAGE * HEAD);
        PageValues values;
        load_page(values, p.keys + at, p.values + at);
        attend(columns, values, page * PAGE, low, high, p.scale, p.cap);
    }
    const int width = HEAD + 2, stride = repeat * width;
#pragma unroll
    for (int e = 0; e < 2; e++) {
        float sum = columns.sum[e];
#pragma unroll
        for (int step = 4; step < 32; step <<= 1) sum += __shfl_xor_sync(FULL, sum, step);
        if (2 * t + e >= repeat) continue;
        float* mine = room + warp * stride + (2 * t + e) * width;
#pragma unroll
        for (int n = 0; n < HEAD / 16; n++)
            mine[n * 16 + g] = columns.out[n][e], mine[n * 16 + 8 + g] = columns.out[n][2 + e];
        if (g == 0) mine[HEAD] = columns.most[e], mine[HEAD + 1] = sum;
    }
    block_sync();
    const int warps = min(WARPS, end - begin);
    float* shared_out = p.partial + (u64)kv_head * most_splits * stride;
    for (int i = threadIdx.x; i < repeat * HEAD; i += THREADS) {
        const int row = i / HEAD, d = i - row * HEAD;
        float most = -1e30f, sum = 0, out = 0;
        for (int w = 0; w < warps; w++) most = fmaxf(most, room[w * stride + row * width + HEAD]);
        for (int w = 0; w < warps; w++) {
            const float factor = exp2_fast(room[w * stride + row * width + HEAD] - most);
            out += room[w * stride + row * width + d] * factor;
            sum += room[w * stride + row * width + HEAD + 1] * factor;
        }
        if (splits == 1) {
            if (d < p.head) p.mixed[(kv_head * repeat + row) * p.head + d] = to_half(out / sum);
        } else {
            float* to = shared_out + split * stride + row * width;
            to[d] = out;
            if (d == 0) to[HEAD] = most, to[HEAD + 1] = sum;
        }
    }
    if (splits == 1) return;
    __threadfence();
    block_sync();
    if (threadIdx.x == 0) arrived = atomicAdd(p.counters + kv_head, 1);
    block_sync();
    if (arrived != (u32)splits - 1) return;
    __threadfence();
    if (threadIdx.x == 0) p.counters[kv_head] = 0;
    for (int i = threadIdx.x; i < repeat * p.head; i += THREADS) {
        const int row = i / p.head, d = i - row * p.head;
        const float* from = shared_out + row * width;
        float most = -1e30f, sum = 0, out = 0;
        for (int s = 0; s < splits; s++) most = fmaxf(most, __ldcg(from + s * stride + HEAD));
        for (int s = 0; s < splits; s++) {
            const float factor = exp2_fast(__ldcg(from + s * stride + HEAD) - most);
            out += __ldcg(from + s * stride + d) * factor;
            sum += __ldcg(from + s * stride + HEAD + 1) * factor;
        }
        p.mixed[(kv_head * repeat + row) * p.head + d] = to_half(out / sum);
    }
}

extern "C" __global__ void __launch_bounds__(THREADS + 32, 1) step(const __grid_constant__ Step step) {
    extern __shared__ __align__(128) u8 memory[];
    __shared__ Product p;
    __shared__ Attention attention;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    u8* const room = memory + RING_SLICES * SLICE;  // a product's sums and inputs, or attention's shares
    __shared__ __align__(8) u64 barriers[2 * RING_SLICES];
    u32 multiprocessor;
    asm("mov.u32 %0, %smid;" : "=r"(multiprocessor));
    const Share share = {step.shares[multiprocessor], step.shares[multiprocessor + 1]};
    Taker<RING_SLICES> taker;
    taker.ring.init(memory, barriers);
    if (warp == WARPS) {
        u32 filled = 0;
        for (int number = 0; number < step.count; number++) {
            const Stream stream = step.streams[number];
            const int begins = share.first(stream.tiles);
            filled = taker.ring.fill(stream.weights + (u64)begins * stream.chunks * UNIT, share.last(stream.tiles) - begins,
                                     stream.chunks >> 1, (u64)stream.chunks * UNIT, filled);
        }
        return;
    }
    u32 taken = 0;
    u32* counter = step.counters;  // of the phase that is under way
    wait_for_producer();
#pragma unroll 1
    for (int number = 0; number < step.count; number++) {
        if (number % 4 == 1) {
            copy_words(&attention, step.attentions + number / 4);
            block_sync();
            attend_one(attention, (float*)room, counter - 1);
            grid_arrive<THREADS>(counter);
            counter++;
        }
        copy_words(&p, step.products + number);
        block_sync();
        const int first_tile = share.first(p.tiles), own_tiles = share.last(p.tiles) - first_tile;
        const int pairs = p.chunks >> 1, slice = pairs * 256;
        float4* const sums = (float4*)room;  // [batch_tiles, WARPS, 8]
        float* const x_sums = (float*)(sums + p.batch_tiles * (WARPS * 8));
        u16* const x = (u16*)(x_sums + 2 * pairs * GROUPS_OF_CHUNK * 8);
        Early early;
        load_early(p, 0, slice, early);
        if (number) grid_wait<THREADS>(counter - 1, gridDim.x);
        if (own_tiles > 0) load_rows<1>(p, x, x_sums, slice, 0, slice, early);
        const u16* const columns[1] = {x + t * 8};
        int place = warp;
        taker.start(taken);
        for (int batch = 0; batch < own_tiles; batch += p.batch_tiles) {
            const int tiles = min(p.batch_tiles, own_tiles - batch);
            for (int i = 0; i < tiles; i++) {
                float sum[1][4];
                multiply_tile<1, 1>(memory, taker, place, pairs, columns, x_sums, sum);
                if (t == 0) sums[(i * WARPS + warp) * 8 + g] = make_float4(sum[0][0], 0, sum[0][2], 0);
            }
            block_sync();
            for (int i = threadIdx.x; i < ((tiles * 8 + 31) & ~31); i += THREADS) {
                const int inner = i & 7, tile = i >> 3;
                const bool active = i < tiles * 8;
                float a = 0, b = 0;
                if (active) {
#pragma unroll
                    for (int w = 0; w < WARPS; w++) {
                        const float4 one = sums[(tile * WARPS + w) * 8 + inner];
                        a += one.x, b += one.z;
                    }
                }
                finish(p, first_tile + batch + tile, inner, 0, a, b, active);
            }
            if (batch + p.batch_tiles < own_tiles) block_sync();
        }
        release_rest(taker, own_tiles * pairs);
        taken += (own_tiles * pairs + 3) >> 2;
        grid_arrive<THREADS>(counter);
        counter++;
    }
}
