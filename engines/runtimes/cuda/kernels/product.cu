// y = x W^T for up to 32 rows of x, near the speed at which W can be read.
//
// A block takes whole tiles of 16 outputs (or a share of the inputs, `splits`); its warps share the inputs. Each warp
// keeps its own ring of units in shared memory and fills it before the kernel's input is ready: with dependent launch the
// memory is never idle between two kernels.
#include "product.cuh"

// QUADS: columns 2 t and 2 t + 1 are stored for t < QUADS; 1 where there are at most two rows. SHARING warps share the
// inputs of a tile, the others take further tiles.
template <int NT, int STAGES, int QUADS, int SHARING>
__device__ __forceinline__ void run(const Product& p) {
    extern __shared__ __align__(128) u8 memory[];
    __shared__ u32 arrived;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const int slice = p.slice, stride = slice + 32;  // inputs of this block, at most
    const int first_chunk = blockIdx.y * (slice >> 7), last_chunk = min(first_chunk + (slice >> 7), p.chunks);
    const int own_tiles = (p.tiles - (int)blockIdx.x + (int)gridDim.x - 1) / (int)gridDim.x;
    constexpr int TOGETHER = WARPS / SHARING;  // tiles
    const int part = warp % SHARING, which = warp / SHARING;
    const int own_chunks = max(0, (last_chunk - first_chunk - part + SHARING - 1) / SHARING);
    const int total = max(0, (own_tiles - which + TOGETHER - 1) / TOGETHER) * own_chunks;
    u8* const ring = memory + warp * (STAGES * UNIT);
    float4* const sums = (float4*)(memory + WARPS * STAGES * UNIT);  // [batch_tiles, SHARING, NT, QUADS, 8]
    float* const x_sums = (float*)(sums + p.batch_tiles * (SHARING * NT * QUADS * 8));
    u16* const x = (u16*)(x_sums + (GROUP > 0 ? (slice >> 7) * GROUPS_OF_CHUNK * NT * 8 : 0));

    const u8* ask_at = p.weights + ((u64)(blockIdx.x + which * gridDim.x) * p.chunks + first_chunk + part) * UNIT + lane * 16;
    const u64 jump = ((u64)gridDim.x * TOGETHER * p.chunks - own_chunks * SHARING) * UNIT;  // to the next tile
    const u32 ring_address = shared_address(ring) + lane * 16;
    int left = total, left_of_tile = own_chunks;
    auto ask = [&](u32 slot) {
        if (left > 0) {
            const u32 to = ring_address + slot * UNIT;
#pragma unroll
            for (int i = 0; i < UNIT / 512; i++) copy_async(to + i * 512, ask_at + i * 512);
            if (UNIT % 512 && lane < UNIT % 512 / 16) copy_async(to + UNIT / 512 * 512, ask_at + UNIT / 512 * 512);
            ask_at += SHARING * UNIT;
            if (--left_of_tile == 0) left_of_tile = own_chunks, ask_at += jump;
            if (--left == 0 && threadIdx.x == 0) let_next_start();
        }
        copies_commit();
    };
#pragma unroll 1
    for (int i = 0; i < STAGES; i++) ask(i);
    if (total == 0 && threadIdx.x == 0) let_next_start();

    Early early;
    load_early(p, first_chunk * 128, slice, early);
    wait_for_producer();
    load_rows<NT, QUADS == 1 ? 4 : 8>(p, x, x_sums, stride, first_chunk * 128, slice, early);

    // Columns beyond the rows compute what nobody reads.
    const u16* columns[NT];
#pragma unroll
    for (int n = 0; n < NT; n++) columns[n] = x + (n * 8 + g < p.rows ? n * 8 + g : 0) * stride + part * 128 + t * LANE_INPUTS;
    u32 slot = 0;
    for (int batch = 0; batch < own_tiles; batch += p.batch_tiles) {
        const int tiles = min(p.batch_tiles, own_tiles - batch);
        for (int i = which; i < tiles; i += TOGETHER) {
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
                for (int n = 0; n < NT; n++) at[n] += SHARING * 128;
                groups += SHARING * GROUPS_OF_CHUNK * NT * 8;
            }
            if (t < QUADS)
#pragma unroll
                for (int n = 0; n < NT; n++)
                    sums[(((i * SHARING + part) * NT + n) * QUADS + t) * 8 + g] =
                        make_float4(sum[n][0], sum[n][1], sum[n][2], sum[n][3]);
        }
        block_sync();
        const int work = tiles * NT * QUADS * 8;
        for (int i = threadIdx.x; i < ((work + 31) & ~31); i += THREADS) {
            const int inner = i & 7, quad = (i >> 3) % QUADS, n = (i >> 3) / QUADS % NT, tile = (i >> 3) / (QUADS * NT);
            const int row = n * 8 + quad * 2, number = blockIdx.x + (batch + tile) * gridDim.x;
            const bool first = i < work && row < p.rows, second = i < work && row + 1 < p.rows;
            float4 all = make_float4(0, 0, 0, 0);
            if (first) {
#pragma unroll
                for (int w = 0; w < SHARING; w++) {
                    const float4 one = sums[(((tile * SHARING + w) * NT + n) * QUADS + quad) * 8 + inner];
                    all.x += one.x, all.y += one.y, all.z += one.z, all.w += one.w;
                }
            }
            if (p.splits == 1) {
                finish(p, number, inner, row, all.x, all.z, first);
                finish(p, number, inner, row + 1, all.y, all.w, second);
            } else if (first) {
                ((float4*)p.partial)[(((u64)blockIdx.y * p.tiles + number) * 16 + n * 4 + quad) * 8 + inner] = all;
            }
        }
        if (batch + p.batch_tiles < own_tiles) block_sync();
    }
    if (p.splits == 1) return;
    // The last block of these tiles adds the shares up, always in the same order.
    __threadfence();
    block_sync();
    if (threadIdx.x == 0) arrived = atomicAdd(p.counters + blockIdx.x, 1);
    block_sync();
    if (arrived != (u32)p.splits - 1) return;
    __threadfence();
    const int work = own_tiles * NT * QUADS * 8;
    for (int i = threadIdx.x; i < ((work + 31) & ~31); i += THREADS) {
        const int inner = i & 7, quad = (i >> 3) % QUADS, n = (i >> 3) / QUADS % NT, tile = (i >> 3) / (QUADS * NT);
        const int row = n * 8 + quad * 2, number = blockIdx.x + tile * gridDim.x;
        const bool first = i < work && row < p.rows, second = i < work && row + 1 < p.rows;
        float4 all = make_float4(0, 0, 0, 0);
        if (first) {
            const float4* from = (const float4*)p.partial + ((u64)number * 16 + n * 4 + quad) * 8 + inner;
#pragma unroll 4
            for (int s = 0; s < p.splits; s++) {
                const float4 one = __ldcg(from + (u64)s * p.tiles * 128);
                all.x += one.x, all.y += one.y, all.z += one.z, all.w += one.w;
            }
        }
        finish(p, number, inner, row, all.x, all.z, first);
        finish(p, number, inner, row + 1, all.y, all.w, second);
    }
    if (threadIdx.x == 0) p.counters[blockIdx.x] = 0;
}

