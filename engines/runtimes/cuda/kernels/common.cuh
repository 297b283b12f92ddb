// What the kernels share: numbers of 16 bits held in integers, tensor core products, copies to shared memory, and the
// dependent launch of compute capability 9.0. Includes nothing, so that NVRTC needs no toolkit.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;

#define FULL 0xffffffffu
#define PAGE 16  // tokens of a page

__device__ __forceinline__ float to_float(u16 half) {
    float value;
    asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(half));
    return value;
}

__device__ __forceinline__ u16 to_half(float value) {
    u16 half;
    asm("cvt.rn.f16.f32 %0, %1;" : "=h"(half) : "f"(value));
    return half;
}

__device__ __forceinline__ u32 to_half2(float low, float high) {
    u32 both;
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(both) : "f"(high), "f"(low));
    return both;
}

__device__ __forceinline__ float low_half(u32 both) { return to_float((u16)(both & 0xffff)); }
__device__ __forceinline__ float high_half(u32 both) { return to_float((u16)(both >> 16)); }

__device__ __forceinline__ float exp2_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

// c[16 x 8] += a[16 x 16] b[16 x 8]. Lane 4 g + t holds rows g and g + 8 of a and c, column g of b.
__device__ __forceinline__ void mma(float (&c)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

// c[16 x 8] += a[16 x 32] b[32 x 8] in integers of 8 bits. Lane 4 g + t holds columns 4 t .. 4 t + 3 of rows g and g + 8 of
// a, the same from column 16 on, and the same of column g of b; c as above.
__device__ __forceinline__ void mma(int (&c)[4], u32 a0, u32 a1, u32 a2, u32 a3, u32 b0, u32 b1) {
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3])
        : "r"(a0), "r"(a1), "r"(a2), "r"(a3), "r"(b0), "r"(b1));
}

__device__ __forceinline__ u32 shared_address(const void* pointer) { return (u32)__cvta_generic_to_shared(pointer); }

#ifndef L2_ASKS_FOR  // around what is copied
#define L2_ASKS_FOR "128B"
#endif

__device__ __forceinline__ void copy_async(u32 shared, const void* global) {
    asm volatile("cp.async.cg.shared.global.L2::" L2_ASKS_FOR " [%0], [%1], 16;" ::"r"(shared), "l"(global));
}

__device__ __forceinline__ void copies_commit() { asm volatile("cp.async.commit_group;"); }

template <int PENDING>
__device__ __forceinline__ void copies_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(PENDING) : "memory");
}

// Barriers in shared memory that copies and warps arrive at; a phase is over when `count` have arrived.
__device__ __forceinline__ void barrier_init(u32 barrier, u32 count) {
    asm volatile("mbarrier.init.shared.b64 [%0], %1;" ::"r"(barrier), "r"(count) : "memory");
}

__device__ __forceinline__ void barrier_arrive(u32 barrier) {
    asm volatile("{\n.reg .b64 state;\nmbarrier.arrive.shared.b64 state, [%0];\n}" ::"r"(barrier) : "memory");
}

__device__ __forceinline__ void barrier_wait(u32 barrier, u32 parity) {
#if __CUDA_ARCH__ >= 900
    asm volatile(
        "{\n.reg .pred done;\nagain:\nmbarrier.try_wait.parity.shared.b64 done, [%0], %1;\n@!done bra again;\n}" ::"r"(barrier),
        "r"(parity) : "memory");
#else
    u32 done = 0;
    while (!done)
        asm volatile("{\n.reg .pred done;\nmbarrier.test_wait.parity.shared.b64 done, [%1], %2;\nselp.u32 %0, 1, 0, done;\n}"
                     : "=r"(done) : "r"(barrier), "r"(parity) : "memory");
#endif
}

// Who arrives at a barrier that counts copies: the thread that starts bulk copies, or every lane behind its own.
#if __CUDA_ARCH__ >= 900
#define COPY_ARRIVALS 1
#else
#define COPY_ARRIVALS 32
#endif

__device__ __forceinline__ void copies_begin(u32 barrier, u32 bytes) {
#if __CUDA_ARCH__ >= 900
    asm volatile("mbarrier.arrive.expect_tx.shared.b64 _, [%0], %1;" ::"r"(barrier), "r"(bytes) : "memory");
#endif
}

// A stretch of memory to shared memory, by one thread, or by a whole warp where there are no bulk copies. Sizes and
// addresses are multiples of 16 bytes.
__device__ __forceinline__ void copy_stretch(u32 shared, const u8* global, u32 bytes, u32 barrier) {
#if __CUDA_ARCH__ >= 900
    asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1], %2, [%3];" ::"r"(shared),
                 "l"(global), "r"(bytes), "r"(barrier) : "memory");
