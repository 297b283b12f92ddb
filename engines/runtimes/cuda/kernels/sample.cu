// Tokens from logits: penalties, biases and masks, temperature, top-k, top-p, min-p, in this order. A block for each row.
// Weights are summed as integers of 2^-44, so that the order of a sum changes nothing.
#include "common.cuh"

#define THREADS 1024
#define WARPS 32
#define KEPT 4096   // candidates that have room in shared memory
#define MOST_LOGPROBS 20
#define ONE 0x3f800000u  // the bits of the likeliest token's weight

struct Entry {  // what happens to the score of one token
    int token, generated, seen;
    float bias, raw;  // raw: the logit before, entered here
};

struct Row {
    Entry* entries;   // no token twice
    const u32* mask;  // a bit for each token that is allowed, or null
    double draw;
    float temperature, top_p, min_p, repetition, presence, frequency;
    int top_k, logprobs, count, greedy;  // logprobs -1: none; count: of entries
};

struct Out {
    int token;
    float logprob;
    int top[MOST_LOGPROBS];
    float top_logprobs[MOST_LOGPROBS];
};

struct Room {
    float values[WARPS];
    int places[WARPS];
    u64 sums[8][WARPS];
    double parts[WARPS];
    u32 satisfied[WARPS];
    u32 kept[KEPT];
    int count;
};

__device__ __forceinline__ float infinity() { return __int_as_float(0x7f800000); }

__device__ __forceinline__ u64 fixed(float weight) { return __float2ull_rn(weight * 17592186044416.0f); }

struct Weights {
    const float* scores;
    const u32* mask;
    float most, temperature;

    __device__ __forceinline__ float score(int i) const {
        return mask && !(mask[i >> 5] >> (i & 31) & 1) ? -infinity() : scores[i];
    }
    // The bits of a weight of 0 to 1; they are ordered like the weights.
    __device__ __forceinline__ u32 bits(int i) const { return __float_as_uint(expf((score(i) - most) / temperature)); }
};

__device__ __forceinline__ u64 warp_sum_whole(u64 value) {
#pragma unroll
    for (int step = 16; step; step >>= 1) value += __shfl_xor_sync(FULL, value, step);
    return value;
}

// The sums over the block, for every thread.
template <int COUNT>
__device__ __forceinline__ void block_sums(u64 (&values)[COUNT], Room& room) {
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    __syncthreads();
#pragma unroll
    for (int n = 0; n < COUNT; n++) {
        const u64 sum = warp_sum_whole(values[n]);
        if (lane == 0) room.sums[n][warp] = sum;
    }
    __syncthreads();
    if (warp < COUNT) {
        const u64 sum = warp_sum_whole(room.sums[warp][lane]);
        __syncwarp();
        if (lane == 0) room.sums[warp][0] = sum;
    }
    __syncthreads();
#pragma unroll
    for (int n = 0; n < COUNT; n++) values[n] = room.sums[n][0];
}

// The largest value and the first place that holds it, for every thread.
__device__ __forceinline__ void block_best(float& best, int& place, Room& room) {
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    __syncthreads();
    for (int round = 0; round < 2; round++) {
#pragma unroll
        for (int step = 16; step; step >>= 1) {
            const float other = __shfl_xor_sync(FULL, best, step);
            const int at = __shfl_xor_sync(FULL, place, step);
            if (other > best || (other == best && at < place)) best = other, place = at;
        }
        if (round) break;
        if (lane == 0) room.values[warp] = best, room.places[warp] = place;
        __syncthreads();
        best = room.values[lane], place = room.places[lane];
    }
}

// The log of the sum of all exponentials less the largest logit, and the likeliest tokens of the model's own distribution.
__device__ __forceinline__ void describe(const float* row, int size, int wanted, Out& out, float& most, double& whole, Room& room) {
    int place = 0x7fffffff;
    most = -infinity();
    for (int i = threadIdx.x; i < size; i += THREADS)
        if (row[i] > most) most = row[i], place = i;
    block_best(most, place, room);
    double sum = 0;
    for (int i = threadIdx.x; i < size; i += THREADS) sum += expf(row[i] - most);
#pragma unroll
    for (int step = 16; step; step >>= 1) sum += __shfl_xor_sync(FULL, sum, step);
    if ((threadIdx.x & 31) == 0) room.parts[threadIdx.x >> 5] = sum;
    __syncthreads();
    sum = 0;
    for (int w = 0; w < WARPS; w++) sum += room.parts[w];
    whole = log(sum);
    float last = infinity();
    int last_place = -1;
    for (int n = 0; n < wanted; n++) {
        float best = -infinity();
        place = 0x7fffffff;
        for (int i = threadIdx.x; i < size; i += THREADS) {
            const float value = row[i];
            if ((value < last || (value == last && i > last_place)) && value > best) best = value, place = i;
        }
        block_best(best, place, room);
        if (threadIdx.x == 0) out.top[n] = place, out.top_logprobs[n] = (float)((double)(best - most) - whole);
        last = best, last_place = place;
    }
}

