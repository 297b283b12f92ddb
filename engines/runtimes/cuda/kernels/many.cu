// y = x W^T for 2 to any number of rows of x on Hopper's tensor cores (compute capability 9.0): the weights go from their
// units to the registers that the tensor cores take them from, the rows of x are the other side of the product, so that
// few rows cost hardly more than one and the values of a unit are computed once for all of them.
//
// x lies packed (`packed_place`). A block takes 128 outputs times BLOCKS and COLUMNS rows. The inputs are shared by the
// blocks of a cluster, and, where there are few rows, by the two halves of a block's warps; the sums of all shares are
// added up in the shared memory of whoever hands the outputs on, always in the same order. A warp of its own reads ahead
// through a ring of slots; it asks for the first weights before the kernel's input is there.
#define WARPS 8
#include "many.cuh"

#if __CUDA_ARCH__ == 900

__device__ __forceinline__ void cluster_arrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }
__device__ __forceinline__ void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }

__device__ __forceinline__ uint4 eight_halves(const float (&v)[8]) {
    return make_uint4(to_half2(v[0], v[1]), to_half2(v[2], v[3]), to_half2(v[4], v[5]), to_half2(v[6], v[7]));
}

__device__ __forceinline__ void load_eight(const float* from, float (&v)[8]) {
    const float4 low = __ldg((const float4*)from), high = __ldg((const float4*)(from + 4));
    v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w, v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
}

