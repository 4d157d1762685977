/* What later pictures know: a restored picture takes over of the next one, carried back along the motion, what agrees
 * with it. The rule and its source are in `engines/model/hindsight.py`, which gives the numbers.
 */

#include "places.h"

/* A value of two numbers between its places `[h, w, 2]`, linearly; the last one goes on beyond the edge. */
ALWAYS __m128 between(const float *field, int height, int width, float x, float y)
{
    x = within(x, 0, width - 1), y = within(y, 0, height - 1);
    const int column = (int)x, row = (int)y;
    const size_t right = column + 1 < width ? 2 : 0, below = row + 1 < height ? 2 * (size_t)width : 0;
    const float *from = field + 2 * ((size_t)row * width + column);
    const __m128 left = four(from, from + below), beside = four(from + right, from + below + right);
    const __m128 lines = _mm_fmadd_ps(_mm_sub_ps(beside, left), _mm_set1_ps(x - column), left);
    const __m128 under = _mm_movehl_ps(lines, lines);
    return _mm_fmadd_ps(_mm_sub_ps(under, lines), _mm_set1_ps(y - row), lines);
}

ALWAYS float mean_of(__m128 luma)
{
    const __m128 pairs = _mm_add_ps(luma, _mm_movehl_ps(luma, luma));
    return _mm_cvtss_f32(_mm_add_ss(pairs, _mm_shuffle_ps(pairs, pairs, 1))) / 4;
}

/* One row of the last picture of a shot, which has no next one: it is what the one before leans on. */
void begin(const Lean *lean, int row, float *scratch)
{
    const size_t plane = (size_t)lean->height * lean->width, at = (size_t)row * lean->width;
    gathered_codes(lean->own + at, plane, scratch, LANES, lean->width);
    for (int column = 0; column < lean->width; column++) {
        const size_t here = 4 * at + 2 * column;
        unpacked(take(scratch + (size_t)column * LANES), lean->luma + here, lean->colours + here, 2 * lean->width);
    }
}

/* One row of how the next picture differs, and of how far they are apart in units of the noise. */
void compare(const Lean *lean, int row, float *scratch)
{
    const int height = lean->height, width = lean->width;
    const size_t plane = (size_t)height * width, at = (size_t)row * width;
    gathered_codes(lean->own + at, plane, scratch, LANES, width);
    for (int column = 0; column < width; column++) {
        const float *motion = lean->motion + 2 * (at + column);
        float back[4];
        _mm_storeu_ps(back, between(lean->motion, height, width, column - motion[0], row - motion[1]));
        const Lanes own = take(scratch + (size_t)column * LANES);
        const Lanes next = moved(lean->luma, lean->colours, height, width, row, column, -back[0], -back[1], 2);
        const Lanes difference = _mm256_sub_ps(next, own);
        put(lean->difference + (at + column) * LANES, difference);
        const __m128 luma = _mm256_castps256_ps128(own), off = _mm256_castps256_ps128(difference);
        const float variance = lean->shot * mean_of(luma) + lean->read;
        const float unit = variance > lean->least ? variance : lean->least;
        const __m128 askew = _mm_sub_ps(luma, _mm_shuffle_ps(luma, luma, 0x1b)); /* along both diagonals, twice */
        lean->apart[at + column] = mean_of(_mm_mul_ps(off, off)) / unit;
        lean->lasting[at + column] = mean_of(off) / _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(unit)));
        lean->detail[at + column] = mean_of(_mm_mul_ps(askew, askew)) / 2 / unit;
        const float speed = _mm_cvtss_f32(_mm_sqrt_ss(_mm_set_ss(back[0] * back[0] + back[1] * back[1])));
        const float moves = speed * lean->per_move < 1 ? speed * lean->per_move : 1;
        lean->most[at + column] = lean->standing + (lean->moving - lean->standing) * moves;
    }
}

