// A mixture of experts around their products: a router's logits, which experts each row chooses, the rows in the order of
// experts, and what experts give, weighted and added up.
#include "common.cuh"

#define MOST_EXPERTS 1024
#define MOST_CHOSEN 64
#define ITEM 4     // integers: expert, first place, rows
#define QUADS 16   // of a lane, that are under way at a time
#define ROUTER_WARPS 4
#define COMBINED 512  // outputs of a block, four of a thread
#define PART 16       // outputs whose squares are summed up together

// Four values from `at` on, zeros from `size` on.
__device__ __forceinline__ float4 four_of(const float* from, int at, int size) {
    if (at + 4 <= size && (size & 3) == 0) return __ldcg((const float4*)(from + at));
    return make_float4(at < size ? __ldcg(from + at) : 0, at + 1 < size ? __ldcg(from + at + 1) : 0,
                       at + 2 < size ? __ldcg(from + at + 2) : 0, at + 3 < size ? __ldcg(from + at + 3) : 0);
}

// A lane's share of the weights of an expert, times those of the norm.
__device__ __forceinline__ void load_weights(const float* own, const float* norm, int base, int size, float4 (&weights)[QUADS]) {
    const int lane = threadIdx.x & 31;
#pragma unroll
    for (int i = 0; i < QUADS; i++) {
        const int at = base + (i * 32 + lane) * 4;
        const float4 weight = four_of(own, at, size), scale = four_of(norm, at, size);
        weights[i] = make_float4(weight.x * scale.x, weight.y * scale.y, weight.z * scale.z, weight.w * scale.w);
    }
}

// The normalised rows of the residual stream, float16 for the experts and float32 for the router's logits [rows, experts].
// A warp for an expert of every gridDim.y-th row; its weights are there before the rows are.
extern "C" __global__ void __launch_bounds__(32 * ROUTER_WARPS)
    router(const float* residual, const float* norm, const float* weights, u16* normed, float* logits, int experts, int size,
           int stride, float eps, int rows) {
    const int lane = threadIdx.x & 31, warp = blockIdx.x * ROUTER_WARPS + (threadIdx.x >> 5), expert = min(warp, experts - 1);
    const float* own = weights + (u64)expert * size;
    float4 ahead[QUADS];
    load_weights(own, norm, 0, size, ahead);
    wait_for_producer();
    let_next_start();
    for (int row = blockIdx.y; row < rows; row += gridDim.y) {
        const float* from = residual + (u64)row * size;
        float sum = 0, logit = 0;
        for (int base = 0; base < size; base += QUADS * 128) {
            if (size > QUADS * 128) load_weights(own, norm, base, size, ahead);
#pragma unroll
            for (int i = 0; i < QUADS; i++) {
                const float4 x = four_of(from, base + (i * 32 + lane) * 4, size);
                sum += x.x * x.x + x.y * x.y + x.z * x.z + x.w * x.w;
                logit += x.x * ahead[i].x + x.y * ahead[i].y + x.z * ahead[i].z + x.w * ahead[i].w;
            }
        }
        const float inverse = rsqrtf(warp_sum(sum) / size + eps);
        logit = warp_sum(logit) * inverse;
        if (lane == 0 && warp < experts) logits[(u64)row * experts + warp] = logit;
        for (int i = warp * 32 + lane; i < stride; i += gridDim.x * ROUTER_WARPS * 32)
            normed[(u64)row * stride + i] = i < size ? to_half(from[i] * inverse * norm[i]) : (u16)0;
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

// residual[row] += the weighted sum of what its experts give, always in the same order, with sums of squares. A block for
// COMBINED outputs of a row. The kernel ahead starts no earlier than `route` has ended, so all but what it gives is there.
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
