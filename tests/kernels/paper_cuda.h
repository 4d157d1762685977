// CUDA on paper: what the kernels need of it, for a compiler of the processor. One thread at a time, set by the test.
#pragma once
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <immintrin.h>

#define __global__
#define __device__
#define __constant__

struct Three { int x, y, z; };
static Three blockIdx, threadIdx, blockDim;

struct __half { uint16_t bits; };
struct float2 { float x, y; };
struct float4 { float x, y, z, w; };

static inline __half __float2half_rn(float value) {
    return {(uint16_t)_cvtss_sh(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC)};
}
static inline float __half2float(__half value) { return _cvtsh_ss(value.bits); }

static inline int atomicAdd(int* at, int more) {
    int before = *at;
    *at += more;
    return before;
}

extern "C" void stand(int x, int y) {
    blockIdx = {0, 0, 0};
    blockDim = {1, 1, 1};
    threadIdx = {x, y, 0};
}
