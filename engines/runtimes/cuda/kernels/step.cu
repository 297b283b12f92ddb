// A whole decode step of one token in one kernel: a block for each multiprocessor, all of them on the card together.
//
// A layer has five phases: q, k, v with rotation; attention; o; gate and up; down. No barrier stands between them. What a
// block hands to the others it stores as float32 whose last two bits say which step and layer they belong to, and whoever
// needs them reads until those bits are there: a fence would wait for all the weights that are under way. Each warp takes
// its own stretch of a product's inputs. The warp that reads weights ahead runs on through the phases: while a block
// waits or attends, the memory delivers what comes next.
//
// Every block has a share of every product. So nobody writes a value again before all have read it: its writer needs
// what all blocks made of it.
//
// Of several cards (RANKS) each has some heads and some features of the MLP; what o and down add to the residual stream is
// the sum of all cards' shares (`peers.cuh`), and each card computes some of the logits.
#include "attend_one.cuh"
#include "peers.cuh"

#define BATCH 4  // tiles whose sums are added up at a time, by a warp that does nothing else
#define ALL_THREADS (THREADS + 64)
#define adding_sync some_sync<THREADS + 32>
#define adding_arrive some_arrive<THREADS + 32>
enum Barrier { START = 2, FREE = 3, FULL_OF_SUMS = 5 };  // from FREE on two of each

// Where what belongs to a product or a layer lies.
struct Weights {
    const u8* units;
    const float *norm, *bias;
};

struct Step {
    const Product* products;     // [5]: a layer's four, the output layer if it has the same kind of weights
    const Attention* attention;  // the first layer's
    const Weights* weights;      // [count]
    const Layer* by_layer;       // [layers]
    const u32* number;           // grows by one with each step
    const u32* shares;           // [blocks + 1]: where each one's share of the outputs begins, in 65536ths
    Handed handed;
    int layers, count;
    int tables_at, residual_at, room_at;  // in a block's memory, behind the ring
    int in_flight;                        // pieces of weights under way at a time, less than the ring has
    Peers peers;
};

// The share of the outputs that a block takes.
struct Share {
    u32 begin, end;

    __device__ __forceinline__ int first(int tiles) const { return (int)(((u64)tiles * begin + 32768) >> 16); }
    __device__ __forceinline__ int last(int tiles) const { return (int)(((u64)tiles * end + 32768) >> 16); }
};

// What all of a block's threads know.
struct Block {
    Product products[5];
    Attention attention;
    float squares[2][WARPS];  // before attention and the output layer, before the MLP
    float2 sums[2][BATCH][WARPS][8];
    int position, slot;
};

template <typename T>
__device__ __forceinline__ void copy_words(T* to, const T* from, int count = 1) {
    for (int i = threadIdx.x; i < (int)(sizeof(T) / 4) * count; i += ALL_THREADS) ((u32*)to)[i] = ((const u32*)from)[i];
}

// What becomes of outputs g and g + 8 of a tile beside their sums; known before these are.
struct Beside {
    float bias_a, bias_b, cosine, sine;
    int head, first, second;  // ATTENTION: in which head they stand, and where
};

__device__ __forceinline__ Beside prepare(const Product& p, const float* bias, int position, int tile, int g) {
    Beside beside = {0, 0, 1, 0, 0, 0, 0};
    if (bias) beside.bias_a = bias[tile * 16 + g], beside.bias_b = bias[tile * 16 + 8 + g];
    if (p.mode != ATTENTION) return beside;
    const int of_head = p.head >> 4, head = tile / of_head, j = tile - head * of_head;
    beside.head = head, beside.first = j * 16 + g, beside.second = beside.first + 8;
    if (head < p.heads + p.kv_heads && j < (p.rotary >> 4)) {
        beside.first = j * 8 + g, beside.second = (p.rotary >> 1) + beside.first;
        const int at = position * (p.rotary >> 1) + beside.first;
        beside.cosine = p.cosines[at], beside.sine = p.sines[at];
    }
    return beside;
}

