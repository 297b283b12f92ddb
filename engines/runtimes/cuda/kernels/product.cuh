// The parts of a product y = x W^T of few rows: units of weights, rows of inputs, what becomes of the outputs.
//
// W lies in units of 16 outputs by 128 inputs, in the order in which the tensor cores take them: the unit's scales and
// zero points, then for each 64 inputs 16 bytes a lane. An INT4 value q enters the product as 256 + q or 16 + q, which is
// one logical operation on its bits; what that adds, and the zero point, are taken off a group's sum in float32:
// scale * (sum((bias + q) x) - (bias + zero) sum(x)). INT8 values enter it as they are; an output's scale is the last to
// be multiplied.
#pragma once
#include "common.cuh"

#define THREADS (32 * WARPS)
#ifndef EARLY
#define EARLY 4  // quads of a row's inputs for each thread
#endif

#ifdef BLOCKS  // of GGUF: BITS, GROUP, LEVELS, MINIMUM and ZERO say which
#include "blocks.cuh"
#elif BITS == 4
#define SCALE_BYTES (64 * (128 / GROUP))
#define UNIT (SCALE_BYTES + 1024)
#define STEPS_OF_GROUP (GROUP / 16)
#elif BITS == 8
#define SCALE_BYTES 0
#define UNIT 2048
#else
#define SCALE_BYTES 0
#define UNIT 4096
#endif

#if GROUP > 0
#define GROUPS_OF_CHUNK (128 / GROUP)  // whose inputs are summed up
#else
#define GROUPS_OF_CHUNK 1
#endif
#ifndef LANE_INPUTS
#define LANE_INPUTS 8  // a lane's inputs in a row
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
    const float* output_scale; // BITS == 8: [tiles * 16]
    void* target;              // float16 or float32 [rows, target_stride]
    float* target_squares;     // RESIDUAL: [rows, tiles]
    float* partial;            // [splits, tiles, 16, 8, 4]
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
    int packed, sums_at;  // `many.cu`: the target's rows are packed; where sums lie in a block's memory
    // `many.cu`, a norm between two products. The first one (RESIDUAL, with `next`) writes the residual stream times the
    // norm's weights and `scales`, and the sums of its squares by tiles; the second one, whose source that is, divides by
    // `scales` and by the root mean square (`squares`), and writes `next_scales` for the next such pair.
    u16* next;               // packed rows
    const float* next_norm;  // [outputs]
    const float* scales;     // [rows]
    float* next_scales;      // [rows]
    // `expert_products.cu`.
    const int* items;
    const int* sources;  // [places] or null: the rows of the source
    int sharing_log, items_known;  // `items_known`: before the kernel ahead has ended
};

// Where a row of the source begins.
__device__ __forceinline__ u64 source_row(const Product& p, int row) {
#ifdef WARPS_LOG
    if (p.sources) row = p.sources[row];
#endif
    return (u64)row * p.source_stride;
}

#define block_sync some_sync<THREADS>

#ifndef BLOCKS
// Two bytes of a word, the first two or those behind, as float16; they hold values + 128.
__device__ __forceinline__ u32 halves_of_bytes(u32 word, bool behind) {
    u32 halves;
    const u32 above = __byte_perm(word, 0x64646464, behind ? 0x4342 : 0x4140);  // 1024 + 128 + value
    asm("sub.f16x2 %0, %1, %2;" : "=r"(halves) : "r"(above), "r"(0x64806480));
    return halves;
}