extern "C" __global__ void __launch_bounds__(THREADS) product_2(const __grid_constant__ Product p) { run<1, STAGES_2, 1, SHARING_2>(p); }
extern "C" __global__ void __launch_bounds__(THREADS) product_8(const __grid_constant__ Product p) { run<1, STAGES_8, 4, SHARING_8>(p); }
extern "C" __global__ void __launch_bounds__(THREADS) product_16(const __grid_constant__ Product p) { run<2, STAGES_16, 4, SHARING_16>(p); }
extern "C" __global__ void __launch_bounds__(THREADS) product_32(const __grid_constant__ Product p) { run<4, STAGES_32, 4, SHARING_32>(p); }

#ifdef BLOCKS
// The weights as float16 [tiles * 16, inputs padded], for products of many rows. A warp for each unit.
extern "C" __global__ void expand(const u8* weights, u16* target, int units, int chunks, int stride) {
    const int number = blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5), lane = threadIdx.x & 31;
    wait_for_producer();
    if (number >= units) return;
    const int tile = number / chunks, chunk = number - tile * chunks;
    const u8* unit = weights + (u64)number * UNIT;
    u16* to = target + (u64)tile * 16 * stride + chunk * 128 + lane * 4;
#pragma unroll 1
    for (int row = 0; row < 16; row++) {
        float v[4];
#pragma unroll
        for (int e = 0; e < 4; e++) v[e] = block_value(unit, row, lane * 4 + e);
        *(uint2*)(to + (u64)row * stride) = make_uint2(to_half2(v[0], v[1]), to_half2(v[2], v[3]));
    }
}

