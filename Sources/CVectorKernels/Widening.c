#include "Widening.h"
#include "Blocks.h"

CLONES void widen_f16(const void *source, float *output, long count) {
  const uint8_t *p = source;
  long i = 0;
  for (; i + 16 <= count; i += 16) {
    f16 w;
    unpack_f16(p + 2 * i, &w);
    STORE(output + i, w);
  }
  for (; i < count; i++) output[i] = half(p + 2 * i);
}

CLONES void widen_bf16(const void *source, float *output, long count) {
  const uint8_t *p = source;
  long i = 0;
  for (; i + 16 <= count; i += 16) {
    f16 w;
    unpack_bf16(p + 2 * i, &w);
    STORE(output + i, w);
  }
  for (; i < count; i++) output[i] = bfloat(p + 2 * i);
}

#define WIDEN(type, block_bytes, pieces)                                  \
  CLONES void widen_##type(const void *source, float *output, long count) { \
    const uint8_t *p = source;                                              \
    for (long i = 0; i < count; i += 32 * (pieces), p += (block_bytes))     \
      for (int j = 0; j < (pieces); j++) {                                  \
        f16 w[2];                                                           \
        unpack_##type(p, j, w);                                             \
        STORE(output + i + 32 * j, w[0]);                                   \
        STORE(output + i + 32 * j + 16, w[1]);                              \
      }                                                                     \
  }

BLOCKED_TYPES(WIDEN)

#define OFFSETS(type, block_bytes, pieces)                                                       \
  BLOCK_OFFSETS(type) {                                                                          \
    for (long r = 0; r < count; r++) {                                                           \
      const uint8_t *p = (const uint8_t *)rows + row_bytes * (order ? order[r] : r);             \
      for (long i = 0; i < inputs; i += 32 * (pieces), p += (block_bytes))                       \
        for (int j = 0; j < (pieces); j++) {                                                     \
          struct quanta block;                                                                   \
          quanta_##type(p, j, &block);                                                           \
          *offsets++ = block.offset;                                                             \
        }                                                                                        \
    }                                                                                            \
  }

AFFINE_TYPES(OFFSETS)
