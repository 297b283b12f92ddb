// y = x W^T for up to 32 rows of x, near the speed at which W can be read.
//
// W lies in units of 16 outputs by 128 inputs, in the order in which the tensor cores take them: the unit's scales and
// zero points, then for each 64 inputs 16 bytes a lane. A block takes whole tiles of 16 outputs (or a share of the
// inputs, `splits`); its warps share the inputs. Each warp keeps its own ring of units in shared memory and fills it
// before the kernel's input is ready: with dependent launch the memory is never idle between two kernels. INT4 values
// enter the product exactly, as (q - zero); a group's sum is multiplied by its scale in float32.
#include "common.cuh"

#define WARPS 8
#define THREADS (32 * WARPS)

#if BITS == 4
#define SCALE_BYTES (64 * (128 / GROUP))
#define UNIT (SCALE_BYTES + 1024)
#define STEPS_OF_GROUP (GROUP / 16)
#else
#define SCALE_BYTES 0
#define UNIT 4096
#endif

enum Mode { STORE = 0, RESIDUAL = 1, GATED = 2, LOGITS = 3, ATTENTION = 4 };

struct Product {
    const u8* weights;         // [tiles, chunks, UNIT]
    const void* source;        // float32 [rows, source_stride] where `norm`, else float16
    const float* squares;      // [rows, parts]: partial sums of the squares of the source's rows
    const float* norm;         // [inputs] or null
    const float* bias;         // [tiles * 16] or null
    const int* order;          // [inputs] or null: input k is the source's number order[k]
    const float* input_scale;  // [inputs] or null
    void* target;              // float16 or float32 [rows, target_stride]
    float* target_squares;     // RESIDUAL: [rows, tiles]
    float* partial;            // [splits, tiles, 32, 16]
    u32* counters;             // [row groups], zero
    const int* positions;      // ATTENTION: [rows]
    const int* slots;          // [rows], -1 for none
    const float* cosines;      // [positions, rotary / 2]
    const float* sines;
    u16* keys;                 // the layer's, [pages, kv_heads, PAGE, head_padded]
    u16* values;               // the layer's, [pages, kv_heads, head_padded / 16, 32, 8]
    int rows, tiles, chunks, inputs, splits, parts, source_stride, target_stride;
    int mode, gelu, outputs, heads, kv_heads, head, head_padded, rotary, batch_tiles, slice;
    float eps, cap;
};

struct Place {
    int tile, chunk;
};

template <int NT>
__device__ __forceinline__ void multiply(const u8* unit, const u16* x, int stride, int rows, float (&sum)[NT][4]) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
#if BITS == 4
    const uint4 zero4 = make_uint4(0, 0, 0, 0);
    float part[NT][4];
#pragma unroll
    for (int half = 0; half < 2; half++) {
        const uint4 packed = *(const uint4*)(unit + SCALE_BYTES + half * 512 + lane * 16);
        const u32 words[4] = {packed.x, packed.y, packed.z, packed.w};
        uint4 b[NT][2];
#pragma unroll
        for (int n = 0; n < NT; n++)
#pragma unroll
            for (int i = 0; i < 2; i++)
                b[n][i] = n * 8 + g < rows ? *(const uint4*)(x + (n * 8 + g) * stride + half * 64 + i * 32 + t * 8) : zero4;
#pragma unroll
        for (int step = 0; step < 4; step++) {
            const int at = half * 4 + step;
            const uint2 constants = *(const uint2*)(unit + (at / STEPS_OF_GROUP) * 64 + g * 8);
            u32 zero_a, zero_b;
            asm("prmt.b32 %0, %1, %1, 0x1010;" : "=r"(zero_a) : "r"(constants.y));
            asm("prmt.b32 %0, %1, %1, 0x3232;" : "=r"(zero_b) : "r"(constants.y));
            if (at % STEPS_OF_GROUP == 0)
#pragma unroll
                for (int n = 0; n < NT; n++) part[n][0] = part[n][1] = part[n][2] = part[n][3] = 0;
            u32 a[4];
            const u32 word = words[step], upper = word >> 8;
            // 0x6400 is 1024 in float16: a nibble in its lowest bits adds itself, one above adds 16 times itself.
            asm("lop3.b32 %0, %1, 0x000f000f, 0x64006400, 0xea;" : "=r"(a[0]) : "r"(word));
            asm("lop3.b32 %0, %1, 0x00f000f0, 0x64006400, 0xea;" : "=r"(a[1]) : "r"(word));
            asm("lop3.b32 %0, %1, 0x000f000f, 0x64006400, 0xea;" : "=r"(a[2]) : "r"(upper));
            asm("lop3.b32 %0, %1, 0x00f000f0, 0x64006400, 0xea;" : "=r"(a[3]) : "r"(upper));
            asm("sub.f16x2 %0, %0, %1;" : "+r"(a[0]) : "r"(zero_a));
            asm("sub.f16x2 %0, %0, %1;" : "+r"(a[2]) : "r"(zero_a));
            asm("fma.rn.f16x2 %0, %0, %1, %2;" : "+r"(a[1]) : "r"(0x2c002c00u), "r"(zero_b));
            asm("fma.rn.f16x2 %0, %0, %1, %2;" : "+r"(a[3]) : "r"(0x2c002c00u), "r"(zero_b));
#pragma unroll
            for (int n = 0; n < NT; n++) {
                const uint4 from = b[n][step >> 1];
                mma(part[n], a[0], a[1], a[2], a[3], step & 1 ? from.z : from.x, step & 1 ? from.w : from.y);
            }
            if (at % STEPS_OF_GROUP == STEPS_OF_GROUP - 1) {
                const float scale_a = low_half(constants.x), scale_b = high_half(constants.x);
#pragma unroll
                for (int n = 0; n < NT; n++) {
                    sum[n][0] += scale_a * part[n][0];
                    sum[n][1] += scale_a * part[n][1];
                    sum[n][2] += scale_b * part[n][2];
                    sum[n][3] += scale_b * part[n][3];
                }
            }
        }
    }