// Adds the product of one unit with 128 inputs. `x_sums` [groups, NT * 8] are the groups' sums of the inputs.
template <int NT>
__device__ __forceinline__ void multiply(const u8* unit, const u16* const (&x)[NT], int offset, const float* x_sums,
                                         float (&sum)[NT][4]) {
    const int lane = threadIdx.x & 31, g = lane >> 2, t = lane & 3;
#if BITS == 4
    uint4 packed[2];
#pragma unroll
    for (int half = 0; half < 2; half++) packed[half] = *(const uint4*)(unit + SCALE_BYTES + half * 512 + lane * 16);
    const u32 words[8] = {packed[0].x, packed[0].y, packed[0].z, packed[0].w, packed[1].x, packed[1].y, packed[1].z, packed[1].w};
    float part[NT][2][4];  // two sums, so that a product need not wait for the one before
    uint4 b[NT];
#pragma unroll
    for (int step = 0; step < 8; step++) {
        if (step % 2 == 0)
#pragma unroll
            for (int n = 0; n < NT; n++) b[n] = *(const uint4*)(x[n] + offset + step * 16);
        if (step % STEPS_OF_GROUP == 0)
#pragma unroll
            for (int n = 0; n < NT; n++)
#pragma unroll
                for (int e = 0; e < 4; e++) part[n][0][e] = part[n][1][e] = 0;
        u32 a[4];
        const u32 word = words[step], turned = __funnelshift_r(word, word, 8);
        asm("lop3.b32 %0, %1, 0x003c003c, 0x5c005c00, 0xea;" : "=r"(a[0]) : "r"(word));
        asm("lop3.b32 %0, %1, 0x03c003c0, 0x4c004c00, 0xea;" : "=r"(a[1]) : "r"(word));
        asm("lop3.b32 %0, %1, 0x003c003c, 0x5c005c00, 0xea;" : "=r"(a[2]) : "r"(turned));
        asm("lop3.b32 %0, %1, 0x03c003c0, 0x4c004c00, 0xea;" : "=r"(a[3]) : "r"(turned));
#pragma unroll
        for (int n = 0; n < NT; n++)
            mma(part[n][step % 2], a[0], a[1], a[2], a[3], step & 1 ? b[n].z : b[n].x, step & 1 ? b[n].w : b[n].y);
        if (step % STEPS_OF_GROUP == STEPS_OF_GROUP - 1) {
            const int group = step / STEPS_OF_GROUP;
            const uint2 constants = *(const uint2*)(unit + group * 64 + g * 8);
            const float scale_a = low_half(constants.x), scale_b = high_half(constants.x);
            const float zero_a = low_half(constants.y), zero_b = high_half(constants.y);
#pragma unroll
            for (int n = 0; n < NT; n++) {
                const float* sums = x_sums + (group * NT + n) * 8;
#pragma unroll
                for (int e = 0; e < 2; e++) {
                    const float s = sums[2 * t + e];
                    sum[n][e] += scale_a * (part[n][0][e] + part[n][1][e] - zero_a * s);
                    sum[n][2 + e] += scale_b * (part[n][0][2 + e] + part[n][1][2 + e] - zero_b * s);
                }
            }
        }
    }
#elif BITS == 8
#pragma unroll
    for (int quarter = 0; quarter < 4; quarter++) {
        const uint4 a = *(const uint4*)(unit + quarter * 512 + lane * 16);
#pragma unroll
        for (int n = 0; n < NT; n++) {
            const uint4 b = *(const uint4*)(x[n] + offset + quarter * 32);
            mma(sum[n], halves_of_bytes(a.x, false), halves_of_bytes(a.y, false), halves_of_bytes(a.x, true),
                halves_of_bytes(a.y, true), b.x, b.y);
            mma(sum[n], halves_of_bytes(a.z, false), halves_of_bytes(a.w, false), halves_of_bytes(a.z, true),
                halves_of_bytes(a.w, true), b.z, b.w);
        }
    }
#else
#pragma unroll
    for (int step = 0; step < 8; step++) {
        const uint4 a = *(const uint4*)(unit + step * 512 + lane * 16);
#pragma unroll
        for (int n = 0; n < NT; n++) {
            const uint2 b = *(const uint2*)(x[n] + offset + (step >> 1) * 32 + (step & 1) * 4);
            mma(sum[n], a.x, a.y, a.z, a.w, b.x, b.y);
        }
    }
#endif
}
#endif

// The sum over `lanes` neighbouring lanes.
template <int LANES>
__device__ __forceinline__ float lanes_sum(float value) {
#pragma unroll
    for (int step = 1; step < LANES; step <<= 1) value += __shfl_xor_sync(FULL, value, step);
    return value;
}

// A norm's weights for the inputs of a single row, loaded before the row is there.
struct Early {
    float4 weight[EARLY];
    bool loaded;
};

__device__ __forceinline__ void load_early(const Product& p, int first, int slice, Early& early) {
    early.loaded = p.norm && p.rows == 1 && !p.order && !p.input_scale && (p.inputs & 7) == 0 && slice <= EARLY * 4 * THREADS;
    if (!early.loaded) return;
#pragma unroll
    for (int i = 0; i < EARLY; i++) {
        const int k = (i * THREADS + threadIdx.x) * 4;
        early.weight[i] = make_float4(0, 0, 0, 0);
        if (k < slice && first + k < p.inputs) early.weight[i] = *(const float4*)(p.norm + first + k);
    }
}

// `load_rows` for one row.
template <int NT>
__device__ __forceinline__ void load_row(const Product& p, u16* x, float* x_sums, int first, int slice, const Early& early) {
    __shared__ float squares[WARPS];
    const int thread = threadIdx.x;
    float4 value[EARLY];
#pragma unroll
    for (int i = 0; i < EARLY; i++) {
        const int k = (i * THREADS + thread) * 4;
        value[i] = make_float4(0, 0, 0, 0);
        if (k < slice && first + k < p.inputs) value[i] = *(const float4*)((const float*)p.source + first + k);
    }
    float sum = 0;
    for (int i = thread; i < p.parts; i += THREADS) sum += p.squares[i];
    sum = warp_sum(sum);
    if ((thread & 31) == 0) squares[thread >> 5] = sum;
    block_sync();
    sum = 0;
#pragma unroll
    for (int w = 0; w < WARPS; w++) sum += squares[w];
    const float scale = rsqrtf(sum / p.inputs + p.eps);
#pragma unroll
    for (int i = 0; i < EARLY; i++) {
        const int k = (i * THREADS + thread) * 4;
        if (k >= slice) continue;  // whole warps
        const u32 low = to_half2(value[i].x * scale * early.weight[i].x, value[i].y * scale * early.weight[i].y);
        const u32 high = to_half2(value[i].z * scale * early.weight[i].z, value[i].w * scale * early.weight[i].w);
        *(uint2*)(x + k) = make_uint2(low, high);
#if GROUP > 0
        const float all = lanes_sum<GROUP / 4>(low_half(low) + high_half(low) + low_half(high) + high_half(high));
        if (k % GROUP == 0) x_sums[k / GROUP * (NT * 8)] = all;
#endif
    }
    block_sync();
}

