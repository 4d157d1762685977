// Motion between two pictures, and what is known of the one before carried along it, up to the codes that go out.
//
// Dense inverse search on half-size luma, written from the paper: Kroeger et al. 2016, "Fast Optical Flow using Dense
// Inverse Search", sections 2.1 to 2.3. The same arithmetic stands in motion_twin.py, in the same order, so that the two
// can be compared. What the numbers below were chosen by is in docs/log.md (2026-11-27).
//
// Grey pictures are float [rows, columns], 0 to 1; motion is float2, x and y from a pixel to where it was, in pixels of
// its level. Packed pictures are half [8, rows, columns] as in pictures.cu. Edges repeat.

#include <cuda_fp16.h>
#include <stdint.h>

#include "noise.cuh"
#include "places.cuh"

static const float CODES = 1023.0f;
static const int PATCH = 8, STRIDE = 3;            // as in pyramid.py
static const int REACH = PATCH / STRIDE + 2;       // patches of a row that may reach a pixel: the last one is nearer
static const int ROUNDS = 6;                       // most steps of a patch on a level
static const int NEAR = 2;                         // patches to the neighbour that is asked; at one they share pixels
static const float DAMPING = 1e-3f, FLAT = 1e-8f;  // of a patch's slopes, so that an edge's does not run along it
static const int BLUR = 4, WINDOW = 7;             // pixels to either side: of a blur of 1.2, and over which it is weighed
__constant__ static const float GAUSS[BLUR + 1] = {0.33249028f, 0.23495369f, 0.08290719f, 0.01460860f, 0.00128538f};
// Share of the change that motion must explain beyond standing still. carry.py asks for 0.06 and 0.16: patches that nothing
// smooths follow noise more, and from 0.09 a locked-off shot stands as still as it does there.
static const float EXPLAINS = 0.09f, SURELY = 0.19f;
static const int BINS = 1024, COARSE = 32;
static const float FLATTEST = 0.02f;               // least contrast that is stretched to 255
static const float KEYS = -0.75f;                  // of Keys 1981, as OpenCV and torch sample
static const float NOISE_SCALE = 8.0f;             // as in topology.py
static const float LOWEST = 4.0f, HIGHEST = 1019.0f;  // as in frames.py

__device__ static float read(const float* plane, int rows, int columns, int row, int column) {
    return plane[(size_t)within(row, rows) * columns + within(column, columns)];
}

__device__ static float linear(const float* plane, int rows, int columns, float x, float y) {
    Between at = between(x, y, rows, columns);
    const float *top = plane + (size_t)at.top * columns, *bottom = plane + (size_t)at.bottom * columns;
    return mixed(mixed(top[at.left], top[at.right], at.across), mixed(bottom[at.left], bottom[at.right], at.across), at.down);
}

__device__ static float luma(const uint16_t* y, int pitch, int height, int width, int row, int column) {
    int above = within(2 * row, height), below = within(2 * row + 1, height);
    int left = within(2 * column, width), right = within(2 * column + 1, width);
    const uint16_t *one = y + (size_t)above * pitch, *other = y + (size_t)below * pitch;
    return (float)(one[left] + one[right] + other[left] + other[right]) * (0.25f / CODES);
}

// Luma at half size, blurred along its rows; then along its columns.
extern "C" __global__ void grey_rows(const uint16_t* y, int pitch, int height, int width, float* out, int rows, int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    float sum = 0.0f;
    for (int far = -BLUR; far <= BLUR; far++)
        sum += GAUSS[far < 0 ? -far : far] * luma(y, pitch, height, width, row, within(column + far, columns));
    out[(size_t)row * columns + column] = sum;
}

extern "C" __global__ void grey_columns(const float* in, float* out, int rows, int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    float sum = 0.0f;
    for (int far = -BLUR; far <= BLUR; far++)
        sum += GAUSS[far < 0 ? -far : far] * read(in, rows, columns, row + far, column);
    out[(size_t)row * columns + column] = sum;
}

