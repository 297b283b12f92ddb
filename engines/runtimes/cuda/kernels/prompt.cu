// y = x W^T for the many rows of a prompt on Hopper's tensor cores (compute capability 9.0), as `many.cu` computes it for
// fewer: the weights go from their units to the tensor cores' registers, the rows of x are the other side of the product.
//
// A block stays on its multiprocessor and takes 256 outputs by COLUMNS rows at a time, 128 of them for each group of four
// warps. A warp of its own reads ahead through a ring of slots, those of the next outputs too while these are handed on,
// straight from the registers that they were summed up in. Modes STORE, RESIDUAL and GATED.
#define WARPS 8
#include "many.cuh"

#define TILES 16  // of a block
#define STEPS 2   // of 16 inputs, whose weights are expanded at a time

#if __CUDA_ARCH__ == 900

// Of a value of an output for two rows, neighbouring outputs' lanes (4 lanes apart) keep both outputs of one row: the
// first lane of row `lane >> 2 & 1` = 0.
__device__ __forceinline__ u32 pair_up(float row0, float row1) {
    const bool odd = threadIdx.x & 4;
    const float got = __shfl_xor_sync(FULL, odd ? row0 : row1, 4);
    return odd ? to_half2(got, row1) : to_half2(row0, got);
}

// Where the lane's values stand: of a tile the outputs g and g + 8, of eight rows two as they are summed up, and one, with
// two neighbouring outputs, when they are paired.
struct Place {
    int g, pair, row_of_two, row_of_pair;

    __device__ __forceinline__ Place(int first_row) {
        const int t = threadIdx.x & 3;
        g = threadIdx.x >> 2 & 7, pair = g & ~1;
        row_of_two = first_row + t * 2, row_of_pair = row_of_two + (g & 1);
    }
};

__device__ __forceinline__ float bias_of(const Product& p, int output) { return p.bias ? __ldg(p.bias + output) : 0.0f; }

template <int COLUMNS>
__device__ __forceinline__ void add_to_residual(const Product& p, const Place& at, int tile, const float (&d)[COLUMNS / 2]) {
    const int output = tile * 16 + at.g;
    const float bias_a = bias_of(p, output), bias_b = bias_of(p, output + 8);
#pragma unroll
    for (int n = 0; n < COLUMNS / 8; n++)
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const int row = at.row_of_two + n * 8 + (i & 1), to = output + (i & 2) * 4;
            if (row < p.rows && to < p.outputs)  // nobody else adds to these; an addition need not be waited for
                asm volatile("red.relaxed.gpu.global.add.f32 [%0], %1;" ::"l"((float*)p.target + (u64)row * p.target_stride + to),
                             "f"(d[n * 4 + i] + (i & 2 ? bias_b : bias_a)) : "memory");
        }
}

template <int COLUMNS>
__device__ __forceinline__ void store_gated(const Product& p, const Place& at, int tile, const float (&d)[COLUMNS / 2]) {
    const float bias_a = bias_of(p, tile * 16 + at.g), bias_b = bias_of(p, tile * 16 + at.g + 8);
    const int output = tile * 8 + at.pair;
    const bool inside = tile * 8 + at.g < p.outputs;
#pragma unroll
    for (int n = 0; n < COLUMNS / 8; n++) {
        float v[2];
#pragma unroll
        for (int i = 0; i < 2; i++)
            v[i] = inside ? gated(d[n * 4 + i] + bias_a, p.gelu) * (d[n * 4 + 2 + i] + bias_b) : 0.0f;
        const u32 both = pair_up(v[0], v[1]);
        const int row = at.row_of_pair + n * 8;
        const u64 to = p.packed ? packed_place(row, output, p.target_stride) : (u64)row * p.target_stride + output;
        if (row < p.rows && output < p.target_stride) *(u32*)((u16*)p.target + to) = both;
    }
}

