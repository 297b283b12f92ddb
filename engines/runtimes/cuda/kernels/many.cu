// y = x W^T for 2 to any number of rows of x on Hopper's tensor cores (compute capability 9.0): the weights go from their
// units to the registers that the tensor cores take them from, the rows of x are the other side of the product, so that
// few rows cost hardly more than one and the values of a unit are computed once for all of them.
//
// x lies packed (`packed_place`). A block takes 128 outputs times BLOCKS and COLUMNS rows. The inputs are shared by the
// blocks of a cluster, and, where there are few rows, by the two halves of a block's warps; the sums of all shares are
// added up in the shared memory of whoever hands the outputs on, always in the same order. A warp of its own reads ahead
// through a ring of slots; it asks for the first weights before the kernel's input is there.
#define WARPS 8
#include "many_outputs.cuh"

#if __CUDA_ARCH__ == 900

// HALVES of the warps share the inputs: a slot holds 128 for each. READERS: warps beside those that compute; with two of
// them the kernel takes over norms, with four registers change hands. `map` says where the weights lie, if they are INT4.
template <int COLUMNS, int BLOCKS, int HALVES, int CHUNKS, int READERS, int TOGETHER>
__device__ __forceinline__ void run(const Product& p, const u8* map) {
    extern __shared__ __align__(1024) u8 memory[];
    __shared__ __align__(8) u64 barriers[2 * MOST_SLOTS];
    __shared__ float factors[COLUMNS];
    constexpr bool NORMS = READERS == 2;  // takes over norms; a second warp beside those that compute looks after them
    constexpr int TILES = 8 * BLOCKS, OCTETS = COLUMNS / 8, STEPS = BLOCKS == 1 ? 4 : 2, OWN = CHUNKS / HALVES;
    // Few columns: the scale is taken to the sums of a group, a chunk, instead of its weights.
    constexpr bool LATER = BITS == 4 && GROUP == 128 && COLUMNS <= 16 && BLOCKS == 1 && OWN == 2;
    constexpr int COMPUTING = 8 * HALVES, TILE_BYTES = OCTETS * 512 + 64;
    constexpr u32 X_AT = CHUNKS * TILES * UNIT, SLOT = X_AT + CHUNKS * COLUMNS * 256;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, slots = p.batch_tiles, splits = p.splits;
    const int first_tile = blockIdx.z * TILES, first_row = blockIdx.y * COLUMNS;
    const int all = p.chunks / CHUNKS, share = (all + splits - 1) / splits;
    const int begin = min(all, (int)blockIdx.x * share), count = min(all, begin + share) - begin;
    const u32 ring = shared_address(memory), full = shared_address(barriers), empty = full + 8 * MOST_SLOTS;
    if (threadIdx.x < slots) {
        barrier_init(full + 8 * threadIdx.x, 1);
        barrier_init(empty + 8 * threadIdx.x, COMPUTING);
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    // The sums of a cluster have a place of their own beside the ring, or lie where the ring was.
    const bool beside = splits > 1 && p.sums_at > 0;
    if (beside) cluster_arrive();

    if (warp >= COMPUTING) {
        if (READERS == 4) give_registers<40>();
        if (warp == COMPUTING && lane == 0) {
            const int octets = min(OCTETS, (p.rows - first_row + 7) >> 3);
            const u8* const x = (const u8*)p.source + ((u64)(first_row >> 7) * p.chunks << 15) + (first_row >> 3 & 15) * 2048;
#if BITS == 4
            const u32 bytes = CHUNKS * (TILES * UNIT + octets * 2048);
#else
            const int own_tiles = min(TILES, p.tiles - first_tile);
            const u32 bytes = CHUNKS * (own_tiles * UNIT + octets * 2048);
#endif
            auto ask_weights = [&](int number, int slot) {
                copies_begin(full + 8 * slot, bytes);
#pragma unroll
                for (int inner = 0; inner < CHUNKS; inner++) {
                    const int chunk = (begin + number) * CHUNKS + inner;
                    const u32 to = ring + slot * SLOT + inner * (TILES * UNIT);
#if BITS == 4
#pragma unroll
                    for (int b = 0; b < BLOCKS; b++)
                        copy_units(to + b * (8 * UNIT), map, chunk, first_tile + b * 8, full + 8 * slot);
#else
                    for (int tile = 0; tile < own_tiles; tile++)
                        bulk_copy(to + tile * UNIT, p.weights + ((u64)(first_tile + tile) * p.chunks + chunk) * UNIT, UNIT,
                                  full + 8 * slot);
#endif
                }
            };
            auto ask_x = [&](int number, int slot) {
#pragma unroll
                for (int inner = 0; inner < CHUNKS; inner++)
                    bulk_copy(ring + slot * SLOT + X_AT + inner * (COLUMNS * 256),
                              x + ((u64)((begin + number) * CHUNKS + inner) << 15), octets * 2048, full + 8 * slot);
            };
            const int early = min(slots, count);
            for (int i = 0; i < early; i++) ask_weights(i, i);
            if (count <= slots) let_next_start();
            wait_for_producer();
            for (int i = 0; i < early; i++) ask_x(i, i);
            int slot = 0, parity = 0;
            for (int i = slots; i < count; i++) {
                barrier_wait(empty + 8 * slot, parity);
                ask_weights(i, slot);
                ask_x(i, slot);
                if (++slot == slots) slot = 0, parity ^= 1;
            }
            if (count > slots) let_next_start();
        }
        if (NORMS && warp > COMPUTING && p.next_scales) {
            wait_for_producer();
            find_factors<COLUMNS>(p, first_row, factors);
        }
        __syncwarp();
        if (NORMS && warp > COMPUTING && splits == 1) some_arrive<32 * COMPUTING + 32>(2);
        if (splits > 1) {
            if (!beside) cluster_arrive();
            cluster_wait();
            cluster_arrive();
            cluster_wait();
        }
    } else {
        if (READERS == 4) take_registers<232>();
        const int group = warp >> 2 & 1, half = HALVES == 2 ? warp >> 3 : 0;  // group of warps
        float d[BLOCKS][COLUMNS / 2], sum[LATER ? COLUMNS / 2 : 1], scale_a = 0, scale_b = 0;
        auto take_group = [&] {
#pragma unroll
            for (int n = 0; n < COLUMNS / 2; n += 4) {
                sum[n] += d[0][n] * scale_a, sum[n + 1] += d[0][n + 1] * scale_a;
                sum[n + 2] += d[0][n + 2] * scale_b, sum[n + 3] += d[0][n + 3] * scale_b;
            }
        };
        if (LATER)
#pragma unroll
            for (int n = 0; n < COLUMNS / 2; n++) sum[n] = 0;
        u32 a[2][BLOCKS][STEPS][4];
        const int tiles = (TILES + splits - 1) / splits;  // that a block hands on
        const int own = blockIdx.x * tiles, own_count = min(tiles, TILES - own);
        wait_for_producer();
        int slot = 0, parity = 0, before = -1;
#pragma unroll 1
        for (int i = 0; i < count; i++) {
            barrier_wait(full + 8 * slot, parity);
            const u8* const units = memory + slot * SLOT + (half * OWN * TILES + group * BLOCKS * 4 + (warp & 3)) * UNIT;
            const u64 x = matrix_at(ring + slot * SLOT + X_AT + half * (OWN * COLUMNS * 256), 2048);
            Constants constants[BLOCKS];
#pragma unroll
            for (int part = 0; part < OWN * 8 / STEPS; part++) {  // STEPS of 16 inputs each
                const int which = part & 1, first = part * STEPS % 8, chunk = part * STEPS / 8;
                const u8* const unit = units + chunk * (TILES * UNIT);
                auto step_on = [&] {
                    warpgroup_wait<1>();
                    if (part == 1 && before >= 0 && lane == 0) barrier_arrive(empty + 8 * before);
                };
                if (LATER && part % 2 == 0) warpgroup_wait<1>();  // whose weights' registers are taken now
                if (!LATER && BLOCKS == 1) step_on();
#if BITS == 4
                u32 words[BLOCKS][STEPS];
#pragma unroll
                for (int b = 0; b < BLOCKS; b++) {
                    const u8* const at = unit + b * (4 * UNIT) + SCALE_BYTES + first / 4 * 512 + lane * 16 + first % 4 * 4;
                    if (STEPS == 4) {
                        const uint4 four = *(const uint4*)at;
                        words[b][0] = four.x, words[b][1] = four.y, words[b][STEPS - 2] = four.z, words[b][STEPS - 1] = four.w;
                    } else {
                        const uint2 two = *(const uint2*)at;
                        words[b][0] = two.x, words[b][1] = two.y;
                    }
                    if (first % STEPS_OF_GROUP == 0) constants[b].load(unit + b * (4 * UNIT) + first / STEPS_OF_GROUP * 64 + (lane >> 2) * 8);
                }
#endif
                if (BLOCKS > 1) step_on();
#pragma unroll
                for (int b = 0; b < BLOCKS; b++)
#pragma unroll
                    for (int s = 0; s < STEPS; s++) {
#if BITS == 4
                        if (s > 0 && (first + s) % STEPS_OF_GROUP == 0)
                            constants[b].load(unit + b * (4 * UNIT) + (first + s) / STEPS_OF_GROUP * 64 + (lane >> 2) * 8);
                        expand_word<!LATER>(words[b][s], constants[b], a[which][b][s]);
#else
                        const uint4 four = *(const uint4*)(unit + b * (4 * UNIT) + (first + s) * 512 + lane * 16);
                        a[which][b][s][0] = four.x, a[which][b][s][1] = four.y;
                        a[which][b][s][2] = four.z, a[which][b][s][3] = four.w;
#endif
                    }
                if (LATER && part % 2 == 0) {  // while this one's weights were expanded, the group before has been summed up
                    warpgroup_wait<0>();
                    if (part == 0 && before >= 0 && lane == 0) barrier_arrive(empty + 8 * before);
                    if (part > 0 || i > 0) take_group();
                    scale_a = low_half(constants[0].scale_a), scale_b = low_half(constants[0].scale_b);
                }
                warpgroup_fence();
#pragma unroll
                for (int s = 0; s < STEPS; s++)
#pragma unroll
                    for (int b = 0; b < BLOCKS; b++)
                        Warpgroup<COLUMNS>::multiply(d[b], a[which][b][s], x + chunk * (COLUMNS * 16) + (first + s) * 16,
                                                     LATER ? first + s > 0 : part + s > 0 || i > 0);
                warpgroup_commit();
            }
            before = slot;
            if (++slot == slots) slot = 0, parity ^= 1;
        }
        warpgroup_wait<0>();
        if (LATER) {
            take_group();
#pragma unroll
            for (int n = 0; n < COLUMNS / 2; n++) d[0][n] = sum[n];
        }
        u8* const sums = memory + p.sums_at;
        Change change;
        if (NORMS && p.next) {
            const Place<OCTETS> place(p, warp, own_count, first_tile + own, first_row);
            if (place.used) change.load(p, first_tile + own + place.inner, place.row);
        }
        __syncwarp();
        if (splits > 1) {
            if (!beside) cluster_arrive();
            cluster_wait();  // all blocks are there, or have read their rings
        } else {
            some_sync<32 * COMPUTING>();  // nobody reads the ring any more
        }
#pragma unroll
        for (int b = 0; b < BLOCKS; b++) {
            const int tile = (group * BLOCKS + b) * 4 + (warp & 3), owner = tile / tiles;
            u8* const mine = sums + ((blockIdx.x * HALVES + half) * tiles + tile - owner * tiles) * TILE_BYTES + lane * 16;
            if (splits > 1) {
                const u32 theirs = address_in(shared_address(mine), owner);
#pragma unroll
                for (int n = 0; n < OCTETS; n++)
                    asm volatile("st.shared::cluster.v4.f32 [%0], {%1, %2, %3, %4};" ::"r"(theirs + n * 512), "f"(d[b][4 * n]),
                                 "f"(d[b][4 * n + 2]), "f"(d[b][4 * n + 1]), "f"(d[b][4 * n + 3]) : "memory");
            } else {
#pragma unroll
                for (int n = 0; n < OCTETS; n++)
                    *(float4*)(mine + n * 512) = make_float4(d[b][4 * n], d[b][4 * n + 2], d[b][4 * n + 1], d[b][4 * n + 3]);
            }
        }
        __syncwarp();
        if (splits > 1) {
            cluster_arrive();
            cluster_wait();
        } else if (NORMS) {
            some_sync<32 * COMPUTING + 32>(2);  // the factors of rows are there as well
        } else {
            some_sync<32 * COMPUTING>();
        }
        add_up<OCTETS, COMPUTING, NORMS>(p, sums, splits * HALVES, tiles, own_count, first_tile + own, first_row, change, factors);
    }
}

#define MANY(columns, blocks, halves, chunks, readers, together)                                                       \
    extern "C" __global__ void __launch_bounds__(256 * halves + 32 * readers, together)                                \
        many_##columns##_##blocks##_##halves(const __grid_constant__ Product p, const u8* map) {                       \
        run<columns, blocks, halves, chunks, readers, together>(p, map);                                               \
    }

MANY(8, 1, 1, 2, 2, 2)
MANY(16, 1, 1, 2, 2, 2)
MANY(32, 1, 1, 2, 2, 2)
MANY(64, 1, 2, 2, 1, 1)
MANY(64, 2, 1, 1, 1, 1)
MANY(128, 1, 1, 1, 1, 1)
MANY(128, 2, 1, 1, 4, 1)

#endif