// The next level of a pyramid, half as high and wide, rounded up.
extern "C" __global__ void halved(const float* in, int in_rows, int in_columns, float* out, int rows, int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    float above = read(in, in_rows, in_columns, 2 * row, 2 * column) + read(in, in_rows, in_columns, 2 * row, 2 * column + 1);
    float below =
        read(in, in_rows, in_columns, 2 * row + 1, 2 * column) + read(in, in_rows, in_columns, 2 * row + 1, 2 * column + 1);
    out[(size_t)row * columns + column] = 0.25f * (above + below);
}

// How often each code occurs in every eighth column of every eighth row, and each 32 codes: counts [1024 + 32], zero before.
extern "C" __global__ void counted(const uint16_t* y, int pitch, int* counts, int rows, int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    int code = within(y[(size_t)(8 * row) * pitch + 8 * column], BINS);
    atomicAdd(counts + code, 1);
    atomicAdd(counts + BINS + code / COARSE, 1);
}

// The code of a rank among those counted, from 0.
__device__ static int ranked(const int* counts, int rank) {
    int coarse = 0, code;
    for (; coarse < BINS / COARSE - 1 && rank >= counts[BINS + coarse]; coarse++) rank -= counts[BINS + coarse];
    for (code = coarse * COARSE; code < BINS - 1 && rank >= counts[code]; code++) rank -= counts[code];
    return code;
}

// What a change of grey is multiplied by to be of 255: log footage is flat. One thread.
extern "C" __global__ void stretched(const int* counts, int samples, float* stretch) {
    if (blockIdx.x * blockDim.x + threadIdx.x) return;
    int low = ranked(counts, (samples - 1) / 100), high = ranked(counts, (samples - 1) * 99 / 100);
    float contrast = (float)(high - low) / CODES;
    *stretch = 255.0f / (contrast > FLATTEST ? contrast : FLATTEST);
}

// A patch of the picture: where it begins, its slopes' sums, and the inverse of their square.
struct Patch {
    int row, column;
    float across, down, xx, xy, yy, area;
};

// What a displacement leaves of a patch: how unlike it is, less its mean, and that along the slopes.
struct Left {
    float unlike, across, down;
};

__device__ static int origin(int number, int side) {
    int at = number * STRIDE < side - PATCH ? number * STRIDE : side - PATCH;
    return at < 0 ? 0 : at;
}

__device__ static float2 slope(const float* plane, int rows, int columns, int row, int column) {
    return {0.5f * (read(plane, rows, columns, row, column + 1) - read(plane, rows, columns, row, column - 1)),
            0.5f * (read(plane, rows, columns, row + 1, column) - read(plane, rows, columns, row - 1, column))};
}

__device__ static Patch patch(const float* now, int rows, int columns, int row, int column) {
    Patch of = {row, column, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f, 0.0f};
    for (int at = 0; at < PATCH * PATCH; at++) {
        float2 here = slope(now, rows, columns, row + at / PATCH, column + at % PATCH);
        of.across += here.x;
        of.down += here.y;
        of.xx += here.x * here.x;
        of.xy += here.x * here.y;
        of.yy += here.y * here.y;
    }
    float count = PATCH * PATCH;
    of.xx -= of.across * of.across / count;
    of.xy -= of.across * of.down / count;
    of.yy -= of.down * of.down / count;
    float damping = DAMPING * (of.xx + of.yy) + FLAT;
    of.xx += damping;
    of.yy += damping;
    of.area = of.xx * of.yy - of.xy * of.xy;
    return of;
}

__device__ static Left left(const float* now, const float* before, int rows, int columns, Patch of, float2 by) {
    float sum = 0.0f, squares = 0.0f, across = 0.0f, down = 0.0f, count = PATCH * PATCH;
    for (int at = 0; at < PATCH * PATCH; at++) {
        int row = of.row + at / PATCH, column = of.column + at % PATCH;
        float2 here = slope(now, rows, columns, row, column);
        float off = linear(before, rows, columns, (float)column + by.x, (float)row + by.y) - read(now, rows, columns, row, column);
        sum += off;
        squares += off * off;
        across += here.x * off;
        down += here.y * off;
    }
    return {squares - sum * sum / count, across - of.across * sum / count, down - of.down * sum / count};
}