// The rows' inputs `first` .. `first + slice` to shared memory as float16, normalised where there is a norm, and the sums
// of their groups. DEEP loads go out at a time, the first before the sums of squares are known.
template <int NT, int DEEP>
__device__ __forceinline__ void load_rows(const Product& p, u16* x, float* x_sums, int stride, int first, int slice,
                                          const Early& early) {
    __shared__ float inverse[32];
    const int thread = threadIdx.x;
    if (early.loaded) {
        load_row<NT>(p, x, x_sums, first, slice, early);
        return;
    }
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
        for (int base = 0; base < work; base += THREADS * DEEP) {
            float4 value[DEEP], weight[DEEP];
#pragma unroll
            for (int i = 0; i < DEEP; i++) {
                const int n = base + i * THREADS + thread, row = n / quads, k = first + (n - row * quads) * 4;
                value[i] = weight[i] = make_float4(0, 0, 0, 0);
                if (n < work && k < p.inputs) {
                    value[i] = *(const float4*)(source + (u64)row * p.source_stride + k);
                    weight[i] = *(const float4*)(p.norm + k);
                }
            }
            if (base == 0) block_sync();
#pragma unroll
            for (int i = 0; i < DEEP; i++) {
                const int n = base + i * THREADS + thread, row = n / quads, k = (n - row * quads) * 4;
                if (n >= work) continue;  // whole warps
                const float scale = inverse[row];
                const u32 low = to_half2(value[i].x * scale * weight[i].x, value[i].y * scale * weight[i].y);
                const u32 high = to_half2(value[i].z * scale * weight[i].z, value[i].w * scale * weight[i].w);
                *(uint2*)(x + row * stride + k) = make_uint2(low, high);
#if GROUP > 0
                const float sum = lanes_sum<GROUP / 4>(low_half(low) + high_half(low) + low_half(high) + high_half(high));
                if (k % GROUP == 0) x_sums[k / GROUP * (NT * 8) + row] = sum;
#endif
            }
        }
    } else if (plain) {
        const u16* source = (const u16*)p.source;
        const int octets = slice >> 3, work = octets * p.rows;
        for (int base = 0; base < work; base += THREADS * DEEP) {
            uint4 value[DEEP];
#pragma unroll
            for (int i = 0; i < DEEP; i++) {
                const int n = base + i * THREADS + thread, row = n / octets, k = first + (n - row * octets) * 8;
                value[i] = make_uint4(0, 0, 0, 0);
                if (n < work && k < p.inputs) value[i] = *(const uint4*)(source + source_row(p, row) + k);
            }
#pragma unroll
            for (int i = 0; i < DEEP; i++) {
                const int n = base + i * THREADS + thread, row = n / octets, k = (n - row * octets) * 8;
#if GROUP > 0
                const uint4 v = value[i];
                const float sum = lanes_sum<GROUP / 8>(low_half(v.x) + high_half(v.x) + low_half(v.y) + high_half(v.y) +
                                                       low_half(v.z) + high_half(v.z) + low_half(v.w) + high_half(v.w));
                if (n < work && k % GROUP == 0) x_sums[k / GROUP * (NT * 8) + row] = sum;
#endif
                if (n < work) *(uint4*)(x + row * stride + k) = value[i];
            }
        }
    } else {
        block_sync();
        for (int n = thread; n < slice * p.rows; n += THREADS) {  // whole warps
            const int row = n / slice, k = n - row * slice;
            float value = 0;
            if (first + k < p.inputs) {
                const int at = p.order ? p.order[first + k] : first + k;
                const u64 place = source_row(p, row) + at;
                value = p.norm ? ((const float*)p.source)[place] * inverse[row] * p.norm[at]
                               : to_float(((const u16*)p.source)[place]);
                if (p.input_scale) value *= p.input_scale[at];
            }
            x[row * stride + k] = to_half(value);
        }
        block_sync();
#if GROUP > 0
        for (int n = thread; n < slice / GROUP * p.rows; n += THREADS) {
            const int row = n % p.rows, group = n / p.rows;
            float sum = 0;
            for (int i = 0; i < GROUP; i++) sum += to_float(x[row * stride + group * GROUP + i]);
            x_sums[group * (NT * 8) + row] = sum;
        }
#endif
    }
    block_sync();
}

// What becomes of outputs g and g + 8 of a tile, for one row.
__device__ __forceinline__ void finish(const Product& p, int tile, int g, int row, float a, float b, bool active) {
#if BITS == 8 && GROUP == 0
    if (active) a *= p.output_scale[tile * 16 + g], b *= p.output_scale[tile * 16 + 8 + g];
#endif
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