// As `embed` in `rows.cu`, from a table in blocks.
extern "C" __global__ void embed(const int* tokens, const u8* table, float* residual, float* squares, int hidden, int parts,
                                 float scale, u32* number, int chunks) {
    __shared__ float room[32];
    wait_for_producer();
    let_next_start();
    if (number && blockIdx.x == 0 && threadIdx.x == 0) ++*number;
    const u64 row = blockIdx.x;
    const int token = tokens[row];
    const u8* units = table + (u64)(token >> 4) * chunks * UNIT;
    float sum = 0;
    for (int i = threadIdx.x; i < hidden; i += blockDim.x) {
        const float value = block_value(units + (u64)(i >> 7) * UNIT, token & 15, i & 127) * scale;
        residual[row * hidden + i] = value;
        sum += value * value;
    }
    sum = block_sum(sum, room);
    for (int i = threadIdx.x; i < parts; i += blockDim.x) squares[row * parts + i] = i == 0 ? sum : 0.0f;
}
#elif BITS != 8  // output layers, which have few rows
// The weights as float16 [tiles * 16, inputs padded], for products of many rows. A warp for each unit.
extern "C" __global__ void expand(const u8* weights, u16* target, int units, int chunks, int stride) {
    const int number = blockIdx.x * (blockDim.x >> 5) + (threadIdx.x >> 5), lane = threadIdx.x & 31;
    wait_for_producer();
    if (number >= units) return;
    const int g = lane >> 2, t = lane & 3, tile = number / chunks, chunk = number - tile * chunks;
    const u8* unit = weights + (u64)number * UNIT;
    u16* row_a = target + (u64)(tile * 16 + g) * stride + chunk * 128 + t * 8;
    u16* row_b = row_a + (u64)8 * stride;
#if BITS == 4
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const uint4 packed = *(const uint4*)(unit + SCALE_BYTES + half * 512 + lane * 16);
        const u32 words[4] = {packed.x, packed.y, packed.z, packed.w};
        u32 out_a[8], out_b[8];
#pragma unroll
        for (int step = 0; step < 4; step++) {
            const uint2 constants = *(const uint2*)(unit + ((half * 4 + step) / STEPS_OF_GROUP) * 64 + g * 8);
            const float scale_a = low_half(constants.x), scale_b = high_half(constants.x);
            const float zero_a = low_half(constants.y) - 256.0f, zero_b = high_half(constants.y) - 16.0f;
            const u32 w = __funnelshift_r(words[step], words[step], 2);
#pragma unroll
            for (int pair = 0; pair < 2; pair++) {
                const u32 low = w >> (pair * 8);
                out_a[step * 2 + pair] =
                    to_half2(((low & 15) - zero_a) * scale_a, (((low >> 16) & 15) - zero_a) * scale_a);
                out_b[step * 2 + pair] =
                    to_half2((((low >> 4) & 15) - zero_b) * scale_b, (((low >> 20) & 15) - zero_b) * scale_b);
            }
        }
#pragma unroll
        for (int i = 0; i < 2; i++) {
            *(uint4*)(row_a + half * 64 + i * 32) = make_uint4(out_a[i * 4], out_a[i * 4 + 1], out_a[i * 4 + 2], out_a[i * 4 + 3]);
            *(uint4*)(row_b + half * 64 + i * 32) = make_uint4(out_b[i * 4], out_b[i * 4 + 1], out_b[i * 4 + 2], out_b[i * 4 + 3]);
        }
    }
#else
#pragma unroll
    for (int step = 0; step < 8; step++) {
        const uint4 a = *(const uint4*)(unit + step * 512 + lane * 16);
        const int at = (step >> 1) * 32 + (step & 1) * 4;
        *(uint2*)(row_a + at) = make_uint2(a.x, a.z);
        *(uint2*)(row_b + at) = make_uint2(a.y, a.w);
    }
#endif
}
#endif
