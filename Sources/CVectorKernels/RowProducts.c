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