// Outputs g and g + 8 of a tile to whom they concern; `which`: of o or of down. `residual`: where the block keeps those two
// of the residual stream.
__device__ __forceinline__ void hand_on(const Product& p, const Handed& handed, const Peers& peers, const Layer& layer,
                                        int which, bool last, u32 number, int slot, int tile, int g, float a, float b,
                                        float* residual, const Beside& beside) {
    const int output = tile * 16 + g;
    a += beside.bias_a, b += beside.bias_b;
    if (p.mode == RESIDUAL) {
        u32* const stream = which ? handed.after_mlp : handed.after_attention;
        if (RANKS > 1) add_shares(peers, which, output, number, a, b);
        a += residual[0], b += residual[8];
        put(stream + output, a, number), put(stream + output + 8, b, number);
        residual[0] = a, residual[8] = b;
        if (last) ((float*)p.target)[output] = a, ((float*)p.target)[output + 8] = b;
    } else if (p.mode == GATED) {
        if (tile * 8 + g < p.outputs) put(handed.gated + tile * 8 + g, activate(a, p.gelu) * b, number);
    } else if (p.mode == LOGITS) {
        if (p.cap > 0) a = tanhf(a / p.cap) * p.cap, b = tanhf(b / p.cap) * p.cap;
        if (output < p.outputs) ((float*)p.target)[output] = a;
        if (output + 8 < p.outputs) ((float*)p.target)[output + 8] = b;
    } else {
        const int head = beside.head, first = beside.first, second = beside.second;
        const float turned = a * beside.cosine - b * beside.sine;
        b = b * beside.cosine + a * beside.sine, a = turned;
        put(handed.qkv + head * p.head + first, a, number), put(handed.qkv + head * p.head + second, b, number);
        if (head < p.heads || slot < 0) return;
        const u64 page = slot / PAGE;
        const int inside = slot % PAGE;
        if (head < p.heads + p.kv_heads) {
            u16* key = layer.keys + ((page * p.kv_heads + head - p.heads) * PAGE + inside) * p.head_padded;
            key[first] = to_half(a), key[second] = to_half(b);
        } else {
            u16* value = layer.values + (page * p.kv_heads + head - p.heads - p.kv_heads) * PAGE * p.head_padded;
            value[value_place(inside, first)] = to_half(a), value[value_place(inside, second)] = to_half(b);
        }
    }
}

// Which of `products` a phase computes.
__device__ __forceinline__ int kind_of(int phase, int layers) { return phase == 4 * layers ? 4 : phase & 3; }

// A product's phase: this warp's inputs, its part of all of the block's tiles. `turn` counts batches.
template <int UNITS, bool NORM>
__device__ __forceinline__ void compute(Block& block, const Share& share, int kind, const float* norm, const u32* source,
                                        u32 number, u32 mask, const u8* memory, Taker& taker, u32& turn) {
    constexpr int PARTS = (UNITS + MOST_UNITS - 1) / MOST_UNITS;
    const int warp = threadIdx.x >> 5, lane = lane_number();
    const Product& p = block.products[kind];
    const int own_tiles = share.last(p.tiles) - share.first(p.tiles);
    Planes planes[PARTS];
    float square = take_inputs<UNITS, NORM>(source, number, mask, norm, p.inputs, planes);
    if (NORM) {
        square = warp_sum(square);
        if (lane == 0 && kind != 1) block.squares[kind >> 1 & 1][warp] = square;
    }
#pragma unroll 1
    for (int batch = 0; batch < own_tiles; batch += BATCH, turn++) {
        const int tiles = min(BATCH, own_tiles - batch), buffer = turn & 1;
        adding_sync(FREE + buffer);
#pragma unroll 1
        for (int i = 0; i < tiles; i++) {
            // Of a single part the columns' zeros stay in registers; for several these would not do.
            const int where = PARTS == 1 ? lane : lane_number();
            float y[2] = {0, 0};
#pragma unroll
            for (int part = 0; part < PARTS; part++) {
                // All loads before the first product: there are few warps to wait beside one another.
                constexpr int LAST = UNITS - (PARTS - 1) * MOST_UNITS;
                if (part + 1 < PARTS) {
                    Units<MOST_UNITS> units;
                    units.load(where, taker.wait(memory) + warp * (MOST_UNITS * UNIT));
                    taker.release();
                    multiply(where, units, planes[part], y);
                } else {
                    Units<LAST> units;
                    units.load(where, taker.wait(memory) + warp * (LAST * UNIT));
                    taker.release();
                    multiply(where, units, planes[part], y);
                }
            }
#pragma unroll
            for (int e = 0; e < 2; e++) {
                y[e] += __shfl_xor_sync(FULL, y[e], 1);
                y[e] += __shfl_xor_sync(FULL, y[e], 2);
            }
            if ((lane & 3) == 0) block.sums[buffer][i][warp][lane >> 2] = make_float2(y[0], y[1]);
        }
        adding_arrive(FULL_OF_SUMS + buffer);
    }
}

