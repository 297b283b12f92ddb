// A mixture of experts around their products: a router's logits, which experts each row chooses, the rows in the order of
// experts, and what experts give, weighted and added up.
#include "common.cuh"

#define MOST_EXPERTS 1024
#define MOST_CHOSEN 64
#define ITEM 4     // integers: expert, first place, rows
#define QUADS 8    // of a thread, that are under way at a time
#define ROUTER_WARPS 8
#define COMBINED 512  // outputs of a block, four of a thread
#define PART 16       // outputs whose squares are summed up together

// Four values from `at` on, zeros from `size` on.
__device__ __forceinline__ float4 four_of(const float* from, int at, int size) {
    if (at + 4 <= size && (size & 3) == 0) return __ldcg((const float4*)(from + at));
    return make_float4(at < size ? __ldcg(from + at) : 0, at + 1 < size ? __ldcg(from + at + 1) : 0,
                       at + 2 < size ? __ldcg(from + at + 2) : 0, at + 3 < size ? __ldcg(from + at + 3) : 0);
}

// A thread's share of QUADS * 4 * blockDim.x values from `base` on, times as many of `scales` unless that is null.
__device__ __forceinline__ void load_share(const float* from, const float* scales, int base, int size, float4 (&share)[QUADS]) {
#pragma unroll
    for (int i = 0; i < QUADS; i++) share[i] = four_of(from, base + (i * (int)blockDim.x + (int)threadIdx.x) * 4, size);
    if (!scales) return;
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
        const float4 scale = four_of(scales, base + (i * (int)blockDim.x + (int)threadIdx.x) * 4, size);
        share[i].x *= scale.x, share[i].y *= scale.y, share[i].z *= scale.z, share[i].w *= scale.w;
    }
}

// The logits of a router in float32 [rows, experts]: a block for an expert of every gridDim.y-th row, whose weights are
// there before the rows are. One block more writes the normalised rows in float16, for the experts.
extern "C" __global__ void __launch_bounds__(32 * ROUTER_WARPS)
    router(const float* residual, const float* norm, const float* weights, u16* normed, float* logits, int experts, int size,
           int stride, float eps, int rows) {
    __shared__ float sums[ROUTER_WARPS], products[ROUTER_WARPS];
    const int lane = threadIdx.x & 31, warp = threadIdx.x >> 5, warps = blockDim.x >> 5, at_once = QUADS * 4 * blockDim.x;
    const int expert = blockIdx.x;
    const bool writes = expert == experts;
    const float *own = writes ? norm : weights + (u64)expert * size, *scales = writes ? nullptr : norm;
    float4 share[QUADS], x[QUADS];
    load_share(own, scales, 0, size, share);
    wait_for_producer();
    let_next_start();
    for (int row = blockIdx.y; row < rows; row += gridDim.y) {
        const float* from = residual + (u64)row * size;
        float sum = 0, product = 0;
        for (int base = 0; base < size; base += at_once) {
            load_share(from, nullptr, base, size, x);
            if (size > at_once) load_share(own, scales, base, size, share);
#pragma unroll
            for (int i = 0; i < QUADS; i++) {
                sum += x[i].x * x[i].x + x[i].y * x[i].y + x[i].z * x[i].z + x[i].w * x[i].w;
                product += x[i].x * share[i].x + x[i].y * share[i].y + x[i].z * share[i].z + x[i].w * share[i].w;
            }
        }
        sum = warp_sum(sum), product = warp_sum(product);
        __syncthreads();
        if (lane == 0) sums[warp] = sum, products[warp] = product;
        __syncthreads();
        sum = product = 0;
        for (int w = 0; w < warps; w++) sum += sums[w], product += products[w];
        const float inverse = rsqrtf(sum / size + eps);
        if (!writes) {
            if (threadIdx.x == 0) logits[(u64)row * experts + expert] = product * inverse;
            continue;
        }
        for (int base = 0; base < stride; base += at_once) {
            if (size > at_once) {
                load_share(from, nullptr, base, size, x);
                load_share(own, scales, base, size, share);
            }
#pragma unroll
            for (int i = 0; i < QUADS; i++) {
                const int at = base + (i * (int)blockDim.x + (int)threadIdx.x) * 4;
                if (at < stride)
                    *(uint2*)(normed + (u64)row * stride + at) =
                        make_uint2(to_half2(x[i].x * inverse * share[i].x, x[i].y * inverse * share[i].y),
                                   to_half2(x[i].z * inverse * share[i].z, x[i].w * inverse * share[i].w));
            }
        }
    }
}

