// y = x W^T for up to 32 rows of x, near the speed at which W can be read.
//
// A block takes whole tiles of 16 outputs (or a share of the inputs, `splits`); its warps share the inputs. One warp more
// reads the weights ahead, before the kernel's input is ready: with dependent launch the memory is not idle between two
// kernels.
#include "product.cuh"

// QUADS: columns 2 t and 2 t + 1 are stored for t < QUADS; 1 where there are at most two rows.
template <int NT, int SLICES, int QUADS>
__device__ __forceinline__ void run(const Product& p) {
    extern __shared__ __align__(128) u8 memory[];
    __shared__ u32 arrived;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const int slice = p.slice, stride = slice + 32;  // inputs of this block, padded to pairs of units
    const int first_chunk = blockIdx.y * (slice >> 7), pairs = min(slice >> 7, p.chunks - first_chunk) >> 1;
    const int first_tile = first_of_share(p.tiles, blockIdx.x, gridDim.x);
    const int own_tiles = first_of_share(p.tiles, blockIdx.x + 1, gridDim.x) - first_tile;
    float4* const sums = (float4*)(memory + SLICES * SLICE);  // [batch_tiles, WARPS, NT, QUADS, 8]
    float* const x_sums = (float*)(sums + p.batch_tiles * (WARPS * NT * QUADS * 8));
    u16* const x = (u16*)(x_sums + (BITS == 4 ? (slice >> 7) * GROUPS_OF_CHUNK * NT * 8 : 0));
    __shared__ __align__(8) u64 barriers[2 * SLICES];
    Taker<SLICES> taker;
    taker.ring.init(memory, barriers);
    if (warp == WARPS) {
        taker.ring.fill(p.weights + ((u64)first_tile * p.chunks + first_chunk) * UNIT, own_tiles, pairs, (u64)p.chunks * UNIT, 0);
        if (lane == 0) let_next_start();
        return;
    }
    taker.start(0);

    Early early;
    load_early(p, first_chunk * 128, slice, early);
    wait_for_producer();
    load_rows<NT>(p, x, x_sums, stride, first_chunk * 128, slice, early);

    // Columns beyond the rows compute what nobody reads.
    const u16* columns[NT];
#pragma unroll
    for (int n = 0; n < NT; n++) columns[n] = x + (n * 8 + g < p.rows ? n * 8 + g : 0) * stride + t * 8;
    int place = warp;
    for (int batch = 0; batch < own_tiles; batch += p.batch_tiles) {
        const int tiles = min(p.batch_tiles, own_tiles - batch);
        for (int i = 0; i < tiles; i++) {
            float sum[NT][4];
            multiply_tile<NT, 2>(memory, taker, place, pairs, columns, x_sums, sum);
            if (t < QUADS)
#pragma unroll
                for (int n = 0; n < NT; n++)
                    sums[(((i * WARPS + warp) * NT + n) * QUADS + t) * 8 + g] =
                        make_float4(sum[n][0], sum[n][1], sum[n][2], sum[n][3]);
        }
        block_sync();
        const int work = tiles * NT * QUADS * 8;
        for (int i = threadIdx.x; i < ((work + 31) & ~31); i += THREADS) {
            const int inner = i & 7, quad = (i >> 3) % QUADS, n = (i >> 3) / QUADS % NT, tile = (i >> 3) / (QUADS * NT);
            const int row = n * 8 + quad * 2, number = first_tile + batch + tile;
            const bool first = i < work && row < p.rows, second = i < work && row + 1 < p.rows;
            float4 all = make_float4(0, 0, 0, 0);
            if (first) {
#pragma unroll
                for (int w = 0; w < WARPS; w++) {
                    const float4 one = sums[(((tile * WARPS + w) * NT + n) * QUADS + quad) * 8 + inner];
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
        const int row = n * 8 + quad * 2, number = first_tile + tile;
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

extern "C" __global__ void __launch_bounds__(THREADS + 32, 2) product_2(const __grid_constant__ Product p) { run<1, SLICES_2, 1>(p); }
extern "C" __global__ void __launch_bounds__(THREADS + 32, 2) product_8(const __grid_constant__ Product p) { run<1, SLICES_8, 4>(p); }
extern "C" __global__ void __launch_bounds__(THREADS + 32) product_16(const __grid_constant__ Product p) { run<2, SLICES_16, 4>(p); }
extern "C" __global__ void __launch_bounds__(THREADS + 32) product_32(const __grid_constant__ Product p) { run<4, SLICES_32, 4>(p); }

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