// The displacement of each patch: begun where the coarser level says, or at rest if that is more alike, and bettered by
// inverse search while it gets more alike and goes no further than a patch's side. One thread a patch. `coarse` may be 0.
extern "C" __global__ void searched(const float* now, const float* before, int rows, int columns, const float2* coarse,
                                    int coarse_rows, int coarse_columns, float2* found, int down, int across) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= down || column >= across) return;
    Patch of = patch(now, rows, columns, origin(row, rows), origin(column, columns));
    float2 at = {0.0f, 0.0f};
    Left rest = left(now, before, rows, columns, of, at);
    if (coarse) {
        int above = within((of.row + PATCH / 2) / 2, coarse_rows), beside = within((of.column + PATCH / 2) / 2, coarse_columns);
        float2 told = coarse[(size_t)above * coarse_columns + beside];
        told = {2.0f * told.x, 2.0f * told.y};
        Left there = left(now, before, rows, columns, of, told);
        if (there.unlike < rest.unlike) at = told, rest = there;
    }
    float2 begun = at;
    for (int round = 0; round < ROUNDS; round++) {
        float2 next = {at.x - (of.yy * rest.across - of.xy * rest.down) / of.area,
                       at.y - (of.xx * rest.down - of.xy * rest.across) / of.area};
        if (fabsf(next.x - begun.x) > PATCH || fabsf(next.y - begun.y) > PATCH) break;
        Left there = left(now, before, rows, columns, of, next);
        if (!(there.unlike < rest.unlike)) break;
        at = next, rest = there;
    }
    found[(size_t)row * across + column] = at;
}

// The displacement of each patch, or that of a patch two off to a side if it is more alike: what one patch has found in a
// fast pan its neighbours may have missed. One thread a patch.
extern "C" __global__ void settled(const float* now, const float* before, int rows, int columns, const float2* found,
                                   float2* into, int down, int across) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= down || column >= across) return;
    Patch of = patch(now, rows, columns, origin(row, rows), origin(column, columns));
    float2 at = found[(size_t)row * across + column];
    float least = left(now, before, rows, columns, of, at).unlike;
    for (int side = 0; side < 4; side++) {
        int off = side % 2 ? -NEAR : NEAR, above = within(side < 2 ? row : row + off, down);
        int beside = within(side < 2 ? column + off : column, across);
        float2 told = found[(size_t)above * across + beside];
        float unlike = left(now, before, rows, columns, of, told).unlike;
        if (unlike < least) at = told, least = unlike;
    }
    into[(size_t)row * across + column] = at;
}

// The first patch that may reach a pixel of a side, and whether one does.
__device__ static int first_patch(int at) { return at < PATCH - 1 ? 0 : (at - PATCH + STRIDE) / STRIDE; }

__device__ static bool covers(int number, int count, int at, int side) {
    int from = origin(number, side);
    return number < count && from <= at && at < from + PATCH;
}

// The motion of each pixel: the mean of its patches' displacements, each weighed by how well it explains the pixel.
extern "C" __global__ void spread(const float* now, const float* before, int rows, int columns, const float2* found, int down,
                                  int across, const float* stretch, float2* motion) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    float x = 0.0f, y = 0.0f, weights = 0.0f, here = now[(size_t)row * columns + column];
    for (int above = first_patch(row); above < first_patch(row) + REACH; above++)
        for (int beside = first_patch(column); beside < first_patch(column) + REACH; beside++) {
            if (!covers(above, down, row, rows) || !covers(beside, across, column, columns)) continue;
            float2 by = found[(size_t)above * across + beside];
            float off = linear(before, rows, columns, (float)column + by.x, (float)row + by.y) - here;
            float error = fabsf(off) * *stretch, weight = 1.0f / (error > 1.0f ? error : 1.0f);
            x += weight * by.x;
            y += weight * by.y;
            weights += weight;
        }
    motion[(size_t)row * columns + column] = {x / weights, y / weights};
}