// Adds up the sums of all warps, batch by batch through all phases, and hands them on. By one warp, a lane for two outputs.
__device__ __forceinline__ void add_up(const Step& step, Block& block, const Share& share, const Weights* weights,
                                       const Layer* layers, u32 first_number, float* residual) {
    const int lane = threadIdx.x & 31, inner = lane >> 3, g = lane & 7;
    u32 turn = 0;
    adding_arrive(FREE), adding_arrive(FREE + 1);
#pragma unroll 1
    for (int phase = 0; phase < step.count; phase++) {
        const int index = phase >> 2, kind = kind_of(phase, step.layers);
        const Product& p = block.products[kind];
        const int first_tile = share.first(p.tiles), own_tiles = share.last(p.tiles) - first_tile;
        const Layer& layer = layers[kind == 4 ? 0 : index];
        if (kind == 0) prefetch_pages(block.attention, layer, part_of(block.attention, (int)layer.window, block.position));
#pragma unroll 1
        for (int batch = 0; batch < own_tiles; batch += BATCH, turn++) {
            const int tile = first_tile + batch + inner, buffer = turn & 1;
            const bool active = batch + inner < own_tiles;
            Beside beside = {};
            if (active) beside = prepare(p, weights[phase].bias, block.position, tile, g);
            adding_sync(FULL_OF_SUMS + buffer);
            float a = 0, b = 0, square = 0;
#pragma unroll
            for (int w = 0; w < WARPS; w++) {
                const float2 one = block.sums[buffer][inner][w][g];
                a += one.x, b += one.y, square += block.squares[kind >> 1 & 1][w];
            }
            const float scale = p.norm ? rsqrtf(square / p.inputs + p.eps) : 1.0f;
            if (active)
                hand_on(p, step.handed, step.peers, layer, kind == 3, index + 1 == step.layers, first_number + index,
                        block.slot, tile, g, a * scale, b * scale, residual + (batch + inner) * 16 + g, beside);
            __syncwarp();
            adding_arrive(FREE + buffer);
        }
    }
    if (RANKS > 1 && step.count > 4 * step.layers) gather_logits(step.peers, *step.number);
}

extern "C" __global__ void __launch_bounds__(ALL_THREADS, 1) step(const __grid_constant__ Step step) {
    extern __shared__ __align__(128) u8 memory[];
    __shared__ Block block;
    __shared__ __align__(8) u64 barriers[(PIECES + 1) * SLOTS];
    const int warp = threadIdx.x >> 5;
    Weights* const weights = (Weights*)(memory + step.tables_at);
    Layer* const layers = (Layer*)(weights + step.count);
    float* const residual = (float*)(memory + step.residual_at);
    const Share share = {step.shares[blockIdx.x], step.shares[blockIdx.x + 1]};
    copy_words(block.products, step.products, min(5, step.count));
    copy_words(&block.attention, step.attention);
    copy_words(weights, step.weights, step.count);
    copy_words(layers, step.by_layer, step.layers);
    Taker taker;
    taker.ring.init(memory, barriers);
    if (warp > WARPS) {
        const auto stretch_of = [&](int phase) {
            const Product& p = block.products[kind_of(phase, step.layers)];
            const int first = share.first(p.tiles);
            return Stretch{weights[phase].units + (u64)first * p.chunks * UNIT, share.last(p.tiles) - first, p.chunks};
        };
#if __CUDA_ARCH__ >= 900
        if ((threadIdx.x & 31) == 0)
#endif
            taker.ring.fill(stretch_of, step.count, step.in_flight);
        return;
    }
    wait_for_producer();
    const Product& change = block.products[1];
    const int first_tile = share.first(change.tiles), own = (share.last(change.tiles) - first_tile) * 16;
    for (int i = threadIdx.x; i < own; i += THREADS + 32) residual[i] = ((const float*)change.target)[first_tile * 16 + i];
    if (threadIdx.x == 0) block.position = block.products[0].positions[0], block.slot = block.products[0].slots[0];
    const u32 first_number = (*step.number - 1) * (u32)step.layers + 1;
    adding_sync(START);
    if (warp == WARPS) {
        add_up(step, block, share, weights, layers, first_number, residual);
        return;
    }
    taker.start();
    u32 turn = 0;
#pragma unroll 1
    for (int phase = 0; phase < step.count; phase++) {
        const int index = phase >> 2, kind = kind_of(phase, step.layers);
        const u32 number = first_number + index;
        const Layer& layer = layers[index];
        if (kind == 1) {
            const Part part = part_of(block.attention, (int)layer.window, block.position);
            attend_one(block.attention, layer, part, step.handed, block.position, number, memory + step.room_at);
        }
        if (kind == 3) {
            compute<UNITS_INNER, false>(block, share, kind, nullptr, step.handed.gated, number, 3, memory, taker, turn);
        } else if (kind == 1 && UNITS_MIXED != UNITS_HIDDEN) {
            compute<UNITS_MIXED, false>(block, share, kind, nullptr, step.handed.mixed, number, 3, memory, taker, turn);
        } else {  // o with the others where it can be: less code has to be fetched
            const bool after = kind == 2;  // attention, rather than a layer
            const u32* source = after ? step.handed.after_attention : step.handed.after_mlp;
            if (kind == 1) source = step.handed.mixed;
            if (phase == 0) source = (const u32*)block.products[0].source;
            compute<UNITS_HIDDEN, true>(block, share, kind, weights[phase].norm, source, kind == 1 || after ? number : number - 1,
                                        phase == 0 ? 0 : 3, memory, taker, turn);
        }
    }
}
