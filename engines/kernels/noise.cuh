// Noise as kernels are told of it; see noise.py.
#pragma once

static const float LEAST_VARIANCE = 2.5e-7f;  // as in noise.py

struct Profile {  // of noise: variance = shot * signal + read; chroma's deviation over luma's; correlation of luma's
    float shot, read, chroma, coarse;
};

__device__ static float variance(Profile of, float signal) {
    float told = of.shot * signal + of.read;
    return told > LEAST_VARIANCE ? told : LEAST_VARIANCE;
}