#else
#pragma unroll
    for (int step = 0; step < 8; step++) {
        const uint4 a = *(const uint4*)(unit + step * 512 + lane * 16);
#pragma unroll
        for (int n = 0; n < NT; n++) {
            uint2 b = make_uint2(0, 0);
            if (n * 8 + g < rows) b = *(const uint2*)(x + (n * 8 + g) * stride + (step >> 1) * 32 + t * 8 + (step & 1) * 4);
            mma(sum[n], a.x, a.y, a.z, a.w, b.x, b.y);
        }
    }
#endif
}

// The rows' inputs `first` .. `first + slice` to shared memory as float16, normalised where there is a norm. Loads go
// out before the sums of squares are known.
__device__ __forceinline__ void load_rows(const Product& p, u16* x, int stride, int first, int slice) {
    __shared__ float inverse[32];
    const int thread = threadIdx.x;
    if (p.norm) {
        for (int row = thread >> 5; row < p.rows; row += WARPS) {
            float sum = 0;
            for (int i = thread & 31; i < p.parts; i += 32) sum += p.squares[row * p.parts + i];
            sum = warp_sum(sum);
            if ((thread & 31) == 0) inverse[row] = rsqrtf(sum / p.inputs + p.eps);
        }
    }
    const bool plain = !p.order && !p.input_scale && (p.inputs & 7) == 0;
    if (p.norm && plain) {
        const float* source = (const float*)p.source;
        const int quads = slice >> 2, work = quads * p.rows;
        for (int base = 0; base < work; base += THREADS * 4) {
            float4 value[4], weight[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int n = base + i * THREADS + thread, row = n / quads, k = first + (n - row * quads) * 4;
                value[i] = weight[i] = make_float4(0, 0, 0, 0);
                if (n < work && k < p.inputs) {
                    value[i] = *(const float4*)(source + (u64)row * p.source_stride + k);
                    weight[i] = *(const float4*)(p.norm + k);
                }
            }
            if (base == 0) __syncthreads();
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int n = base + i * THREADS + thread, row = n / quads, k = (n - row * quads) * 4;
                if (n >= work) continue;
                const float scale = inverse[row];
                *(uint2*)(x + row * stride + k) =
                    make_uint2(to_half2(value[i].x * scale * weight[i].x, value[i].y * scale * weight[i].y),
                               to_half2(value[i].z * scale * weight[i].z, value[i].w * scale * weight[i].w));
            }
        }
    } else if (plain) {
        const u16* source = (const u16*)p.source;
        const int octets = slice >> 3, work = octets * p.rows;
        for (int base = 0; base < work; base += THREADS * 4) {
            uint4 value[4];
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int n = base + i * THREADS + thread, row = n / octets, k = first + (n - row * octets) * 8;
                value[i] = make_uint4(0, 0, 0, 0);
                if (n < work && k < p.inputs) value[i] = *(const uint4*)(source + (u64)row * p.source_stride + k);
            }
#pragma unroll
            for (int i = 0; i < 4; i++) {
                const int n = base + i * THREADS + thread, row = n / octets, k = (n - row * octets) * 8;
                if (n < work) *(uint4*)(x + row * stride + k) = value[i];
            }
        }
    } else {
        __syncthreads();
        for (int n = thread; n < slice * p.rows; n += THREADS) {
            const int row = n / slice, k = n - row * slice;
            float value = 0;
            if (first + k < p.inputs) {
                const int at = p.order ? p.order[first + k] : first + k;
                const u64 place = (u64)row * p.source_stride + at;
                value = p.norm ? ((const float*)p.source)[place] * inverse[row] * p.norm[at]
                               : to_float(((const u16*)p.source)[place]);
                if (p.input_scale) value *= p.input_scale[at];
            }
            x[row * stride + k] = to_half(value);
        }
    }
    __syncthreads();
}

