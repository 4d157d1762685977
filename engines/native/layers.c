/* The layers. A 3x3 convolution is done in tiles of four by four pixels: both tile and kernel are taken to 36 points,
 * where a convolution is a product of matrices, which wants a quarter of the multiplications. Source: Lavin and Gray
 * 2016, "Fast Algorithms for Convolutional Neural Networks", section 4.3, F(4x4, 3x3).
 */

#include "restore.h"

#define POINTS 36   /* points of a tile under the transform */
#define TOGETHER 24 /* tiles that are multiplied at once: what they need stays in the second cache */
#define APART 16    /* floats between the planes of points, so that they do not fall on one line of the cache */

/* ---- products ------------------------------------------------------------------------------------------------- */

/* Several pixels' inputs times a block of kernels: `taps` are where the inputs of each kernel's places begin. */
ALWAYS void multiplied(
    const float *in, size_t apart, const ptrdiff_t *taps, int count, int used, const float *kernels, size_t kernel,
    float *out, size_t out_apart, const int pixels, const int vectors)
{
    Lanes sums[6][3];
    UNROLL for (int pixel = 0; pixel < pixels; pixel++)
        UNROLL for (int vector = 0; vector < vectors; vector++) sums[pixel][vector] = _mm256_setzero_ps();
    for (int tap = 0; tap < count; tap++) {
        const float *from = in + taps[tap], *by = kernels + tap * kernel;
        for (int channel = 0; channel < used; channel++, by += vectors * LANES) {
            Lanes block[3];
            UNROLL for (int vector = 0; vector < vectors; vector++) block[vector] = take(by + vector * LANES);
            UNROLL for (int pixel = 0; pixel < pixels; pixel++) {
                Lanes value = _mm256_broadcast_ss(from + pixel * apart + channel);
                UNROLL for (int vector = 0; vector < vectors; vector++)
                    sums[pixel][vector] = _mm256_fmadd_ps(value, block[vector], sums[pixel][vector]);
            }
        }
    }
    UNROLL for (int pixel = 0; pixel < pixels; pixel++)
        UNROLL for (int vector = 0; vector < vectors; vector++)
            put(out + pixel * out_apart + vector * LANES, sums[pixel][vector]);
}

#define BLOCK(pixels, vectors) \
    multiplied(in, apart, taps, count, used, kernels, kernel, out, out_apart, pixels, vectors)
#define SOME(left, vectors)                   \
    switch (left) {                           \
    case 1: BLOCK(1, vectors); break;         \
    case 2: BLOCK(2, vectors); break;         \
    case 3: BLOCK(3, vectors); break;         \
    case 4: BLOCK(4, vectors); break;         \
    case 5: BLOCK(5, vectors); break;         \
    default: BLOCK(6, vectors); break;        \
    }

/* Channels of a block of kernels: as many as the registers hold sums of. `tensors.py` packs kernels by it. */
static int block_of(int outputs) { return outputs % 24 == 0 ? 24 : outputs % 16 == 0 ? 16 : 8; }

/* All of `pixels` inputs, `apart` floats from each other, times all kernels. */
static void product(
    const float *inputs, size_t apart, const ptrdiff_t *taps, int count, int used, const float *kernels, int outputs,
    float *results, int pixels)
{
    const int block = block_of(outputs), once = block == 24 ? 4 : 6;
    const size_t kernel = (size_t)used * block, out_apart = outputs;
    for (int first = 0; first < outputs; first += block, kernels += count * kernel)
        for (int pixel = 0; pixel < pixels; pixel += once) {
            const float *in = inputs + pixel * apart;
            float *out = results + (size_t)pixel * outputs + first;
            const int left = at_most(pixels - pixel, once);
            if (block == 24) {
                SOME(left, 3)
            } else if (block == 16) {
                SOME(left, 2)
            } else {
                SOME(left, 1)
            }
        }
}

/* What lies above zero as it is, the rest times the slope. */
ALWAYS Lanes rectified(Lanes value, Lanes slope)
{
    return _mm256_blendv_ps(value, _mm256_mul_ps(value, slope), value);
}