// Motion at the packed raster of that at half its size, and how far what stands still and what moves are off: x and y.
extern "C" __global__ void compared(const float* now, const float* before, int rows, int columns, const float2* coarse,
                                    int coarse_rows, int coarse_columns, const float* stretch, float2* motion, float2* off) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    Between at = between(0.5f * ((float)column - 0.5f), 0.5f * ((float)row - 0.5f), coarse_rows, coarse_columns);
    float2 told = linear(coarse, coarse_columns, at), by = {2.0f * told.x, 2.0f * told.y};
    size_t place = (size_t)row * columns + column;
    float seen = linear(before, rows, columns, (float)column + by.x, (float)row + by.y);
    motion[place] = by;
    off[place] = {fabsf(now[place] - before[place]) * *stretch, fabsf(now[place] - seen) * *stretch};
}

// Sums along rows, over the window in which motion is weighed.
extern "C" __global__ void summed(const float2* off, float2* sums, int rows, int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    float2 sum = {0.0f, 0.0f};
    for (int far = -WINDOW; far <= WINDOW; far++) {
        float2 there = off[(size_t)row * columns + within(column + far, columns)];
        sum.x += there.x;
        sum.y += there.y;
    }
    sums[(size_t)row * columns + column] = sum;
}

// Motion, less where it explains the picture no better than standing still does.
extern "C" __global__ void weighed(const float2* sums, float2* motion, int rows, int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    float standing = 0.0f, moving = 0.0f, area = (2 * WINDOW + 1) * (2 * WINDOW + 1);
    for (int far = -WINDOW; far <= WINDOW; far++) {
        float2 there = sums[(size_t)within(row + far, rows) * columns + column];
        standing += there.x;
        moving += there.y;
    }
    float explained = (standing - moving) / (standing + moving + 0.5f * area);
    float share = bounded((explained - EXPLAINS) / (SURELY - EXPLAINS), 0.0f, 1.0f);
    size_t place = (size_t)row * columns + column;
    motion[place] = {motion[place].x * share, motion[place].y * share};
}

// Weights of the four pixels around a place between the second and the third. Source: Keys 1981, equation 4.
struct Cubic {
    int first;
    float weight[4];
};

__device__ static float keys(float far) {
    return far < 1.0f ? ((KEYS + 2.0f) * far - (KEYS + 3.0f)) * far * far + 1.0f
                      : ((KEYS * far - 5.0f * KEYS) * far + 8.0f * KEYS) * far - 4.0f * KEYS;
}

__device__ static Cubic cubic(float at) {
    float low = floorf(at), part = at - low;
    return {(int)low - 1, {keys(part + 1.0f), keys(part), keys(1.0f - part), keys(2.0f - part)}};
}

// The same for linear sampling: the two nearest.
__device__ static Cubic tent(float at) {
    float low = floorf(at), part = at - low;
    return {(int)low - 1, {0.0f, 1.0f - part, part, 0.0f}};
}

// A sample of luma [2 rows, 2 columns] (first 0) or of Cb or Cr [2 rows, columns] (first 4 or 6) of a packed picture.
__device__ static float packed_at(const __half* packed, int rows, int columns, int first, int row, int column) {
    int line = within(row, 2 * rows), wide = first ? columns : 2 * columns, at = within(column, wide);
    int channel = first ? first + line % 2 : 2 * (line % 2) + at % 2;
    return __half2float(packed[((size_t)channel * rows + line / 2) * columns + (first ? at : at / 2)]);
}

__device__ static __half sampled(const __half* packed, int rows, int columns, int first, Cubic x, Cubic y) {
    float sum = 0.0f;
    for (int down = 0; down < 4; down++) {
        float line = 0.0f;
        for (int across = 0; across < 4; across++)
            line += x.weight[across] * packed_at(packed, rows, columns, first, y.first + down, x.first + across);
        sum += y.weight[down] * line;
    }
    return __float2half_rn(sum);
}