#else
    for (u32 at = (threadIdx.x & 31) * 16; at < bytes; at += 512)
        asm volatile("cp.async.cg.shared.global.L2::128B [%0], [%1], 16;" ::"r"(shared + at), "l"(global + at) : "memory");
#endif
}

__device__ __forceinline__ void copies_end(u32 barrier) {
#if __CUDA_ARCH__ < 900
    asm volatile("cp.async.mbarrier.arrive.noinc.shared.b64 [%0];" ::"r"(barrier) : "memory");
#endif
}

// The results of the kernels before this one may be read only after it.
__device__ __forceinline__ void wait_for_producer() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.wait;" ::: "memory");
#endif
}

#if __CUDA_ARCH__ >= 900
// A barrier of all threads of a cluster of blocks.
__device__ __forceinline__ void cluster_arrive() { asm volatile("barrier.cluster.arrive.release.aligned;" ::: "memory"); }
__device__ __forceinline__ void cluster_wait() { asm volatile("barrier.cluster.wait.acquire.aligned;" ::: "memory"); }

// Where another block of the cluster has what lies at `shared` here.
__device__ __forceinline__ u32 address_in(u32 shared, u32 block) {
    u32 theirs;
    asm("mapa.shared::cluster.u32 %0, %1, %2;" : "=r"(theirs) : "r"(shared), "r"(block));
    return theirs;
}

__device__ __forceinline__ float4 load_four_of_cluster(u32 address) {
    float4 v;
    asm volatile("ld.shared::cluster.v4.f32 {%0, %1, %2, %3}, [%4];" : "=f"(v.x), "=f"(v.y), "=f"(v.z), "=f"(v.w) : "r"(address) : "memory");
    return v;
}
#endif

// Barriers of a block, by number, for COUNT of its threads, of which those that arrive do not wait.
template <int COUNT>
__device__ __forceinline__ void some_sync(int number = 1) {
    asm volatile("bar.sync %0, %1;" ::"r"(number), "n"(COUNT) : "memory");
}

template <int COUNT>
__device__ __forceinline__ void some_arrive(int number) {
    asm volatile("bar.arrive %0, %1;" ::"r"(number), "n"(COUNT) : "memory");
}

// The next kernel may start to load what does not depend on this one.
__device__ __forceinline__ void let_next_start() {
#if __CUDA_ARCH__ >= 900
    asm volatile("griddepcontrol.launch_dependents;" ::: "memory");
#endif
}

__device__ __forceinline__ float warp_sum(float value) {
#pragma unroll
    for (int step = 16; step; step >>= 1) value += __shfl_xor_sync(FULL, value, step);
    return value;
}

// The sum over the block, for every thread. `room` holds a float for each warp; all threads call it.
__device__ __forceinline__ float block_sum(float value, float* room) {
    value = warp_sum(value);
    __syncthreads();
    if ((threadIdx.x & 31) == 0) room[threadIdx.x >> 5] = value;
    __syncthreads();
    float sum = 0;
    for (int i = 0; i < (int)(blockDim.x >> 5); i++) sum += room[i];
    return sum;
}

__device__ __forceinline__ float activate(float x, int gelu) {
    if (gelu) return 0.5f * x * (1.0f + tanhf(0.7978845608028654f * (x + 0.044715f * x * x * x)));
    return x / (1.0f + __expf(-x));
}

// Where dimension d of token p of a page stands in the page's V of one head: in the order in which the tensor cores
// take it, [d / 16][lane][8].
__device__ __forceinline__ int value_place(int p, int d) {
    return (d >> 4) * 256 + ((d & 7) * 4 + (p >> 2)) * 8 + ((d >> 3) & 1) * 4 + (p & 3);
}

// Where a norm is taken into two products, rows pass between them times the inverse root mean square of the norm before and
// this: much larger values than that one saw still are float16, and much smaller ones still have enough bits.
#define SCALE_OF_ROWS (1.0f / 256)

// Where input k of a row stands in rows packed for Hopper's tensor cores, `stride` inputs a row: blocks of 128 rows by 128
// inputs; in one, eights of rows, and of each 16 bytes of every row side by side, in the order in which a lane's share of
// the weights is used (see `packing.py`).
__device__ __forceinline__ u64 packed_place(u64 row, int k, int stride) {
    const int piece = ((k >> 5) & 3) * 4 + ((k >> 1) & 3), inside = ((k >> 3) & 3) * 2 + (k & 1);
    return (((row >> 7) * (stride >> 7) + (k >> 7)) << 14) + ((row >> 3) & 15) * 1024 + piece * 64 + (row & 7) * 8 + inside;
}