/* ---- 3x3 convolutions, in tiles --------------------------------------------------------------------------------- */

/* B^T along six values. */
ALWAYS void to_points(const Lanes d[6], Lanes t[6])
{
    Lanes even = plus_times(d[4], d[2], -4), odd = plus_times(d[3], d[1], -4);
    Lanes half = _mm256_sub_ps(d[4], d[2]), twice = _mm256_mul_ps(many(2), _mm256_sub_ps(d[3], d[1]));
    t[0] = plus_times(plus_times(d[4], d[2], -5), d[0], 4);
    t[1] = _mm256_add_ps(even, odd);
    t[2] = _mm256_sub_ps(even, odd);
    t[3] = _mm256_add_ps(half, twice);
    t[4] = _mm256_sub_ps(half, twice);
    t[5] = plus_times(plus_times(d[5], d[3], -5), d[1], 4);
}

/* A^T along six values. */
ALWAYS void from_points(const Lanes m[6], Lanes y[4])
{
    Lanes one = _mm256_add_ps(m[1], m[2]), other = _mm256_sub_ps(m[1], m[2]);
    Lanes two = _mm256_add_ps(m[3], m[4]), last = _mm256_sub_ps(m[3], m[4]);
    y[0] = _mm256_add_ps(_mm256_add_ps(m[0], one), two);
    y[1] = plus_times(other, last, 2);
    y[2] = plus_times(one, two, 4);
    y[3] = _mm256_add_ps(plus_times(other, last, 8), m[5]);
}

/* A row of tiles, eight channels. Two columns of a tile are those that the one before it ends in. */
static void tiles_to_points(
    const float *source, size_t down, size_t across, float *points, size_t plane, size_t apart, int count)
{
    Lanes lines[6][6];
    for (int tile = 0; tile < count; tile++, points += apart) {
        if (tile > 0)
            UNROLL for (int row = 0; row < 6; row++) {
                lines[row][0] = lines[row][4];
                lines[row][1] = lines[row][5];
            }
        for (int column = tile > 0 ? 2 : 0; column < 6; column++) {
            Lanes d[6], t[6];
            UNROLL for (int row = 0; row < 6; row++) d[row] = take(source + row * down + column * across);
            to_points(d, t);
            UNROLL for (int row = 0; row < 6; row++) lines[row][column] = t[row];
        }
        source += TILE * across;
        UNROLL for (int row = 0; row < 6; row++) {
            Lanes t[6];
            to_points(lines[row], t);
            UNROLL for (int column = 0; column < 6; column++) put(points + (row * 6 + column) * plane, t[column]);
        }
    }
}

static void tile_from_points(
    const float *points, size_t plane, Lanes bias, Lanes slope, float *target, size_t down, size_t across, int rows,
    int columns)
{
    Lanes lines[4][6];
    UNROLL for (int column = 0; column < 6; column++) {
        Lanes m[6], y[4];
        UNROLL for (int row = 0; row < 6; row++) m[row] = take(points + (row * 6 + column) * plane);
        from_points(m, y);
        UNROLL for (int row = 0; row < 4; row++) lines[row][column] = y[row];
    }
    for (int row = 0; row < rows; row++) {
        Lanes y[4];
        from_points(lines[row], y);
        UNROLL for (int column = 0; column < 4; column++)
            if (column < columns)
                put(target + row * down + column * across, rectified(_mm256_add_ps(y[column], bias), slope));
    }
}

/* Asks for a part of the next tiles' rows, one part a point, so that they are near when they are wanted: a tenth to a
 * fifth of a convolution's time (AMD EPYC, 2026-11-28). */
ALWAYS void fetched(const float *next, size_t down, int channels, int point, int rows)
{
    const float *part = next + point % rows * down + (size_t)point / rows * channels * 16;
    if (point / rows < TOGETHER * TILE / 16)
        for (int line = 0; line < channels; line++) __builtin_prefetch(part + line * 16, 1, 2);
}