// What becomes of outputs g and g + 8 of a tile, for one row.
__device__ __forceinline__ void finish(const Product& p, int tile, int g, int row, float a, float b, bool active) {
    if (active && p.bias) {
        a += p.bias[tile * 16 + g];
        b += p.bias[tile * 16 + 8 + g];
    }
    const int output = tile * 16 + g;
    if (p.mode == RESIDUAL) {
        float square = 0;
        if (active) {
            float* residual = (float*)p.target + (u64)row * p.target_stride;
            if (output < p.outputs) a += residual[output], residual[output] = a, square += a * a;
            if (output + 8 < p.outputs) b += residual[output + 8], residual[output + 8] = b, square += b * b;
        }
#pragma unroll
        for (int step = 1; step < 8; step <<= 1) square += __shfl_xor_sync(FULL, square, step);
        if (active && g == 0) p.target_squares[row * p.tiles + tile] = square;
        return;
    }
    if (!active) return;
    if (p.mode == GATED) {
        if (tile * 8 + g < p.outputs)
            ((u16*)p.target)[(u64)row * p.target_stride + tile * 8 + g] = to_half(activate(a, p.gelu) * b);
    } else if (p.mode == STORE) {
        u16* target = (u16*)p.target + (u64)row * p.target_stride;
        if (output < p.outputs) target[output] = to_half(a);
        if (output + 8 < p.outputs) target[output + 8] = to_half(b);
    } else if (p.mode == LOGITS) {
        float* target = (float*)p.target + (u64)row * p.target_stride;
        if (p.cap > 0) a = tanhf(a / p.cap) * p.cap, b = tanhf(b / p.cap) * p.cap;
        if (output < p.outputs) target[output] = a;
        if (output + 8 < p.outputs) target[output + 8] = b;
    } else {
        const int of_head = p.head >> 4, head = tile / of_head, j = tile - head * of_head;
        int first = j * 16 + g, second = first + 8;
        if (head < p.heads + p.kv_heads && j < (p.rotary >> 4)) {
            first = j * 8 + g, second = (p.rotary >> 1) + first;
            const int at = p.positions[row] * (p.rotary >> 1) + first;
            const float c = p.cosines[at], s = p.sines[at], turned = a * c - b * s;
            b = b * c + a * s;
            a = turned;
        }
        if (head < p.heads) {
            u16* target = (u16*)p.target + (u64)row * p.target_stride + head * p.head_padded;
            target[first] = to_half(a), target[second] = to_half(b);
            return;
        }
        const int slot = p.slots[row];
        if (slot < 0) return;
        const u64 page = slot / PAGE;
        const int inside = slot % PAGE;
        if (head < p.heads + p.kv_heads) {
            u16* key = p.keys + ((page * p.kv_heads + head - p.heads) * PAGE + inside) * p.head_padded;
            key[first] = to_half(a), key[second] = to_half(b);
        } else {
            u16* value = p.values + (page * p.kv_heads + head - p.heads - p.kv_heads) * PAGE * p.head_padded;
            value[value_place(inside, first)] = to_half(a), value[value_place(inside, second)] = to_half(b);
        }
    }
}