template <int COLUMNS>
__device__ __forceinline__ void store(const Product& p, const Place& at, int tile, const float (&d)[COLUMNS / 2]) {
    const bool even = p.target_stride % 2 == 0;
#pragma unroll
    for (int n = 0; n < COLUMNS / 8; n++)
#pragma unroll
        for (int half = 0; half < 2; half++) {
            const float bias = bias_of(p, tile * 16 + half * 8 + at.g);
            const u32 both = pair_up(d[n * 4 + 2 * half] + bias, d[n * 4 + 2 * half + 1] + bias);
            const int row = at.row_of_pair + n * 8, output = tile * 16 + half * 8 + at.pair;
            u16* const to = (u16*)p.target + (u64)row * p.target_stride + output;
            if (row >= p.rows || output >= p.outputs) continue;
            if (even && output + 1 < p.outputs) {
                *(u32*)to = both;
            } else {
                to[0] = (u16)both;
                if (output + 1 < p.outputs) to[1] = (u16)(both >> 16);
            }
        }
}

// What becomes of a tile's outputs for all rows: lane 4 g + t has outputs g and g + 8 of rows 8 n + 2 t and the next one,
// as `Warpgroup` says.
template <int COLUMNS>
__device__ __forceinline__ void hand_on(const Product& p, int tile, int first_row, const float (&d)[COLUMNS / 2]) {
    if (tile >= p.tiles) return;
    const Place at(first_row);
    if (p.mode == RESIDUAL)
        add_to_residual<COLUMNS>(p, at, tile, d);
    else if (p.mode == GATED)
        store_gated<COLUMNS>(p, at, tile, d);
    else
        store<COLUMNS>(p, at, tile, d);
}

// Asks for the residual stream's rows of `outputs` outputs from `first` on in the L2, where they are added to later.
__device__ __forceinline__ void ask_residual(const Product& p, int row, int rows, int first, int outputs) {
    const u32 bytes = min(outputs, p.outputs - first) * 4;
    if (p.target_stride % 4 || bytes % 16) return;
    for (const int end = min(row + rows, p.rows); row < end; row++)
        asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"((const float*)p.target + (u64)row * p.target_stride + first),
                     "r"(bytes) : "memory");
}