// What becomes of the outputs of a tile for one row: a[g] is output g, b[g] output g + 8.
__device__ __forceinline__ void hand_on(const Product& p, int tile, int row, float (&a)[8], float (&b)[8]) {
    const int output = tile * 16;
    if (p.bias) {
        float more[8];
        load_eight(p.bias + output, more);
#pragma unroll
        for (int g = 0; g < 8; g++) a[g] += more[g];
        load_eight(p.bias + output + 8, more);
#pragma unroll
        for (int g = 0; g < 8; g++) b[g] += more[g];
    }
    if (p.mode == RESIDUAL) {  // nobody else adds to these; an addition need not be waited for
        float* to = (float*)p.target + (u64)row * p.target_stride + output;
        const bool whole = output + 16 <= p.outputs && p.target_stride % 4 == 0;
        if (whole && p.rows > 64) {  // additions in the L2 would be slower than reading
            float4* const four = (float4*)to;
            float4 old[4];
#pragma unroll
            for (int i = 0; i < 4; i++) old[i] = four[i];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const float(&v)[8] = i < 2 ? a : b;
                const int g = i % 2 * 4;
                four[i] = make_float4(old[i].x + v[g], old[i].y + v[g + 1], old[i].z + v[g + 2], old[i].w + v[g + 3]);
            }
            return;
        }
        if (whole) {
#pragma unroll
            for (int g = 0; g < 8; g += 4) {
                asm volatile("red.relaxed.gpu.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(to + g), "f"(a[g]), "f"(a[g + 1]),
                             "f"(a[g + 2]), "f"(a[g + 3]) : "memory");
                asm volatile("red.relaxed.gpu.global.add.v4.f32 [%0], {%1, %2, %3, %4};" ::"l"(to + 8 + g), "f"(b[g]),
                             "f"(b[g + 1]), "f"(b[g + 2]), "f"(b[g + 3]) : "memory");
            }
            return;
        }
#pragma unroll
        for (int g = 0; g < 8; g++) {
            if (output + g < p.outputs) to[g] += a[g];
            if (output + 8 + g < p.outputs) to[8 + g] += b[g];
        }
    } else if (p.mode == GATED) {
        const int at = tile * 8;
#pragma unroll
        for (int g = 0; g < 8; g++) a[g] = at + g < p.outputs ? gated(a[g], p.gelu) * b[g] : 0.0f;
        u16* const target = (u16*)p.target;
        const uint4 all = eight_halves(a);
        if (p.packed) {
            u16* const to = target + packed_place(row, at, p.target_stride);  // the next pairs lie 64 further each
            *(u32*)to = all.x, *(u32*)(to + 64) = all.y, *(u32*)(to + 128) = all.z, *(u32*)(to + 192) = all.w;
        } else {
            *(uint4*)(target + (u64)row * p.target_stride + at) = all;
        }
    } else if (p.mode == STORE) {
        u16* to = (u16*)p.target + (u64)row * p.target_stride + output;
        if (output + 16 <= p.outputs && p.target_stride % 8 == 0) {
            *(uint4*)to = eight_halves(a), *(uint4*)(to + 8) = eight_halves(b);
            return;
        }
#pragma unroll
        for (int g = 0; g < 8; g++) {
            if (output + g < p.outputs) to[g] = to_half(a[g]);
            if (output + 8 + g < p.outputs) to[8 + g] = to_half(b[g]);
        }
    } else if (p.mode == LOGITS) {
        float* to = (float*)p.target + (u64)row * p.target_stride + output;
#pragma unroll
        for (int g = 0; g < 8; g++) {
            if (p.cap > 0) a[g] = tanhf(a[g] / p.cap) * p.cap, b[g] = tanhf(b[g] / p.cap) * p.cap;
            if (output + g < p.outputs) to[g] = a[g];
            if (output + 8 + g < p.outputs) to[8 + g] = b[g];
        }
    } else {
        const int of_head = p.head >> 4, head = tile / of_head, j = tile - head * of_head, slot = __ldg(p.slots + row);
        int first = j * 16, second = first + 8;
        if (head < p.heads + p.kv_heads && j < (p.rotary >> 4)) {
            first = j * 8, second = (p.rotary >> 1) + first;
            const int at = __ldg(p.positions + row) * (p.rotary >> 1) + first;
            float c[8], s[8];
            load_eight(p.cosines + at, c);
            load_eight(p.sines + at, s);
#pragma unroll
            for (int g = 0; g < 8; g++) {
                const float turned = a[g] * c[g] - b[g] * s[g];
                b[g] = b[g] * c[g] + a[g] * s[g];
                a[g] = turned;
            }
        }
        u16* to;
        const u64 page = slot / PAGE;
        const int inside = slot % PAGE;
        if (head < p.heads) {
            to = (u16*)p.target + (u64)row * p.target_stride + head * p.head_padded;
        } else if (slot < 0) {
            return;
        } else if (head < p.heads + p.kv_heads) {
            to = p.keys + ((page * p.kv_heads + head - p.heads) * PAGE + inside) * p.head_padded;
        } else {
            to = p.values + (page * p.kv_heads + head - p.heads - p.kv_heads) * PAGE * p.head_padded;
#pragma unroll
            for (int g = 0; g < 8; g++)
                to[value_place(inside, first + g)] = to_half(a[g]), to[value_place(inside, second + g)] = to_half(b[g]);
            return;
        }
        *(uint4*)(to + first) = eight_halves(a), *(uint4*)(to + second) = eight_halves(b);
    }
}

// Adds up the shares of `count` tiles from `first_tile` on and hands them on. A lane takes a tile of a row. `sums`: for
// each of `shares`, `tiles` times [OCTETS, 32] of outputs g and g + 8 of rows 2 t and 2 t + 1, and 64 bytes that keep
// neighbouring tiles in different banks.
template <int OCTETS, int WARPS_OF_ALL>
__device__ __forceinline__ void add_up(const Product& p, const u8* sums, int shares, int tiles, int count, int first_tile,
                                       int first_row) {
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, quads = (count + 3) >> 2;
    for (int item = warp; item < quads * OCTETS; item += WARPS_OF_ALL) {
        const int inner = item % quads * 4 + (lane & 3), octet = item / quads, row = first_row + octet * 8 + (lane >> 2);
        if (inner >= count || first_tile + inner >= p.tiles || row >= p.rows) continue;
        const u8* from = sums + inner * (OCTETS * 512 + 64) + octet * 512 + (lane >> 2) * 8;
        float a[8], b[8];
#pragma unroll
        for (int g = 0; g < 8; g++) a[g] = b[g] = 0;
        for (int s = 0; s < shares; s++) {
#pragma unroll
            for (int g = 0; g < 8; g++) {
                const float2 both = *(const float2*)(from + g * 64);
                a[g] += both.x, b[g] += both.y;
            }
            from += tiles * (OCTETS * 512 + 64);
        }
        hand_on(p, first_tile + inner, row, a, b);
    }
}

