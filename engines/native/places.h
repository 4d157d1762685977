/* Pictures from planes to pixels and back, and sampled between their places. */

#ifndef NEARSET_PLACES_H
#define NEARSET_PLACES_H

#include "restore.h"

#define CODE_MAX 1023.0f
#define LOWEST 4 /* and highest, of what interfaces leave to the picture (frames.py) */
#define HIGHEST 1019

/* Eight rows of eight become eight columns. */
ALWAYS void turned(const Lanes in[8], Lanes out[8])
{
    Lanes pairs[8], fours[8];
    UNROLL for (int at = 0; at < 8; at += 2) {
        pairs[at] = _mm256_unpacklo_ps(in[at], in[at + 1]);
        pairs[at + 1] = _mm256_unpackhi_ps(in[at], in[at + 1]);
    }
    UNROLL for (int at = 0; at < 8; at += 4) {
        fours[at] = _mm256_shuffle_ps(pairs[at], pairs[at + 2], 0x44);
        fours[at + 1] = _mm256_shuffle_ps(pairs[at], pairs[at + 2], 0xee);
        fours[at + 2] = _mm256_shuffle_ps(pairs[at + 1], pairs[at + 3], 0x44);
        fours[at + 3] = _mm256_shuffle_ps(pairs[at + 1], pairs[at + 3], 0xee);
    }
    UNROLL for (int at = 0; at < 4; at++) {
        out[at] = _mm256_permute2f128_ps(fours[at], fours[at + 4], 0x20);
        out[at + 4] = _mm256_permute2f128_ps(fours[at], fours[at + 4], 0x31);
    }
}

/* Eight planes of a row, pixel after pixel, `apart` floats from each other. */
ALWAYS void gathered(const float *planes, size_t plane, float *pixels, size_t apart, int width)
{
    int column = 0;
    for (; column + LANES <= width; column += LANES) {
        Lanes in[8], out[8];
        UNROLL for (int at = 0; at < 8; at++) in[at] = take(planes + at * plane + column);
        turned(in, out);
        UNROLL for (int at = 0; at < 8; at++) put(pixels + (column + at) * apart, out[at]);
    }
    for (; column < width; column++)
        for (int at = 0; at < LANES; at++) pixels[column * apart + at] = planes[at * plane + column];
}

/* The same of whole codes, which become codes / 1023. */
ALWAYS void gathered_codes(const uint16_t *codes, size_t plane, float *pixels, size_t apart, int width)
{
    int column = 0;
    for (; column + LANES <= width; column += LANES) {
        Lanes in[8], out[8];
        UNROLL for (int at = 0; at < 8; at++) {
            const __m128i eight = _mm_loadu_si128((const __m128i *)(codes + at * plane + column));
            in[at] = _mm256_mul_ps(_mm256_cvtepi32_ps(_mm256_cvtepu16_epi32(eight)), many(1 / CODE_MAX));
        }
        turned(in, out);
        UNROLL for (int at = 0; at < 8; at++) put(pixels + (column + at) * apart, out[at]);
    }
    for (; column < width; column++)
        for (int at = 0; at < LANES; at++) pixels[column * apart + at] = codes[at * plane + column] * (1 / CODE_MAX);
}

/* The other way. */
ALWAYS void spread(const float *pixels, size_t apart, float *planes, size_t plane, int width)
{
    int column = 0;
    for (; column + LANES <= width; column += LANES) {
        Lanes in[8], out[8];
        UNROLL for (int at = 0; at < 8; at++) in[at] = take(pixels + (column + at) * apart);
        turned(in, out);
        UNROLL for (int at = 0; at < 8; at++) put(planes + at * plane + column, out[at]);
    }
    for (; column < width; column++)
        for (int at = 0; at < LANES; at++) planes[at * plane + column] = pixels[column * apart + at];
}

/* The same, of whole codes. */
ALWAYS void spread_codes(const float *pixels, size_t apart, uint16_t *codes, size_t plane, int width)
{
    int column = 0;
    for (; column + LANES <= width; column += LANES) {
        Lanes in[8], out[8];
        UNROLL for (int at = 0; at < 8; at++) in[at] = take(pixels + (column + at) * apart);
        turned(in, out);
        UNROLL for (int at = 0; at < 8; at++) {
            const __m256i eight = _mm256_cvtps_epi32(out[at]);
            const __m128i low = _mm256_castsi256_si128(eight), high = _mm256_extracti128_si256(eight, 1);
            _mm_storeu_si128((__m128i *)(codes + at * plane + column), _mm_packus_epi32(low, high));
        }
    }
    for (; column < width; column++)
        for (int at = 0; at < LANES; at++) codes[at * plane + column] = (uint16_t)_mm_cvtss_si32(_mm_set_ss(pixels[column * apart + at]));
}

/* Whole codes of what was made of `own`, as `packing.whole_codes` gives them. */
ALWAYS Lanes whole_codes(Lanes made, Lanes own)
{
    const int nearest = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
    made = _mm256_round_ps(_mm256_mul_ps(made, many(CODE_MAX)), nearest);
    own = _mm256_round_ps(_mm256_mul_ps(own, many(CODE_MAX)), nearest);
    made = _mm256_max_ps(_mm256_min_ps(own, many(LOWEST)), made);
    return _mm256_min_ps(_mm256_max_ps(own, many(HIGHEST)), made);
}

