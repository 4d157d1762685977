// What later pictures know of earlier ones: going back over a shot, each restored picture takes over of the next one what
// agrees with it. The same arithmetic stands in hindsight_twin.py, in the same order; what it is for in hindsight.py.
//
// Packed pictures are half [8, rows, columns], motion float2 [rows, columns] in packed pixels. Edges repeat.

#include <cuda_fp16.h>

#include "noise.cuh"
#include "places.cuh"

static const int PLANES = 8, PHASES = 4;  // of a packed picture, and those of luma
static const int AROUND = 1;              // pixels to either side over which a difference is weighed, as in hindsight.py

struct Gain {  // most that is taken over of what stands still, of what moves, and of how many pixels a picture that is;
    float standing, moving, moves, tolerance, lasting;  // difference at which 1/e of it is; weight of one that is alike around,
    float odd, detail, weighed;  // and in parts of the detail there; detail that is there anyway; how much it weighs in colours
};

// The motion the other way, looked up once where a pixel would be if it moved as its own place in the next picture did.
extern "C" __global__ void turned(const float2* __restrict__ motion, float2* __restrict__ back, int rows, int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    size_t place = (size_t)row * columns + column;
    float2 own = motion[place];
    float2 there = linear(motion, columns, between((float)column - own.x, (float)row - own.y, rows, columns));
    back[place] = {-there.x, -there.y};
}

// How far two pictures are apart in luma of a pixel, in units of the noise at the first one: squared, and as they are; and
// how far the first one's own samples are along both diagonals, squared.
struct Apart {
    float squares, lasting, detail;
};

__device__ static Apart apart(const __half* own, const __half* later, size_t plane, size_t place, Profile noise) {
    float here[PHASES], luma = 0.0f, squares = 0.0f, sum = 0.0f;
#pragma unroll
    for (int phase = 0; phase < PHASES; phase++) {
        here[phase] = __half2float(own[phase * plane + place]);
        float off = __half2float(later[phase * plane + place]) - here[phase];
        luma += here[phase];
        squares += off * off;
        sum += off;
    }
    float unit = 1.0f / sqrtf(variance(noise, 0.25f * luma));
    float one = here[0] - here[3], other = here[1] - here[2];
    return {0.25f * squares * unit * unit, 0.25f * sum * unit, 0.25f * (one * one + other * other) * unit * unit};
}

// A picture that has taken over of the next one, carried to where it is itself, what agrees with it. What is weighed is
// computed anew for each neighbour that asks: it is read from the nearest cache, and written nowhere.
extern "C" __global__ void leant(const __half* __restrict__ own, const __half* __restrict__ later,
                                 const float2* __restrict__ back, __half* __restrict__ into, Profile noise, Gain gain, int rows,
                                 int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    size_t plane = (size_t)rows * columns, place = (size_t)row * columns + column;
    const float area = (2 * AROUND + 1) * (2 * AROUND + 1);
    Apart around = {0.0f, 0.0f, 0.0f};
#pragma unroll
    for (int down = -AROUND; down <= AROUND; down++)
#pragma unroll
        for (int across = -AROUND; across <= AROUND; across++) {
            size_t near = (size_t)within(row + down, rows) * columns + within(column + across, columns);
            Apart there = apart(own, later, plane, near, noise);
            around.squares += there.squares;
            around.lasting += there.lasting;
            around.detail += there.detail;
        }
    float2 by = back[place];
    float moves = bounded(sqrtf(by.x * by.x + by.y * by.y) / gain.moves, 0.0f, 1.0f);
    float lasting = around.lasting / area, weight = around.squares / area + gain.lasting * lasting * lasting;
    weight *= 1.0f / gain.tolerance + gain.odd / (around.detail / area + gain.detail);
    float luma = mixed(gain.standing, gain.moving, moves) * expf(-weight);
    float colours = gain.standing * expf(-weight * gain.weighed);
#pragma unroll
    for (int channel = 0; channel < PLANES; channel++) {
        float here = __half2float(own[channel * plane + place]), there = __half2float(later[channel * plane + place]);
        into[channel * plane + place] = __float2half_rn(mixed(here, there, channel < PHASES ? luma : colours));
    }
}