// Weights to choose from: those in shared memory, or the whole row.
struct Candidates {
    const Weights& weights;
    Room& room;
    int size;     // of the row
    bool listed;  // in room.kept

    __device__ __forceinline__ int count() const { return listed ? room.count : size; }
    __device__ __forceinline__ u32 bits(int i) const { return listed ? room.kept[i] : weights.bits(i); }

    __device__ __noinline__ u64 sum_from(u32 bound, bool masses) const {
        u64 sum[1] = {0};
        for (int i = threadIdx.x; i < count(); i += THREADS) {
            const u32 value = bits(i);
            if (value >= bound) sum[0] += masses ? fixed(__uint_as_float(value)) : 1;
        }
        block_sums(sum, room);
        return sum[0];
    }

    // The largest bound from which on there are `wanted` candidates, or as much of their mass. Every warp tries a bound.
    __device__ __noinline__ u32 bound(double wanted, bool masses) const {
        const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
        u32 low = 0, high = ONE + 1;
        while (high - low > 1) {
            if (!listed) {
                const u32 middle = low + (high - low) / 2;
                if ((double)sum_from(middle, masses) >= wanted) low = middle;
                else high = middle;
                continue;
            }
            const u64 width = high - low;
            const u32 mine = low + (u32)(width * (warp + 1) / (WARPS + 1));
            u64 sum = 0;
            for (int i = lane; i < room.count; i += 32)
                if (room.kept[i] >= mine) sum += masses ? fixed(__uint_as_float(room.kept[i])) : 1;
            sum = warp_sum_whole(sum);
            if (lane == 0) room.satisfied[warp] = (double)sum >= wanted;
            __syncthreads();
            const int satisfied = __popc(__ballot_sync(FULL, room.satisfied[lane]));
            const u32 base = low;
            if (satisfied) low = base + (u32)(width * satisfied / (WARPS + 1));
            if (satisfied < WARPS) high = base + (u32)(width * (satisfied + 1) / (WARPS + 1));
            __syncthreads();
        }
        return low;
    }
};

// What filters leave: weights from `least` on that are above `edge`, and the first `ties` of those equal to it.
struct Kept {
    u32 least, edge;
    u64 ties;
};

__device__ __forceinline__ Kept filtered(const Row& p, const Weights& weights, int size, Room& room) {
    Kept kept = {p.min_p > 0 ? __float_as_uint(p.min_p) : 1, 0, ~0ull};
    const bool by_count = p.top_k > 0 && p.top_k < size, by_mass = p.top_p < 1;
    if (!by_count && !by_mass) return kept;
    const u32 bounds[3] = {__float_as_uint(1.0f / 64), __float_as_uint(1.0f / 4096), __float_as_uint(1.0f / 1048576)};
    u64 sums[7] = {0, 0, 0, 0, 0, 0, 0};
    for (int i = threadIdx.x; i < size; i += THREADS) {
        const u32 bits = weights.bits(i);
        const u64 mass = fixed(__uint_as_float(bits));
#pragma unroll
        for (int n = 0; n < 3; n++)
            if (bits >= bounds[n]) sums[n]++, sums[3 + n] += mass;
        sums[6] += mass;
    }
    block_sums(sums, room);
    int chosen = 0;
    while (chosen < 3) {
        const bool enough = by_count ? sums[chosen] >= (u64)p.top_k : (double)sums[3 + chosen] >= p.top_p * (double)sums[6];
        if (enough) break;
        chosen++;
    }
    const Candidates candidates = {weights, room, size, chosen < 3 && sums[chosen] <= KEPT};
    if (candidates.listed) {
        if (threadIdx.x == 0) room.count = 0;
        __syncthreads();
        for (int i = threadIdx.x; i < size; i += THREADS) {
            const u32 bits = weights.bits(i);
            if (bits >= bounds[chosen]) room.kept[atomicAdd(&room.count, 1)] = bits;
        }
        __syncthreads();
    }
    u64 total = sums[6];
    if (by_count) {
        const u32 least = candidates.bound(p.top_k, false);
        kept.least = max(kept.least, least);
        total = candidates.sum_from(least, true);
    }
    if (by_mass) {
        const double wanted = p.top_p * (double)total;
        kept.edge = candidates.bound(wanted, true);
        const u64 above = candidates.sum_from(kept.edge + 1, true), each = fixed(__uint_as_float(kept.edge));
        if (each) kept.ties = (u64)ceil((wanted - (double)above) / (double)each);
    }
    return kept;
}