// A number in the order of the logit; 0 is below all of them.
__device__ __forceinline__ u32 key_of(float logit) {
    const u32 bits = __float_as_uint(logit);
    return bits >> 31 ? ~bits : bits | 0x80000000u;
}

__device__ __forceinline__ float logit_of(u32 key) { return __uint_as_float(key >> 31 ? key ^ 0x80000000u : ~key); }

// A row's choice by a warp, lanes with EACH experts each.
template <int EACH>
__device__ __forceinline__ void choose(const float* logits, int* choices, float* weights, int* counts, int experts, int chosen,
                                       int normalised) {
    const int lane = threadIdx.x & 31;
    u32 keys[EACH], best = 0;
#pragma unroll
    for (int j = 0; j < EACH; j++) {
        keys[j] = j * 32 + lane < experts ? key_of(logits[j * 32 + lane]) : 0;
        best = max(best, keys[j]);
    }
    const float most = logit_of(__reduce_max_sync(FULL, best));
    float total = 0, of_chosen = 0, own[MOST_CHOSEN / 32] = {0, 0};
    if (!normalised) {
#pragma unroll
        for (int j = 0; j < EACH; j++)
            if (j * 32 + lane < experts) total += __expf(logit_of(keys[j]) - most);
        total = warp_sum(total);
    }
    for (int i = 0; i < chosen; i++) {
        int place = MOST_EXPERTS;
        best = 0;
#pragma unroll
        for (int j = 0; j < EACH; j++)
            if (keys[j] > best) best = keys[j], place = j * 32 + lane;
        const u32 top = __reduce_max_sync(FULL, best);
        place = __reduce_min_sync(FULL, best == top ? place : MOST_EXPERTS);
        place = min(place, experts - 1);  // logits that are no numbers
#pragma unroll
        for (int j = 0; j < EACH; j++)
            if (j * 32 + lane == place) keys[j] = 0;
        const float weight = __expf(logit_of(top) - most);
        of_chosen += weight;
#pragma unroll
        for (int j = 0; j < MOST_CHOSEN / 32; j++)
            if (j * 32 + lane == i) own[j] = weight;
        if (lane == 0) choices[i] = place, atomicAdd(counts + place, 1);
    }
    const float part = 1.0f / (normalised ? of_chosen : total);
#pragma unroll
    for (int j = 0; j < MOST_CHOSEN / 32; j++)
        if (j * 32 + lane < chosen) weights[j * 32 + lane] = own[j] * part;
}

// Of each row the `chosen` experts with the largest logits, of equal ones the first, and their shares of the softmax over
// all experts or, `normalised`, over those chosen. A pair is a row with one of its experts, its place where it stands in the
// order of experts: `places` [pairs], `sources` [places] says whose row. `items`: their number, then from ITEM on the items,
// each up to `width` places of one expert. One block.
extern "C" __global__ void __launch_bounds__(1024) route(const float* logits, int* choices, float* weights, int* places, int* sources,
                                                        int* items, int rows, int experts, int chosen, int normalised, int width) {
    __shared__ int counts[MOST_EXPERTS], starts[MOST_EXPERTS], first_items[MOST_EXPERTS];
    const int thread = threadIdx.x, warp = thread >> 5, lane = thread & 31;
    for (int e = thread; e < experts; e += blockDim.x) counts[e] = 0;
    wait_for_producer();
    let_next_start();
    __syncthreads();
    for (int row = warp; row < rows; row += (int)(blockDim.x >> 5)) {
        const u64 first = (u64)row * chosen;
        const float* own = logits + (u64)row * experts;
        if (experts <= 128) choose<4>(own, choices + first, weights + first, counts, experts, chosen, normalised);
        else choose<MOST_EXPERTS / 32>(own, choices + first, weights + first, counts, experts, chosen, normalised);
    }
    __syncthreads();
    if (warp == 0) {
        int places_before = 0, items_before = 0;
        for (int base = 0; base < experts; base += 32) {
            const int count = base + lane < experts ? counts[base + lane] : 0, own = (count + width - 1) / width;
            int place = count, item = own;
#pragma unroll
            for (int step = 1; step < 32; step <<= 1) {
                const int p = __shfl_up_sync(FULL, place, step), n = __shfl_up_sync(FULL, item, step);
                if (lane >= step) place += p, item += n;
            }
            if (base + lane < experts) {
                starts[base + lane] = places_before + place - count;
                first_items[base + lane] = items_before + item - own;
            }
            places_before += __shfl_sync(FULL, place, 31), items_before += __shfl_sync(FULL, item, 31);
        }
        if (lane == 0) items[0] = items_before;
    }
    __syncthreads();
    for (int e = thread; e < experts; e += blockDim.x)
        for (int done = 0, number = first_items[e]; done < counts[e]; done += width, number++) {
            int* const item = items + ITEM * (1 + number);
            item[0] = e, item[1] = starts[e] + done, item[2] = min(width, counts[e] - done);
        }
    __syncthreads();
    for (int pair = thread; pair < rows * chosen; pair += blockDim.x) {
        const int place = atomicAdd(starts + choices[pair], 1);
        places[pair] = place, sources[place] = pair / chosen;
    }
}

