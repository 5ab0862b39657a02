#include "Widening.h"
#include "Blocks.h"

INLINE float total(const f16 *sums) {
  const f16 sum = sums[0] + sums[1];
  return sum_lanes(&sum);
}

// 32 plain elements.
INLINE void pair_f32(const uint8_t *p, int j, f16 *w) {
  memcpy(w, p, 2 * sizeof *w);
}

INLINE void pair_f16(const uint8_t *p, int j, f16 *w) {
  unpack_f16(p, w);
  unpack_f16(p + 32, w + 1);
}

INLINE void pair_bf16(const uint8_t *p, int j, f16 *w) {
  unpack_bf16(p, w);
  unpack_bf16(p + 32, w + 1);
}

INLINE float single(const uint8_t *p) {
  float value;
  memcpy(&value, p, 4);
  return value;
}

// No block is cut short.
INLINE float none(const uint8_t *p) { return 0; }

// Two rows at a time: four chains of sums, and x is loaded once for both. Every type sums in this
// order, so that a weight gives the same whatever it is stored as.
#define PRODUCTS(type, unpack, block_bytes, pieces, rest, rest_bytes)                              \
  CLONES ROW_PRODUCT(type) {                                                                       \
    for (long r = 0; r < count; r += 2) {                                                          \
      const long next = r + 1 < count ? r + 1 : r;                                                 \
      const uint8_t *p = (const uint8_t *)rows + row_bytes * (order ? order[r] : r);               \
      const uint8_t *q = (const uint8_t *)rows + row_bytes * (order ? order[next] : next);         \
      f16 first[2] = {0}, second[2] = {0};                                                         \
      long i = 0;                                                                                  \
      for (; i + 32 * (pieces) <= inputs;                                                          \
           i += 32 * (pieces), p += (block_bytes), q += (block_bytes))                             \
        for (int j = 0; j < (pieces); j++) {                                                       \
          f16 v[2], w[2];                                                                          \
          unpack(p, j, v);                                                                         \
          unpack(q, j, w);                                                                         \
          for (int part = 0; part < 2; part++) {                                                   \
            const f16 z = LOAD(x + i + 32 * j + 16 * part);                                        \
            first[part] += v[part] * z;                                                            \
            second[part] += w[part] * z;                                                           \
          }                                                                                        \
        }                                                                                          \
      float sums[2] = {total(first), total(second)};                                               \
      for (; i < inputs; i++, p += (rest_bytes), q += (rest_bytes)) {                              \
        sums[0] += rest(p) * x[i];                                                                 \
        sums[1] += rest(q) * x[i];                                                                 \
      }                                                                                            \
      y[next] = sums[1];                                                                           \
      y[r] = sums[0];                                                                              \
    }                                                                                              \
  }

PRODUCTS(f32, pair_f32, 128, 1, single, 4)
PRODUCTS(f16, pair_f16, 64, 1, half, 2)
PRODUCTS(bf16, pair_bf16, 64, 1, bfloat, 2)

#define BLOCKED(type, block_bytes, pieces) \
  PRODUCTS(type, unpack_##type, block_bytes, pieces, none, 0)

BLOCKED_TYPES(BLOCKED)

// Several vectors at once: two rows by four vectors, so that a weight is unpacked once for four of them
// and a vector is loaded once for two rows. Sums run as above, 32 partial ones a row and vector, so that
// each vector has the bits that it has alone. What is missing to four repeats the last vector.
enum { COLUMNS = 4, BLOCK_ROWS = 32 };

#define PAIR_BY_COLUMNS(type, unpack, block_bytes, pieces, rest, rest_bytes)                       \
  INLINE void columns_##type(const uint8_t *p, const uint8_t *q, const float *x, long x_stride,    \
                             long columns, float *y, float *next, long y_stride, long inputs) {    \
    long at[COLUMNS];                                                                              \
    f16 first[COLUMNS][2], second[COLUMNS][2];                                                     \
    _Pragma("clang loop unroll(full)") for (int c = 0; c < COLUMNS; c++) {                         \
      at[c] = (c < columns ? c : columns - 1) * x_stride;                                          \
      for (int part = 0; part < 2; part++) first[c][part] = second[c][part] = (f16)0;              \
    }                                                                                              \
    long i = 0;                                                                                    \
    for (; i + 32 * (pieces) <= inputs;                                                            \
         i += 32 * (pieces), p += (block_bytes), q += (block_bytes))                               \
      for (int j = 0; j < (pieces); j++) {                                                         \
        f16 v[2], w[2];                                                                            \
        unpack(p, j, v);                                                                           \
        unpack(q, j, w);                                                                           \
        const float *z = x + i + 32 * j;                                                           \
        _Pragma("clang loop unroll(full)") for (int c = 0; c < COLUMNS; c++) {                     \
          for (int part = 0; part < 2; part++) {                                                   \
            const f16 u = LOAD(z + at[c] + 16 * part);                                             \
            first[c][part] += v[part] * u;                                                         \
            second[c][part] += w[part] * u;                                                        \
          }                                                                                        \
        }                                                                                          \
      }                                                                                            \
    for (int c = 0; c < COLUMNS && c < columns; c++) {                                             \
      const uint8_t *a = p, *b = q;                                                                \
      float sums[2] = {total(first[c]), total(second[c])};                                         \
      for (long k = i; k < inputs; k++, a += (rest_bytes), b += (rest_bytes)) {                    \
        sums[0] += rest(a) * x[at[c] + k];                                                         \
        sums[1] += rest(b) * x[at[c] + k];                                                         \
      }                                                                                            \
      next[c * y_stride] = sums[1];                                                                \
      y[c * y_stride] = sums[0];                                                                   \
    }                                                                                              \
  }

// Blocks of rows, so that four vectors, and then the next four, stay in the first-level cache.
#define COLUMN_PRODUCTS(type, unpack, block_bytes, pieces, rest, rest_bytes)                       \
  PAIR_BY_COLUMNS(type, unpack, block_bytes, pieces, rest, rest_bytes)                             \
  CLONES COLUMN_PRODUCT(type) {                                                                    \
    for (long start = 0; start < count; start += BLOCK_ROWS) {                                     \
      const long end = start + BLOCK_ROWS < count ? start + BLOCK_ROWS : count;                    \
      for (long c = 0; c < columns; c += COLUMNS)                                                  \
        for (long r = start; r < end; r += 2) {                                                    \
          const long next = r + 1 < end ? r + 1 : r;                                               \
          const uint8_t *p = (const uint8_t *)rows + row_bytes * (order ? order[r] : r);           \
          const uint8_t *q = (const uint8_t *)rows + row_bytes * (order ? order[next] : next);     \
          float *const into = y + c * y_stride;                                                    \
          columns_##type(p, q, x + c * x_stride, x_stride, columns - c, into + r, into + next,     \
                         y_stride, inputs);                                                        \
        }                                                                                          \
    }                                                                                              \
  }

COLUMN_PRODUCTS(f32, pair_f32, 128, 1, single, 4)
COLUMN_PRODUCTS(f16, pair_f16, 64, 1, half, 2)
COLUMN_PRODUCTS(bf16, pair_bf16, 64, 1, bfloat, 2)

#define BLOCKED_COLUMNS(type, block_bytes, pieces) \
  COLUMN_PRODUCTS(type, unpack_##type, block_bytes, pieces, none, 0)

BLOCKED_TYPES(BLOCKED_COLUMNS)
