// y = x W^T of experts with their rows. Items as in `experts.cu`; the weights of all experts lie one after the other.
//
// How many items there are is known on the card alone: the tiles of all of them, one after the other, are shared out among
// the blocks in equal stretches. A block passes its stretch in runs: tiles of one item, as many as are summed up at a time,
// by one slice of the inputs. As in `product.cu` each warp has its own ring of units; it goes on from run to run.
#include "product.cuh"

#define ITEM 4         // integers: expert, first place, rows
#define BEFORE_ROWS 2  // units of a warp under way before its block's rows, which would come behind all that are

struct Run {
    int at, tiles, slice;  // the first tile, counted over all items
};

// With the rows and the target of an item.
__device__ __forceinline__ Product of_item(const Product& p, int4 item) {
    Product own = p;
    own.rows = item.z;
    if (p.sources) own.sources = p.sources + item.y;
    else own.source = (const u16*)p.source + (u64)item.y * p.source_stride;
    own.target = (u8*)p.target + (u64)item.y * p.target_stride * (p.mode == LOGITS ? 4 : 2);
    return own;
}

// QUADS: columns 2 t and 2 t + 1 are stored for t < QUADS; 1 where there are at most two rows.
template <int NT, int STAGES, int QUADS>
__device__ __forceinline__ void run(const Product& p) {
    extern __shared__ __align__(128) u8 memory[];
    __shared__ int4 known[2];  // this item and the one before or behind
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const int slice = p.slice, stride = slice + 32, slice_chunks = slice >> 7;  // inputs of a run, at most
    // So many warps share the inputs of a tile, the others take further tiles.
    const int sharing = 1 << p.sharing_log, part = warp & (sharing - 1), which = warp >> p.sharing_log;
    const int together_log = WARPS_LOG - p.sharing_log, together = 1 << together_log;
    u8* const ring = memory + warp * (STAGES * UNIT);
    float4* const sums = (float4*)(memory + WARPS * STAGES * UNIT);  // [batch_tiles, sharing, NT, QUADS, 8]
    float* const x_sums = (float*)(sums + ((p.batch_tiles * (NT * QUADS * 8)) << p.sharing_log));
    u16* const x = (u16*)(x_sums + (GROUP > 0 ? slice_chunks * GROUPS_OF_CHUNK * NT * 8 : 0));

    if (!p.items_known) wait_for_producer();
    const int all = __ldcg(p.items) * p.tiles, share = all / (int)gridDim.x, rest = all - share * (int)gridDim.x;
    const int block = blockIdx.x, begin = block * share + min(block, rest), end = begin + share + (block < rest);
    auto tiles_from = [&](int at) { return min(p.batch_tiles, min(end - at, p.tiles - at % p.tiles)); };
    auto next = [&](Run& run) {
        if (++run.slice < p.splits) return;
        run.at += run.tiles, run.slice = 0;
        if (run.at < end) run.tiles = tiles_from(run.at);
    };
    auto chunks_of = [&](const Run& run) {  // this warp's
        return max(0, (min(slice_chunks, p.chunks - run.slice * slice_chunks) - part + sharing - 1) >> p.sharing_log);
    };

    Run asked = {begin, begin < end ? tiles_from(begin) : 0, 0};
    const u8* ask_at = p.weights;
    int left = 0, left_of_tile = 0;
    auto begin_asking = [&]() {
        const int item = asked.at / p.tiles, tile = asked.at - item * p.tiles, expert = __ldcg(p.items + ITEM * (1 + item));
        left_of_tile = chunks_of(asked);
        left = left_of_tile * ((asked.tiles - which + together - 1) >> together_log);
        const u64 first = ((u64)expert * p.tiles + tile + which) * p.chunks + asked.slice * slice_chunks + part;
        ask_at = p.weights + first * UNIT + lane * 16;
    };
    auto ask = [&](u32 slot) {
        while (left <= 0 && asked.at < end) {
            next(asked);
            if (asked.at < end) begin_asking();
            else if (threadIdx.x == 0) let_next_start();
        }
        if (left > 0) {
            const u32 to = shared_address(ring) + lane * 16 + slot * UNIT;
#pragma unroll
            for (int i = 0; i < UNIT / 512; i++) copy_async(to + i * 512, ask_at + i * 512);
            if (UNIT % 512 && lane < UNIT % 512 / 16) copy_async(to + UNIT / 512 * 512, ask_at + UNIT / 512 * 512);
            ask_at += sharing * UNIT;
            left--;
            if (--left_of_tile == 0) {  // to the next tile
                left_of_tile = chunks_of(asked);
                ask_at += (together * p.chunks - left_of_tile * sharing) * UNIT;
            }
        }
        copies_commit();
    };
    if (begin < end) begin_asking();
    else if (threadIdx.x == 0) let_next_start();
    int filled = 0;
#pragma unroll 1
    for (; filled < (p.items_known ? STAGES : min(STAGES, BEFORE_ROWS)); filled++) ask(filled);
    if (p.items_known) wait_for_producer();

    u32 slot = 0;
    int loaded = -1;  // the item whose rows are there
    Early early;
    early.loaded = false;
#pragma unroll 1
    for (Run now = {begin, begin < end ? tiles_from(begin) : 0, 0}; now.at < end; next(now)) {
        const int item = now.at / p.tiles, tile = now.at - item * p.tiles;
        if (item != loaded || p.splits > 1) {
            const int4 found = __ldcg((const int4*)p.items + 1 + item);
            if (threadIdx.x == 0) known[item & 1] = found;
            load_rows<NT, QUADS == 1 || NT == 4 ? 4 : 8>(of_item(p, found), x, x_sums, stride, now.slice * slice, slice, early);
            loaded = item;
        } else {
            block_sync();
        }
#pragma unroll 1
        for (; filled < STAGES; filled++) ask(filled);
        // Columns beyond the rows compute what nobody reads.
        const int rows = known[item & 1].z;
        const u16* columns[NT];
#pragma unroll
        for (int n = 0; n < NT; n++)
            columns[n] = x + (n * 8 + g < rows ? n * 8 + g : 0) * stride + part * 128 + t * LANE_INPUTS;
        const int own_chunks = chunks_of(now);
        for (int i = which; i < now.tiles; i += together) {
            float sum[NT][4];
            const u16* at[NT];
#pragma unroll
            for (int n = 0; n < NT; n++) sum[n][0] = sum[n][1] = sum[n][2] = sum[n][3] = 0, at[n] = columns[n];
            const float* groups = x_sums + part * (GROUPS_OF_CHUNK * NT * 8);
#pragma unroll 1
            for (int j = 0; j < own_chunks; j++) {
                copies_wait<STAGES - 1>();
                __syncwarp();
                multiply<NT>(ring + slot * UNIT, at, 0, groups, sum);
                __syncwarp();
                ask(slot);
                if (++slot == STAGES) slot = 0;
#pragma unroll
                for (int n = 0; n < NT; n++) at[n] += sharing * 128;
                groups += sharing * (GROUPS_OF_CHUNK * NT * 8);
            }
            if (t < QUADS)
#pragma unroll
                for (int n = 0; n < NT; n++) {
                    float4* const place = sums + ((((i << p.sharing_log) + part) * NT + n) * QUADS + t) * 8 + g;
                    float4 value = make_float4(sum[n][0], sum[n][1], sum[n][2], sum[n][3]);
                    if (now.slice > 0) value.x += place->x, value.y += place->y, value.z += place->z, value.w += place->w;
                    *place = value;
                }
        }
        block_sync();
        if (now.slice < p.splits - 1) continue;
        const Product own = of_item(p, known[item & 1]);
        const int work = now.tiles * NT * QUADS * 8;
        for (int i = threadIdx.x; i < ((work + 31) & ~31); i += THREADS) {
            const int inner = i & 7, quad = (i >> 3) % QUADS, n = (i >> 3) / QUADS % NT, of_run = (i >> 3) / (QUADS * NT);
            const int row = n * 8 + quad * 2;
            const bool first = i < work && row < own.rows, second = i < work && row + 1 < own.rows;
            float4 whole = make_float4(0, 0, 0, 0);
            if (first)
                for (int w = 0; w < sharing; w++) {
                    const float4 one = sums[((((of_run << p.sharing_log) + w) * NT + n) * QUADS + quad) * 8 + inner];
                    whole.x += one.x, whole.y += one.y, whole.z += one.z, whole.w += one.w;
                }
            finish(own, tile + of_run, inner, row, whole.x, whole.z, first);
            finish(own, tile + of_run, inner, row + 1, whole.y, whole.w, second);
        }
    }
}

#define BOUNDS __launch_bounds__(THREADS)
extern "C" __global__ void BOUNDS product_2(const __grid_constant__ Product p) { run<1, STAGES_2, 1>(p); }
extern "C" __global__ void BOUNDS product_8(const __grid_constant__ Product p) { run<1, STAGES_8, 4>(p); }
extern "C" __global__ void BOUNDS product_16(const __grid_constant__ Product p) { run<2, STAGES_16, 4>(p); }
extern "C" __global__ void BOUNDS product_32(const __grid_constant__ Product p) { run<4, STAGES_32, 4>(p); }