// `map` says where the weights lie, if they are INT4.
template <int COLUMNS>
__device__ __forceinline__ void run(const Product& p, const u8* map) {
    extern __shared__ __align__(1024) u8 memory[];
    __shared__ __align__(8) u64 barriers[2 * MOST_SLOTS];
    constexpr u32 X_AT = TILES * UNIT, SLOT = X_AT + COLUMNS * 256;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, slots = p.batch_tiles;
    const int row_blocks = (p.rows + COLUMNS - 1) / COLUMNS, count = row_blocks * ((p.tiles + TILES - 1) / TILES);
    const u32 ring = shared_address(memory), full = shared_address(barriers), empty = full + 8 * MOST_SLOTS;
    if (threadIdx.x < slots) {
        barrier_init(full + 8 * threadIdx.x, 1);
        barrier_init(empty + 8 * threadIdx.x, WARPS);
    }
    asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
    __syncthreads();
    wait_for_producer();
    int slot = 0;

    if (warp >= WARPS) {
        give_registers<40>();
        if (warp == WARPS && lane == 0) {
            u32 parity = 1;  // the ring is empty
            for (int number = blockIdx.x; number < count; number += gridDim.x) {
                const int first_tile = number / row_blocks * TILES, first_octet = number % row_blocks * (COLUMNS / 8);
                const int octets = min(COLUMNS / 8, ((p.rows + 7) >> 3) - first_octet), here = min(octets, 16 - (first_octet & 15));
                const u8* x = (const u8*)p.source + ((u64)(first_octet >> 4) * p.chunks << 15);
                const u8* const next = x + ((u64)p.chunks << 15);  // rows beyond a block of 128
                x += (first_octet & 15) * 2048;
                const int own_tiles = BITS == 4 ? TILES : min(TILES, p.tiles - first_tile);
                const int rows = (COLUMNS + p.chunks - 1) / p.chunks;  // of the residual stream, for each chunk
                for (int chunk = 0; chunk < p.chunks; chunk++) {
                    const u32 to = ring + slot * SLOT, barrier = full + 8 * slot;
                    barrier_wait(empty + 8 * slot, parity);
                    copies_begin(barrier, own_tiles * UNIT + octets * 2048);
#if BITS == 4
                    for (int half = 0; half < 2; half++) copy_units(to + half * (8 * UNIT), map, chunk, first_tile + half * 8, barrier);
#else
                    for (int tile = 0; tile < own_tiles; tile++)
                        bulk_copy(to + tile * UNIT, p.weights + ((u64)(first_tile + tile) * p.chunks + chunk) * UNIT, UNIT, barrier);
#endif
                    bulk_copy(to + X_AT, x + ((u64)chunk << 15), here * 2048, barrier);
                    if (here < octets) bulk_copy(to + X_AT + here * 2048, next + ((u64)chunk << 15), (octets - here) * 2048, barrier);
                    if (++slot == slots) slot = 0, parity ^= 1;
                    if (p.mode == RESIDUAL && chunk * rows < octets * 8)
                        ask_residual(p, first_octet * 8 + chunk * rows, rows, first_tile * 16, TILES * 16);
                }
            }
            let_next_start();
        }
        return;
    }
    take_registers<232>();
    const int group = warp >> 2;
    float d[2][COLUMNS / 2];
    u32 parity = 0, a[2][2][STEPS][4];
#pragma unroll 1
    for (int number = blockIdx.x; number < count; number += gridDim.x) {
        int before = -1;
#pragma unroll 1
        for (int i = 0; i < p.chunks; i++) {
            barrier_wait(full + 8 * slot, parity);
            const u8* const units = memory + slot * SLOT + (group * 8 + (warp & 3)) * UNIT;
            const u64 x = matrix_at(ring + slot * SLOT + X_AT, 2048);
#if BITS == 4
            Constants constants[2];
#endif
#pragma unroll
            for (int part = 0; part < 8 / STEPS; part++) {
                const int which = part & 1, first = part * STEPS;
#if BITS == 4
                uint2 words[2];
#pragma unroll
                for (int b = 0; b < 2; b++) {
                    const u8* const unit = units + b * (4 * UNIT);
                    words[b] = *(const uint2*)(unit + SCALE_BYTES + first / 4 * 512 + lane * 16 + first % 4 * 4);
                    if (first % STEPS_OF_GROUP == 0) constants[b].load(unit + first / STEPS_OF_GROUP * 64 + (lane >> 2) * 8);
                }
#endif
                warpgroup_wait<1>();
                if (part == 1 && before >= 0 && lane == 0) barrier_arrive(empty + 8 * before);
#pragma unroll
                for (int b = 0; b < 2; b++)
#pragma unroll
                    for (int s = 0; s < STEPS; s++) {
#if BITS == 4
                        expand_word<true>(s ? words[b].y : words[b].x, constants[b], a[which][b][s]);
#else
                        const uint4 four = *(const uint4*)(units + b * (4 * UNIT) + (first + s) * 512 + lane * 16);
                        a[which][b][s][0] = four.x, a[which][b][s][1] = four.y, a[which][b][s][2] = four.z, a[which][b][s][3] = four.w;
#endif
                    }
                warpgroup_fence();
#pragma unroll
                for (int s = 0; s < STEPS; s++)
#pragma unroll
                    for (int b = 0; b < 2; b++)
                        Warpgroup<COLUMNS>::multiply(d[b], a[which][b][s], x + (first + s) * 16, part + s > 0 || i > 0);
                warpgroup_commit();
            }
            before = slot;
            if (++slot == slots) slot = 0, parity ^= 1;
        }
        warpgroup_wait<0>();
        if (lane == 0) barrier_arrive(empty + 8 * before);
        const int tile = number / row_blocks * TILES + group * 8 + (warp & 3), first_row = number % row_blocks * COLUMNS;
#pragma unroll
        for (int b = 0; b < 2; b++) hand_on<COLUMNS>(p, tile + b * 4, first_row, d[b]);
    }
}

#define PROMPT(columns)                                                                                        \
    extern "C" __global__ void __launch_bounds__(384, 1) prompt_##columns(const __grid_constant__ Product p, const u8* map) { \
        run<columns>(p, map);                                                                                  \
    }

PROMPT(128)
PROMPT(160)

#endif