/* e^x for what is not above zero, to 2e-7 of it: two to a whole power, and six terms of the rest. */
ALWAYS Lanes power_of_e(Lanes value)
{
    const float terms[] = {1.5403530e-4f, 1.3333558e-3f, 9.6181291e-3f, 5.5504109e-2f, 2.4022651e-1f, 6.9314718e-1f, 1};
    value = _mm256_mul_ps(_mm256_max_ps(many(-80), value), many(1.44269504f));
    const Lanes power = _mm256_round_ps(value, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
    const Lanes rest = _mm256_sub_ps(value, power);
    Lanes sum = many(terms[0]);
    UNROLL for (int term = 1; term < 7; term++) sum = _mm256_fmadd_ps(sum, rest, many(terms[term]));
    const __m256i exponent = _mm256_add_epi32(_mm256_cvtps_epi32(power), _mm256_set1_epi32(127));
    return _mm256_mul_ps(sum, _mm256_castsi256_ps(_mm256_slli_epi32(exponent, 23)));
}

/* A row of a field, summed over three rows; one value more on both sides, and whole lanes. */
static void three_rows(const float *field, int height, int width, int row, float *sums)
{
    const float *above = field + (size_t)(row > 0 ? row - 1 : 0) * width, *here = field + (size_t)row * width;
    const float *below = field + (size_t)(row + 1 < height ? row + 1 : row) * width;
    for (int column = 0; column < width; column++) sums[column + 1] = above[column] + here[column] + below[column];
    sums[0] = sums[1];
    for (int column = 0; column <= LANES; column++) sums[width + 1 + column] = sums[width];
}

ALWAYS Lanes around(const float *sums)
{
    return _mm256_mul_ps(_mm256_add_ps(_mm256_add_ps(take(sums), take(sums + 1)), take(sums + 2)), many(1.0f / 9));
}

/* One row of the picture, leaning on the next one; the one before leans on it then. */
void lean_on(const Lean *lean, int row, float *scratch)
{
    const int height = lean->height, width = lean->width;
    const size_t plane = (size_t)height * width, at = (size_t)row * width;
    const size_t room = width + 2 * LANES;
    float *apart = scratch, *lasting = apart + room, *detail = lasting + room, *shares = detail + room;
    float *of_colours = shares + room, *pixels = of_colours + room;
    three_rows(lean->apart, height, width, row, apart);
    three_rows(lean->lasting, height, width, row, lasting);
    three_rows(lean->detail, height, width, row, detail);
    for (int column = 0; column < width; column += LANES) {
        const Lanes alike = around(lasting + column), seen = around(detail + column);
        const Lanes far = _mm256_fmadd_ps(_mm256_mul_ps(many(lean->lasts), alike), alike, around(apart + column));
        const Lanes odd = _mm256_div_ps(many(lean->odd), _mm256_add_ps(seen, many(lean->every_detail)));
        const Lanes weight = _mm256_mul_ps(far, _mm256_add_ps(many(1 / lean->tolerance), odd));
        const Lanes colours = power_of_e(_mm256_mul_ps(weight, many(-lean->weighed)));
        put(shares + column, power_of_e(_mm256_mul_ps(weight, many(-1))));
        put(of_colours + column, _mm256_mul_ps(colours, many(lean->standing)));
    }
    gathered_codes(lean->own + at, plane, pixels, LANES, width);
    for (int column = 0; column < width; column++) {
        float *pixel = pixels + (size_t)column * LANES;
        const __m128 luma = _mm_set1_ps(lean->most[at + column] * shares[column]);
        const Lanes share = _mm256_set_m128(_mm_set1_ps(of_colours[column]), luma), own = take(pixel);
        const Lanes leant = _mm256_fmadd_ps(share, take(lean->difference + (at + column) * LANES), own);
        const size_t here = 4 * at + 2 * column;
        put(pixel, whole_codes(leant, own));
        unpacked(leant, lean->luma + here, lean->colours + here, 2 * width);
    }
    spread_codes(pixels, LANES, lean->leant + at, plane, width);
}