// HALVES of the warps share the inputs: a slot holds 128 for each. READERS: warps beside those that compute; with four of
// them registers change hands. `map` says where the weights lie, if they are INT4.
template <int COLUMNS, int BLOCKS, int HALVES, int CHUNKS, int READERS, int TOGETHER>
__device__ __forceinline__ void run(const Product& p, const u8* map) {
    extern __shared__ __align__(1024) u8 memory[];
    __shared__ __align__(8) u64 barriers[2 * MOST_SLOTS];
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
        __syncwarp();
        if (splits > 1) {
            if (!beside) cluster_arrive();
            cluster_wait();
            cluster_arrive();
            cluster_wait();
        }
    } else {
        if (READERS == 4) take_registers<232>();
        const int group = warp >> 2 & 1, half = HALVES == 2 ? warp >> 3 : 0;  // group of warps
        float d[LATER ? 2 : BLOCKS][COLUMNS / 2], sum[LATER ? COLUMNS / 2 : 1], scale_a = 0, scale_b = 0;
        auto take_group = [&](const float (&group)[COLUMNS / 2]) {
#pragma unroll
            for (int n = 0; n < COLUMNS / 2; n += 4) {
                sum[n] += group[n] * scale_a, sum[n + 1] += group[n + 1] * scale_a;
                sum[n + 2] += group[n + 2] * scale_b, sum[n + 3] += group[n + 3] * scale_b;
            }
        };
        if (LATER)
#pragma unroll
            for (int n = 0; n < COLUMNS / 2; n++) sum[n] = 0;
        u32 a[2][BLOCKS][STEPS][4];
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
                if (BLOCKS == 1) step_on();
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
                if (LATER && part % 2 == 1) {  // the group before is complete
                    if (part > 1 || i > 0) take_group(d[(chunk + 1) & 1]);
                    scale_a = low_half(constants[0].scale_a), scale_b = low_half(constants[0].scale_b);
                }
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
                warpgroup_fence();
#pragma unroll
                for (int s = 0; s < STEPS; s++)
#pragma unroll
                    for (int b = 0; b < BLOCKS; b++)
                        Warpgroup<COLUMNS>::multiply(d[LATER ? chunk : b], a[which][b][s], x + chunk * (COLUMNS * 16) + (first + s) * 16,
                                                     LATER ? first + s > 0 : part + s > 0 || i > 0);
                warpgroup_commit();
            }
            before = slot;
            if (++slot == slots) slot = 0, parity ^= 1;
        }
        warpgroup_wait<0>();
        if (LATER) {
            take_group(d[1]);
#pragma unroll
            for (int n = 0; n < COLUMNS / 2; n++) d[0][n] = sum[n];
        }
        const int tiles = (TILES + splits - 1) / splits;  // that a block hands on
        u8* const sums = memory + p.sums_at;
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
                u32 theirs;
                asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(theirs) : "r"(shared_address(mine)), "r"(owner));
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
        } else {
            some_sync<32 * COMPUTING>();
        }
        const int own = blockIdx.x * tiles;
        add_up<OCTETS, COMPUTING>(p, sums, splits * HALVES, tiles, min(tiles, TILES - own), first_tile + own, first_row);
    }
}

#define MANY(columns, blocks, halves, chunks, readers, together)                                                       \
    extern "C" __global__ void __launch_bounds__(256 * halves + 32 * readers, together)                                \
        many_##columns##_##blocks##_##halves(const __grid_constant__ Product p, const u8* map) {                       \
        run<columns, blocks, halves, chunks, readers, together>(p, map);                                               \
    }

MANY(8, 1, 1, 2, 1, 2)
MANY(16, 1, 1, 2, 1, 2)
MANY(32, 1, 1, 2, 1, 2)
MANY(64, 1, 2, 2, 1, 1)
MANY(64, 2, 1, 1, 1, 1)
MANY(128, 1, 1, 1, 1, 1)
MANY(128, 2, 1, 1, 4, 1)

#endif