ALWAYS float within(float value, float least, float most)
{
    return value > least ? value < most ? value : most : least; /* what is no number is the least */
}

/* The largest whole number that is not above a value. */
ALWAYS int whole(float value) { return (int)value - (value < (int)value); }

ALWAYS int clamped(int at, int count) { return at < 0 ? 0 : at < count ? at : count - 1; }

/* Weights of four samples, `after` the second one. Source: Keys 1981, "Cubic Convolution Interpolation", a = -0.75. */
ALWAYS void keys(float after, float weights[4])
{
    const float a = -0.75f, from = after + 1, left = 1 - after;
    weights[0] = ((a * from - 5 * a) * from + 8 * a) * from - 4 * a;
    weights[1] = ((a + 2) * after - (a + 3)) * after * after + 1;
    weights[2] = ((a + 2) * left - (a + 3)) * left * left + 1;
    weights[3] = 1 - weights[0] - weights[1] - weights[2];
}

/* Two floats of one row and two of the next one. */
ALWAYS __m128 four(const float *above, const float *below)
{
    return _mm_loadh_pi(_mm_loadl_pi(_mm_setzero_ps(), (const __m64 *)above), (const __m64 *)below);
}

/* A place in a plane and the three beside, below and across from it, all sampled by as much, from `taps` samples each
 * way: four cubically, two linearly. The last sample of a line goes on beyond it. Of luma these are four samples; of
 * colours, two together at a place (`both`), two of each. */
ALWAYS __m128 sampled(const float *plane, int rows, int columns, float x, float y, const int both, const int taps)
{
    float across[4], down[4];
    x = within(x, -8, columns + 8), y = within(y, -8, rows + 8);
    const int left = whole(x), top = whole(y), step = both ? 2 : 1;
    const int column = left - (taps == 4), row = top - (taps == 4);
    if (taps == 4) {
        keys(x - left, across);
        keys(y - top, down);
    } else {
        across[0] = 1 - (x - left), across[1] = x - left;
        down[0] = 1 - (y - top), down[1] = y - top;
    }
    __m128 sum = _mm_setzero_ps();
    if (column >= 0 && row >= 0 && column + taps - both < columns && row + taps < rows) {
        const size_t pitch = (size_t)columns * step;
        const float *from = plane + row * pitch + (size_t)column * step;
        UNROLL for (int line = 0; line < taps; line++, from += pitch) {
            __m128 part = _mm_setzero_ps();
            UNROLL for (int at = 0; at < taps; at++)
                part = _mm_fmadd_ps(_mm_set1_ps(across[at]), four(from + at * step, from + at * step + pitch), part);
            sum = _mm_fmadd_ps(_mm_set1_ps(down[line]), part, sum);
        }
        return sum;
    }
    for (int line = 0; line < taps; line++)
        for (int at = 0; at < taps; at++) {
            const float *above = plane + (size_t)clamped(row + line, rows) * columns * step;
            const float *below = plane + (size_t)clamped(row + line + 1, rows) * columns * step;
            const int one = clamped(column + at, columns) * step;
            const int other = both ? one + 1 : clamped(column + at + 1, columns);
            __m128 value = _mm_set_ps(below[other], below[one], above[other], above[one]);
            sum = _mm_fmadd_ps(_mm_set1_ps(across[at] * down[line]), value, sum);
        }
    return sum;
}

/* Luma's four samples and the colours' four become a packed pixel: of colours each one's two lines together. */
ALWAYS Lanes packed(__m128 luma, __m128 colours)
{
    return _mm256_set_m128(_mm_shuffle_ps(colours, colours, 0xd8), luma);
}

/* A packed pixel becomes luma's four samples and the colours' four, in their planes of `[2h, 2w]` and `[2h, w, 2]`. */
ALWAYS void unpacked(Lanes pixel, float *luma, float *colours, size_t pitch)
{
    const __m128 four_of_luma = _mm256_castps256_ps128(pixel), others = _mm256_extractf128_ps(pixel, 1);
    const __m128 by_line = _mm_shuffle_ps(others, others, 0xd8);
    _mm_storel_pi((__m64 *)luma, four_of_luma);
    _mm_storeh_pi((__m64 *)(luma + pitch), four_of_luma);
    _mm_storel_pi((__m64 *)colours, by_line);
    _mm_storeh_pi((__m64 *)(colours + pitch), by_line);
}

/* Where planes were, moved: luma's four samples cubically, the colours' with so many taps. */
ALWAYS Lanes moved(
    const float *luma, const float *colours, int height, int width, int row, int column, float across, float down,
    const int taps)
{
    if (across == 0 && down == 0) {
        const size_t at = 4 * (size_t)row * width + 2 * column, pitch = 2 * (size_t)width;
        return packed(four(luma + at, luma + at + pitch), four(colours + at, colours + at + pitch));
    }
    const float x = column + across, y = row + down;
    return packed(sampled(luma, 2 * height, 2 * width, 2 * x, 2 * y, 0, 4),
                  sampled(colours, 2 * height, width, x, 2 * y, 1, taps));
}

#endif