// The weighted sum of what a row's experts give, always in the same order: four outputs from `at` on. The kernel ahead starts
// no earlier than `route` has ended, so all but what it gives is there; only that is waited for.
__device__ __forceinline__ void add_given(float4& sum, const float* given, const int* places, const float* weights, u64 row, int at,
                                          int lane, int size, int stride, int chosen) {
    for (int base = 0; base < chosen; base += 32) {
        const int pair = (int)row * chosen + base + lane;
        const int place = base + lane < chosen ? __ldcg(places + pair) : 0;
        const float weight = base + lane < chosen ? __ldcg(weights + pair) : 0;
        if (base == 0) {
            wait_for_producer();
            let_next_start();
        }
#pragma unroll 8
        for (int c = 0; c < min(32, chosen - base); c++) {
            const u64 from = (u64)__shfl_sync(FULL, place, c) * stride;
            const float share = __shfl_sync(FULL, weight, c);
            const float4 x = at < size ? *(const float4*)(given + from + at) : make_float4(0, 0, 0, 0);
            sum.x += share * x.x, sum.y += share * x.y, sum.z += share * x.z, sum.w += share * x.w;
        }
    }
}

// residual[row] += the weighted sum of what its experts give, with sums of squares. A block for COMBINED outputs of a row.
extern "C" __global__ void __launch_bounds__(COMBINED / 4)
    combine(const float* given, const int* places, const float* weights, float* residual, float* squares, int size, int stride,
            int chosen, int parts) {
    __shared__ float room[32];
    const int lane = threadIdx.x & 31, at = blockIdx.x * COMBINED + threadIdx.x * 4;
    const u64 row = blockIdx.y;
    float* const own = residual + row * size;
    const bool whole = at + 4 <= size && (size & 3) == 0;
    float4 value = four_of(own, at, size);
    float4 sum = make_float4(0, 0, 0, 0);
    add_given(sum, given, places, weights, row, at, lane, size, stride, chosen);
    value.x += sum.x, value.y += sum.y, value.z += sum.z, value.w += sum.w;
    if (whole) {
        *(float4*)(own + at) = value;
    } else {
        const float four[4] = {value.x, value.y, value.z, value.w};  // zeros from `size` on
#pragma unroll
        for (int e = 0; e < 4; e++)
            if (at + e < size) own[at + e] = four[e];
    }
    const float all = block_sum(value.x * value.x + value.y * value.y + value.z * value.z + value.w * value.w, room);
    const int part = blockIdx.x * (COMBINED / PART) + threadIdx.x;
    if (threadIdx.x < COMBINED / PART && part < parts) squares[row * parts + part] = threadIdx.x == 0 ? all : 0.0f;
}

// The same sum alone, of one of several cards, to float16 rows for all of them to add up.
extern "C" __global__ void __launch_bounds__(COMBINED / 4)
    share_out(const float* given, const int* places, const float* weights, u16* target, int size, int stride, int target_stride,
              int chosen) {
    const int lane = threadIdx.x & 31, at = blockIdx.x * COMBINED + threadIdx.x * 4;
    const u64 row = blockIdx.y;
    float4 sum = make_float4(0, 0, 0, 0);
    add_given(sum, given, places, weights, row, at, lane, size, stride, chosen);
    if (at < size) *(uint2*)(target + row * target_stride + at) = make_uint2(to_half2(sum.x, sum.y), to_half2(sum.z, sum.w));
}