template <int NT, int STAGES>
__device__ __forceinline__ void run(const Product& p) {
    extern __shared__ __align__(128) u8 memory[];
    __shared__ u32 arrived;
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
    const int slice = p.slice;  // inputs of this block, at most
    const int stride = slice + 32;
    u8* ring = memory + warp * (STAGES * UNIT);
    u16* x = (u16*)(memory + WARPS * STAGES * UNIT);
    float* sums = (float*)(x + stride * p.rows);  // [batch_tiles, WARPS, rows, 16]

    const int first_chunk = blockIdx.y * (slice >> 7);
    const int last_chunk = min(first_chunk + (slice >> 7), p.chunks);
    const int own_tiles = (p.tiles - (int)blockIdx.x + (int)gridDim.x - 1) / (int)gridDim.x;
    const int own_chunks = max(0, (last_chunk - first_chunk - warp + WARPS - 1) / WARPS);
    const int total = own_tiles * own_chunks;

    int next = 0;  // units asked for
    Place at = {(int)blockIdx.x, 0};
    u32 slot_address = shared_address(ring) + lane * 16;
    u32 ask_slot = 0;
    auto ask = [&]() {
        if (next < total) {
            const u8* from = p.weights + ((u64)at.tile * p.chunks + first_chunk + warp + at.chunk * WARPS) * UNIT + lane * 16;
            const u32 to = slot_address + ask_slot * UNIT;
#pragma unroll
            for (int i = 0; i < UNIT / 512; i++) copy_async(to + i * 512, from + i * 512);
            if (UNIT % 512 && lane < UNIT % 512 / 16) copy_async(to + UNIT / 512 * 512, from + UNIT / 512 * 512);
            next++;
            if (++at.chunk == own_chunks) at.chunk = 0, at.tile += gridDim.x;
            if (next == total && lane == 0 && warp == 0) let_next_start();
        }
        if (++ask_slot == STAGES) ask_slot = 0;
        copies_commit();
    };
#pragma unroll 1
    for (int i = 0; i < STAGES; i++) ask();

    wait_for_producer();
    load_rows(p, x, stride, first_chunk * 128, slice);

    u32 slot = 0;
    for (int batch = 0; batch < own_tiles; batch += p.batch_tiles) {
        const int tiles = min(p.batch_tiles, own_tiles - batch);
        for (int i = 0; i < tiles; i++) {
            float sum[NT][4];
#pragma unroll
            for (int n = 0; n < NT; n++) sum[n][0] = sum[n][1] = sum[n][2] = sum[n][3] = 0;
#pragma unroll 1
            for (int j = 0; j < own_chunks; j++) {
                copies_wait<STAGES - 1>();
                __syncwarp();
                multiply<NT>(ring + slot * UNIT, x + (warp + j * WARPS) * 128, stride, p.rows, sum);
                if (++slot == STAGES) slot = 0;
                __syncwarp();
                ask();
            }
            float* to = sums + (i * WARPS + warp) * p.rows * 16;
#pragma unroll
            for (int n = 0; n < NT; n++)
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    const int row = n * 8 + t * 2 + e;
                    if (row < p.rows) to[row * 16 + g] = sum[n][e], to[row * 16 + 8 + g] = sum[n][2 + e];
                }
        }
        __syncthreads();
        const int work = tiles * p.rows * 8;
        for (int i = threadIdx.x; i < ((work + 31) & ~31); i += THREADS) {
            const int inner = i & 7, pair = i >> 3, tile = pair / p.rows, row = pair - tile * p.rows;
            const bool active = i < work;
            float a = 0, b = 0;
            if (active) {
                const float* from = sums + tile * WARPS * p.rows * 16 + row * 16 + inner;
#pragma unroll
                for (int w = 0; w < WARPS; w++) a += from[w * p.rows * 16], b += from[w * p.rows * 16 + 8];
            }
            const int number = blockIdx.x + (batch + tile) * gridDim.x;
            if (p.splits == 1) {
                finish(p, number, inner, row, a, b, active);
            } else if (active) {
                float* to = p.partial + (((u64)blockIdx.y * p.tiles + number) * 32 + row) * 16 + inner;
                to[0] = a, to[8] = b;
            }
        }
        if (batch + p.batch_tiles < own_tiles) __syncthreads();
    }
    if (total == 0 && threadIdx.x == 0) let_next_start();
    if (p.splits == 1) return;
    // The last block of these tiles adds the shares up, always in the same order.
    __threadfence();
    __syncthreads();
    if (threadIdx.x == 0) arrived = atomicAdd(p.counters + blockIdx.x, 1);
    __syncthreads();
    if (arrived != (u32)p.splits - 1) return;
    __threadfence();
    const int work = own_tiles * p.rows * 8;
    for (int i = threadIdx.x; i < ((work + 31) & ~31); i += THREADS) {
        const int inner = i & 7, pair = i >> 3, tile = pair / p.rows, row = pair - tile * p.rows;
        const int number = blockIdx.x + tile * gridDim.x;
        float a = 0, b = 0;
        if (i < work)
            for (int s = 0; s < p.splits; s++) {
                const float* from = p.partial + (((u64)s * p.tiles + number) * 32 + row) * 16 + inner;
                a += __ldcg(from), b += __ldcg(from + 8);
            }
        finish(p, number, inner, row, a, b, i < work);
    }
    if (threadIdx.x == 0) p.counters[blockIdx.x] = 0;
}

extern "C" __global__ void __launch_bounds__(THREADS) product_8(const __grid_constant__ Product p) { run<1, STAGES_8>(p); }
extern "C" __global__ void __launch_bounds__(THREADS) product_16(const __grid_constant__ Product p) { run<2, STAGES_16>(p); }
extern "C" __global__ void __launch_bounds__(THREADS) product_32(const __grid_constant__ Product p) { run<4, STAGES_32>(p); }

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
            const float zero_a = low_half(constants.y) - 1024.0f, zero_b = -high_half(constants.y) - 64.0f;
            const u32 w = words[step];
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
