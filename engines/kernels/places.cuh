// Places in a plane: inside it, since edges repeat, and between its pixels.
#pragma once
#include <cuda_fp16.h>

__device__ static int within(int at, int count) { return at < 0 ? 0 : at < count ? at : count - 1; }

__device__ static float bounded(float value, float least, float most) {
    return value < least ? least : value > most ? most : value;
}

// A place between pixels: the one above to the left, the one below to the right, and how far from the first.
struct Between {
    int left, right, top, bottom;
    float across, down;
};

__device__ static Between between(float x, float y, int rows, int columns) {
    x = bounded(x, 0.0f, (float)(columns - 1));
    y = bounded(y, 0.0f, (float)(rows - 1));
    int left = (int)x, top = (int)y;
    return {left, within(left + 1, columns), top, within(top + 1, rows), x - (float)left, y - (float)top};
}

__device__ static float mixed(float one, float other, float part) { return one + part * (other - one); }

__device__ static float2 mixed(float2 one, float2 other, float part) {
    return {mixed(one.x, other.x, part), mixed(one.y, other.y, part)};
}

// A field of motion between its pixels.
__device__ static float2 linear(const float2* field, int columns, Between at) {
    const float2 *top = field + (size_t)at.top * columns, *bottom = field + (size_t)at.bottom * columns;
    return mixed(mixed(top[at.left], top[at.right], at.across), mixed(bottom[at.left], bottom[at.right], at.across), at.down);
}