// A packed picture where the motion leads, each of its planes sampled at its own raster; colours linearly if `soft`.
extern "C" __global__ void carried_picture(const __half* before, const float2* motion, __half* into, int rows, int columns,
                                           int soft) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    size_t plane = (size_t)rows * columns, place = (size_t)row * columns + column;
    float x = (float)column + motion[place].x, y = (float)row + motion[place].y;
    for (int down = 0; down < 2; down++) {
        float below = 2.0f * y + (float)down;
        Cubic line = cubic(below), colours = soft ? tent(below) : line, beside = soft ? tent(x) : cubic(x);
        for (int across = 0; across < 2; across++)
            into[(2 * down + across) * plane + place] = sampled(before, rows, columns, 0, cubic(2.0f * x + (float)across), line);
        for (int colour = 4; colour < 8; colour += 2)
            into[(colour + down) * plane + place] = sampled(before, rows, columns, colour, beside, colours);
    }
}

// A state [channels, rows, columns] where the motion leads.
extern "C" __global__ void carried_state(const __half* state, const float2* motion, __half* into, int channels, int rows,
                                         int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    size_t plane = (size_t)rows * columns, place = (size_t)row * columns + column;
    Between at = between((float)column + motion[place].x, (float)row + motion[place].y, rows, columns);
    for (int channel = 0; channel < channels; channel++) {
        const __half *top = state + channel * plane + (size_t)at.top * columns;
        const __half *bottom = state + channel * plane + (size_t)at.bottom * columns;
        float above = mixed(__half2float(top[at.left]), __half2float(top[at.right]), at.across);
        float below = mixed(__half2float(bottom[at.left]), __half2float(bottom[at.right]), at.across);
        into[channel * plane + place] = __float2half_rn(mixed(above, below, at.down));
    }
}

// What the network is told of noise [3, rows, columns]: deviation of luma and of chroma, scaled, and how coarse it is.
extern "C" __global__ void noise_map(const __half* packed, __half* noise, Profile profile, int rows, int columns) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= rows || column >= columns) return;
    size_t plane = (size_t)rows * columns, place = (size_t)row * columns + column;
    float sum = __half2float(packed[place]);
    for (int channel = 1; channel < 4; channel++) sum += __half2float(packed[channel * plane + place]);
    float deviation = NOISE_SCALE * sqrtf(variance(profile, 0.25f * sum));
    noise[place] = __float2half_rn(deviation);
    noise[plane + place] = __float2half_rn(deviation * profile.chroma);
    noise[2 * plane + place] = __float2half_rn(profile.coarse);
}

// A code between filmed and restored, whole, and kept inside what interfaces carry unless it was outside already.
__device__ static uint16_t blended(uint16_t filmed, float restored, float strength) {
    float code = (float)filmed + strength * (restored * CODES - (float)filmed);
    float least = (float)filmed < LOWEST ? (float)filmed : LOWEST, most = (float)filmed > HIGHEST ? (float)filmed : HIGHEST;
    return (uint16_t)bounded(rintf(code), least, most);
}

// Planes 4:2:2 of 10 bit, one thread a sample of chroma: as filmed in, between that and the restored picture out.
extern "C" __global__ void yuv422_10_blended(const __half* restored, const uint16_t* y, const uint16_t* cb, const uint16_t* cr,
                                             uint16_t* out_y, uint16_t* out_cb, uint16_t* out_cr, int height, int width,
                                             int rows, int columns, float strength) {
    int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    if (row >= height || 2 * column >= width) return;
    size_t at = (size_t)row * (width / 2) + column;
    for (size_t luma = 2 * at; luma < 2 * at + 2; luma++) {
        int across = (int)(luma - 2 * at);
        out_y[luma] = blended(y[luma], packed_at(restored, rows, columns, 0, row, 2 * column + across), strength);
    }
    out_cb[at] = blended(cb[at], packed_at(restored, rows, columns, 4, row, column), strength);
    out_cr[at] = blended(cr[at], packed_at(restored, rows, columns, 6, row, column), strength);
}