/* One row of tiles. */
void convolve(const Stage *stage, int row, float *scratch)
{
    const int tiles = tiles_of(stage->columns), inputs = stage->inputs, outputs = stage->outputs;
    const size_t down_in = pitch(stage->columns, inputs), down_out = pitch(stage->columns, outputs);
    const size_t plane_in = (size_t)TOGETHER * inputs + APART, plane_out = (size_t)TOGETHER * outputs + APART;
    const float *source = stage->source + row * TILE * down_in;
    float *target = stage->target + (row * TILE + 1) * down_out + outputs;
    float *into = scratch, *out = scratch + POINTS * plane_in;
    const int rows = at_most(TILE, stage->rows - row * TILE);
    const ptrdiff_t here = 0;
    for (int first = 0; first < tiles; first += TOGETHER) {
        const int count = at_most(TOGETHER, tiles - first);
        for (int channel = 0; channel < inputs; channel += LANES)
            tiles_to_points(
                source + (size_t)first * TILE * inputs + channel, down_in, inputs, into + channel, plane_in, inputs,
                count);
        for (int point = 0; point < POINTS; point++) {
            fetched(source + (size_t)(first + TOGETHER) * TILE * inputs, down_in, inputs, point, TILE + 2);
            fetched(target + (size_t)(first + TOGETHER) * TILE * outputs, down_out, outputs, point, TILE);
            product(
                into + point * plane_in, inputs, &here, 1, stage->used,
                stage->weights + (size_t)point * stage->used * outputs, outputs, out + point * plane_out, count);
        }
        for (int tile = 0; tile < count; tile++)
            for (int channel = 0; channel < outputs; channel += LANES)
                tile_from_points(
                    out + (size_t)tile * outputs + channel, plane_out, take(stage->bias + channel), many(stage->slope),
                    target + (size_t)(first + tile) * TILE * outputs + channel, down_out, outputs, rows,
                    stage->columns - (first + tile) * TILE);
    }
}

/* ---- between two rasters ---------------------------------------------------------------------------------------- */

/* One row of a 3x3 convolution that halves the raster. */
void down(const Stage *stage, int row, float *scratch)
{
    const int inputs = stage->inputs, outputs = stage->outputs, columns = stage->columns / 2;
    const size_t above = pitch(stage->columns, inputs);
    ptrdiff_t taps[9];
    for (int tap = 0; tap < 9; tap++) taps[tap] = tap / 3 * above + tap % 3 * inputs;
    product(
        stage->source + 2 * row * above, 2 * inputs, taps, 9, stage->used, stage->weights, outputs, scratch, columns);
    float *target = stage->target + (row + 1) * pitch(columns, outputs) + outputs;
    for (int column = 0; column < columns; column++)
        for (int channel = 0; channel < outputs; channel += LANES) {
            Lanes sum = _mm256_add_ps(take(scratch + (size_t)column * outputs + channel), take(stage->bias + channel));
            put(target + (size_t)column * outputs + channel, rectified(sum, many(stage->slope)));
        }
}

/* One row of a 1x1 convolution to four times the channels, each of the four a pixel of twice the raster, and a skip. */
void up(const Stage *stage, int row, float *scratch)
{
    const int inputs = stage->inputs, outputs = stage->outputs, columns = stage->columns;
    const size_t above = pitch(2 * columns, outputs);
    const float *source = stage->source + (row + 1) * pitch(columns, inputs) + inputs;
    const ptrdiff_t here = 0;
    for (int phase = 0; phase < 4; phase++) {
        product(
            source, inputs, &here, 1, stage->used, stage->weights + (size_t)phase * stage->used * outputs, outputs,
            scratch, columns);
        const size_t first = (2 * row + phase / 2 + 1) * above + (phase % 2 + 1) * outputs;
        for (int column = 0; column < columns; column++)
            for (int channel = 0; channel < outputs; channel += LANES) {
                const size_t at = first + (size_t)2 * column * outputs + channel;
                Lanes sum = take(scratch + (size_t)column * outputs + channel);
                sum = _mm256_add_ps(sum, take(stage->bias + phase * outputs + channel));
                put(stage->target + at, _mm256_add_ps(sum, take(stage->skip + at)));
            }
    }
}

