// What becomes of the outputs of products of many rows on Hopper's tensor cores (`many.cu`).
#pragma once
#include "many.cuh"

#if __CUDA_ARCH__ == 900

__device__ __forceinline__ uint4 eight_halves(const float (&v)[8]) {
    return make_uint4(to_half2(v[0], v[1]), to_half2(v[2], v[3]), to_half2(v[4], v[5]), to_half2(v[6], v[7]));
}

__device__ __forceinline__ void load_eight(const float* from, float (&v)[8]) {
    const float4 low = __ldg((const float4*)from), high = __ldg((const float4*)(from + 4));
    v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w, v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
}

// A tile of a row of the residual stream and the weights of the norm that comes next, read before they are needed.
struct Change {
    float4 old[4], norm[4];
    float scale;

    __device__ __forceinline__ void load(const Product& p, int tile, int row) {
#pragma unroll
        for (int i = 0; i < 4; i++) {
            old[i] = __ldcg((const float4*)((const float*)p.target + (u64)row * p.target_stride + tile * 16) + i);
            norm[i] = __ldg((const float4*)(p.next_norm + tile * 16) + i);
        }
        scale = __ldcg(p.scales + row);
    }

    // The new stream, its part of the sum of squares, and what the next product takes.
    __device__ __forceinline__ void hand_on(const Product& p, int tile, int row, const float (&a)[8], const float (&b)[8]) const {
        float4* const stream = (float4*)((float*)p.target + (u64)row * p.target_stride + tile * 16);
        float square = 0;
        u32 x[8];
#pragma unroll
        for (int i = 0; i < 4; i++) {
            const float(&v)[8] = i < 2 ? a : b;
            const int g = i % 2 * 4;
            const float4 sum = make_float4(old[i].x + v[g], old[i].y + v[g + 1], old[i].z + v[g + 2], old[i].w + v[g + 3]);
            stream[i] = sum;
            square += sum.x * sum.x + sum.y * sum.y + sum.z * sum.z + sum.w * sum.w;
            x[i * 2] = to_half2(sum.x * scale * norm[i].x, sum.y * scale * norm[i].y);
            x[i * 2 + 1] = to_half2(sum.z * scale * norm[i].z, sum.w * scale * norm[i].w);
        }
        p.target_squares[row * p.tiles + tile] = square;
        u16* const to = p.next + packed_place(row, tile * 16, (p.outputs + 127) & ~127);
#pragma unroll
        for (int i = 0; i < 4; i++) *(uint2*)(to + i * 64) = make_uint2(x[i], x[i + 4]);
    }
};

// What becomes of the outputs of a tile for one row: a[g] is output g, b[g] output g + 8. `change`: what the residual
// stream holds there and its next norm, where the product writes that norm's rows.
template <bool NORMS>
__device__ __forceinline__ void hand_on(const Product& p, int tile, int row, float (&a)[8], float (&b)[8], const Change& change) {
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
    if (NORMS && p.next) {
        change.hand_on(p, tile, row, a, b);
    } else if (p.mode == RESIDUAL) {  // nobody else adds to these; an addition need not be waited for
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

// The tile and the row that a lane adds up as the `item`th of its block's.
template <int OCTETS>
struct Place {
    int inner, octet, row;
    bool used;

    __device__ __forceinline__ Place(const Product& p, int item, int count, int first_tile, int first_row) {
        const int lane = threadIdx.x & 31, quads = (count + 3) >> 2;
        inner = item % quads * 4 + (lane & 3), octet = item / quads, row = first_row + octet * 8 + (lane >> 2);
        used = octet < OCTETS && inner < count && first_tile + inner < p.tiles && row < p.rows;
    }
};

// Adds up the shares of `count` tiles from `first_tile` on and hands them on. A lane takes a tile of a row. `sums`: for
// each of `shares`, `tiles` times [OCTETS, 32] of outputs g and g + 8 of rows 2 t and 2 t + 1, and 64 bytes that keep
// neighbouring tiles in different banks. NORMS: no warp has more than one item; `factors` [COLUMNS] multiply the rows.
template <int OCTETS, int WARPS_OF_ALL, bool NORMS>
__device__ __forceinline__ void add_up(const Product& p, const u8* sums, int shares, int tiles, int count, int first_tile,
                                       int first_row, const Change& change, const float* factors) {
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31, quads = (count + 3) >> 2;
    for (int item = warp; item < quads * OCTETS; item += WARPS_OF_ALL) {
        const Place<OCTETS> place(p, item, count, first_tile, first_row);
        if (!place.used) continue;
        const u8* from = sums + place.inner * (OCTETS * 512 + 64) + place.octet * 512 + (lane >> 2) * 8;
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
        if (NORMS && p.next_scales) {
            const float factor = factors[place.row - first_row];
#pragma unroll
            for (int g = 0; g < 8; g++) a[g] *= factor, b[g] *= factor;
        }
        hand_on<NORMS>(p, first_tile + place.inner, place.row, a, b, change);
    }
}

// What the products of rows that are not normalised yet are multiplied by, to shared memory. By a warp, four lanes a row.
template <int COLUMNS>
__device__ __forceinline__ void find_factors(const Product& p, int first_row, float* factors) {
    const int lane = threadIdx.x & 31;
    for (int i = lane >> 2; i < COLUMNS && first_row + (i & ~7) < p.rows; i += 8) {
        const int row = min(first_row + i, p.rows - 1);
        const float scale = __ldcg(p.scales + row);
        const float4* const squares = (const float4*)(p.squares + (u64)row * p.parts);
        float sum = 0;
#pragma unroll 16
        for (int part = lane & 3; part < p.parts >> 2; part += 4) {
            const float4 four = __ldcg(squares + part);
            sum += four.x + four.y + four.z + four.w;
        }
        sum += __shfl_xor_sync(FULL, sum, 1);
        sum += __shfl_xor_sync(FULL, sum, 2);
        const float inverse = rsqrtf(sum / p.inputs + p.eps);
        if ((lane & 3) || first_row + i >= p.rows) continue;
        factors[i] = inverse / scale;
        if (blockIdx.x + blockIdx.z == 0) p.next_scales[row] = inverse * SCALE_OF_ROWS;
    }
}

#endif