// The token at `draw` of the kept weights, in the order of the tokens. Each warp looks at a stretch of the row.
__device__ __forceinline__ int drawn(const Row& p, const Weights& weights, const Kept& kept, int size, Room& room) {
    const int warp = threadIdx.x >> 5, lane = threadIdx.x & 31;
    const int stretch = (size + THREADS - 1) / THREADS * 32, begin = min(size, warp * stretch), end = min(size, begin + stretch);
    const u64 each = fixed(__uint_as_float(kept.edge));
    u64 mass = 0, ties = 0;
    for (int i = begin + lane; i < end; i += 32) {
        const u32 bits = weights.bits(i);
        if (bits < kept.least) continue;
        if (bits > kept.edge) mass += fixed(__uint_as_float(bits));
        else if (bits == kept.edge) ties++;
    }
    mass = warp_sum_whole(mass), ties = warp_sum_whole(ties);
    __syncthreads();
    if (lane == 0) room.sums[0][warp] = mass, room.sums[1][warp] = ties, room.places[0] = 0;
    __syncthreads();
    u64 total = 0, before = 0, ties_before = 0, ties_seen = 0;
    for (int w = 0; w < WARPS; w++) {
        const u64 found = room.sums[1][w], allowed = ties_seen < kept.ties ? min(found, kept.ties - ties_seen) : 0;
        if (w == warp) before = total, ties_before = ties_seen;
        total += room.sums[0][w] + allowed * each;
        ties_seen += found;
        if (w == warp) mass = total - before;
    }
    const u64 target = total ? min((u64)(p.draw * (double)total), total - 1) : 0;
    if (before <= target && target < before + mass) {
        for (int base = begin; base < end; base += 32) {
            const int i = base + lane;
            const u32 bits = i < end ? weights.bits(i) : 0;
            const bool tie = bits == kept.edge && bits >= kept.least;
            const u32 all_ties = __ballot_sync(FULL, tie);
            u64 value = bits >= kept.least && bits > kept.edge ? fixed(__uint_as_float(bits)) : 0;
            if (tie && ties_before + __popc(all_ties & ((1u << lane) - 1)) < kept.ties) value = each;
            ties_before += __popc(all_ties);
            u64 running = value;
#pragma unroll
            for (int step = 1; step < 32; step <<= 1) {
                const u64 other = __shfl_up_sync(FULL, running, step);
                if (lane >= step) running += other;
            }
            const u32 beyond = __ballot_sync(FULL, before + running > target);
            if (beyond) {
                if (lane == 0) room.places[0] = base + __ffs(beyond) - 1;
                break;
            }
            before += __shfl_sync(FULL, running, 31);
        }
    }
    __syncthreads();
    return room.places[0];
}

extern "C" __global__ void __launch_bounds__(THREADS) sample(float* logits, const Row* rows, Out* outs, int* tokens, int size, int stride) {
    __shared__ Room room;
    wait_for_producer();
    let_next_start();
    const Row p = rows[blockIdx.x];
    float* const row = logits + (u64)blockIdx.x * stride;
    Out& out = outs[blockIdx.x];
    float most = 0;
    double whole = 0;
    if (p.logprobs >= 0) describe(row, size, min(min(p.logprobs, MOST_LOGPROBS), size), out, most, whole, room);
    __syncthreads();
    for (int n = threadIdx.x; n < p.count; n += THREADS) {
        Entry& entry = p.entries[n];
        float value = row[entry.token];
        entry.raw = value;
        if (entry.seen) value = value > 0 ? value / p.repetition : value * p.repetition;
        if (entry.generated) value -= p.presence + p.frequency * entry.generated;
        row[entry.token] = value + entry.bias;
    }
    __syncthreads();
    Weights weights = {row, p.mask, 0, p.temperature};
    float best = -infinity();
    int place = 0x7fffffff;
    for (int i = threadIdx.x * 4; i < size; i += THREADS * 4) {
        const float4 four = *(const float4*)(row + i);
        const float all[4] = {four.x, four.y, four.z, four.w};
        const u32 allowed = p.mask ? p.mask[i >> 5] >> (i & 31) : FULL;
#pragma unroll
        for (int e = 0; e < 4; e++)
            if (i + e < size && (allowed >> e & 1) && all[e] > best) best = all[e], place = i + e;
    }
    block_best(best, place, room);
    int token = place < size ? place : 0;
    if (!p.greedy) {
        weights.most = best;
        token = drawn(p, weights, filtered(p, weights, size, room), size, room);
    }
    if (threadIdx.x == 0) out.token = tokens[blockIdx.x] = token, out.logprob = (float)((double)(row[token] - most) - whole);
    if (p.logprobs < 0) return;
    __syncthreads();
    for (int n = threadIdx.x; n < p.count; n += THREADS)
        if (p.entries[n].token == token) out.logprob = (float)((double)(p.entries[n].raw - most) - whole);
}

// Tokens that the step before has sampled become inputs of this one: taken[i] is a row of it, or -1.
extern "C" __global__ void take(int* tokens, const int* taken, const int* sampled, int count) {
    wait_for_producer();
    let_next_start();
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < count && taken[i] >= 0) tokens[i] = sampled[taken[i]];
}
