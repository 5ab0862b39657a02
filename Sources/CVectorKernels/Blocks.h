// Stored blocks to floats in registers: what Widening.c writes to memory and RowProducts.c
// multiplies with. unpack_T gives 32 elements of a block: piece j of those of 256.
#pragma once
#include "Vectors.h"
#include <stdint.h>

typedef uint32_t u16 __attribute__((ext_vector_type(16)));
typedef uint16_t h16 __attribute__((ext_vector_type(16)));
typedef int8_t s8x16 __attribute__((ext_vector_type(16)));
typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));
typedef u8x16 u8x16u __attribute__((aligned(1)));
typedef s8x16 s8x16u __attribute__((aligned(1)));
typedef h16 h16u __attribute__((aligned(1)));
#define BYTES(p) (*(const u8x16u *)(p))

// IEEE half to float by bits: the default clone runs on CPUs without a conversion instruction.
// A subnormal is rebased on the smallest normal, which is then subtracted exactly.
INLINE float half(const uint8_t *p) {
  int16_t h;
  memcpy(&h, p, 2);
  // The sign stays at the top, exponent and mantissa come together below it.
  uint32_t bits = ((uint32_t)((int32_t)h << 13) & 0x8FFFE000u) + (112u << 23);
  float value;
  const uint32_t exponent = h & 0x7C00u;
  if (__builtin_expect(exponent - 0x0400u < 0x7800u, 1)) {
    memcpy(&value, &bits, 4);
    return value;
  }
  const uint32_t sign = bits & 0x80000000u;
  bits += exponent ? 112u << 23 : 1u << 23;
  memcpy(&value, &bits, 4);
  if (exponent == 0) value -= sign ? -0x1p-14f : 0x1p-14f;
  memcpy(&bits, &value, 4);
  bits |= sign;
  memcpy(&value, &bits, 4);
  return value;
}

// 16 halves at any alignment. Vectors go by pointer: by value they would change the calling
// convention between the clones.
INLINE void unpack_f16(const uint8_t *p, f16 *w) {
  const u16 h = __builtin_convertvector(*(const h16u *)p, u16);
  const u16 exponent = h & 0x7C00u;
  u16 bits = ((h & 0x7FFFu) << 13) + (112u << 23);
  bits += (exponent == 0x7C00u) ? (u16)(112u << 23) : (u16)0;
  const u16 raised = bits + (1u << 23);
  const f16 rebased = *(const f16 *)&raised - 0x1p-14f;
  bits = (exponent == 0) ? *(const u16 *)&rebased : bits;
  bits |= (h & 0x8000u) << 16;
  *w = *(const f16 *)&bits;
}

INLINE void unpack_bf16(const uint8_t *p, f16 *w) {
  const u16 bits = __builtin_convertvector(*(const h16u *)p, u16) << 16;
  *w = *(const f16 *)&bits;
}

INLINE float bfloat(const uint8_t *p) {
  uint16_t h;
  memcpy(&h, p, 2);
  const uint32_t bits = (uint32_t)h << 16;
  float value;
  memcpy(&value, &bits, 4);
  return value;
}

// 32 small integers of a block, what they are times, and what is added where the type has it.
struct quanta {
  f16 q[2];
  float scale, offset;
};

INLINE void set_signed(s8x16 low, s8x16 high, const uint8_t *scale, struct quanta *block) {
  block->q[0] = __builtin_convertvector(low, f16);
  block->q[1] = __builtin_convertvector(high, f16);
  block->scale = half(scale);
  block->offset = 0;
}

INLINE void set_unsigned(
    u8x16 low, u8x16 high, float scale, float offset, struct quanta *block) {
  block->q[0] = __builtin_convertvector(low, f16);
  block->q[1] = __builtin_convertvector(high, f16);
  block->scale = scale;
  block->offset = offset;
}

INLINE void scaled(const struct quanta *block, f16 *w) {
  for (int part = 0; part < 2; part++) w[part] = block->q[part] * block->scale;
}

INLINE void affine(const struct quanta *block, f16 *w) {
  for (int part = 0; part < 2; part++) w[part] = block->q[part] * block->scale + block->offset;
}

INLINE void quanta_q8_0(const uint8_t *p, int j, struct quanta *block) {
  set_signed(*(const s8x16u *)(p + 2), *(const s8x16u *)(p + 18), p, block);
}

INLINE void quanta_q4_0(const uint8_t *p, int j, struct quanta *block) {
  const u8x16 bytes = BYTES(p + 2);
  set_signed((s8x16)(bytes & 15) - 8, (s8x16)(bytes >> 4) - 8, p, block);
}

INLINE void quanta_q4_1(const uint8_t *p, int j, struct quanta *block) {
  const u8x16 bytes = BYTES(p + 4);
  set_unsigned(bytes & 15, bytes >> 4, half(p), half(p + 2), block);
}

// The nibbles of 32 elements and their fifth bits, element 0 in the lowest bit of `fifth`.
INLINE void five_bits(const uint8_t *fifth, const uint8_t *nibbles, u8x16 *low, u8x16 *high) {
  const u16 bit = {1,      1 << 1, 1 << 2,  1 << 3,  1 << 4,  1 << 5,  1 << 6,  1 << 7,
                   1 << 8, 1 << 9, 1 << 10, 1 << 11, 1 << 12, 1 << 13, 1 << 14, 1 << 15};
  uint16_t halves[2];
  memcpy(halves, fifth, sizeof halves);
  const u16 a = halves[0], b = halves[1];
  const u8x16 bytes = BYTES(nibbles);
  *low = (bytes & 15) | __builtin_convertvector((u16)((a & bit) != 0) & 16, u8x16);
  *high = (bytes >> 4) | __builtin_convertvector((u16)((b & bit) != 0) & 16, u8x16);
}

INLINE void quanta_q5_0(const uint8_t *p, int j, struct quanta *block) {
  u8x16 low, high;
  five_bits(p + 2, p + 6, &low, &high);
  set_signed((s8x16)low - 16, (s8x16)high - 16, p, block);
}

INLINE void quanta_q5_1(const uint8_t *p, int j, struct quanta *block) {
  u8x16 low, high;
  five_bits(p + 4, p + 8, &low, &high);
  set_unsigned(low, high, half(p), half(p + 2), block);
}

// Eight 6-bit scales and eight 6-bit minima in twelve bytes.
INLINE void six_bits(const uint8_t *p, int j, float *scale, float *minimum) {
  if (j < 4) {
    *scale *= p[j] & 63;
    *minimum *= p[j + 4] & 63;
  } else {
    *scale *= (p[j + 4] & 15) | (p[j - 4] >> 6) << 4;
    *minimum *= p[j + 4] >> 4 | (p[j] >> 6) << 4;
  }
}

// The nibbles of 32 of 256 elements: those of an even piece are the lower ones.
INLINE void nibbles(const uint8_t *p, int j, u8x16 *q) {
  for (int part = 0; part < 2; part++) {
    const u8x16 bytes = BYTES(p + 32 * (j / 2) + 16 * part);
    q[part] = j % 2 ? bytes >> 4 : bytes & 15;
  }
}

INLINE void quanta_q4_k(const uint8_t *p, int j, struct quanta *block) {
  float scale = half(p), minimum = half(p + 2);
  six_bits(p + 4, j, &scale, &minimum);
  u8x16 q[2];
  nibbles(p + 16, j, q);
  set_unsigned(q[0], q[1], scale, -minimum, block);
}

INLINE void quanta_q5_k(const uint8_t *p, int j, struct quanta *block) {
  float scale = half(p), minimum = half(p + 2);
  six_bits(p + 4, j, &scale, &minimum);
  u8x16 q[2];
  nibbles(p + 48, j, q);
  for (int part = 0; part < 2; part++)
    q[part] |= ((BYTES(p + 16 + 16 * part) >> (uint8_t)j) & 1) << 4;
  set_unsigned(q[0], q[1], scale, -minimum, block);
}

// The sixteen integers that four bits stand for, closer together about 0, as the steps from one to
// the next: a number is the sum of the steps up to it.
INLINE s8x16 nonlinear(u8x16 nibbles) {
  static const int8_t steps[15] = {23, 21, 18, 16, 14, 13, 12, 11, 12, 12, 13, 15, 16, 20, 24};
  s8x16 q = -127 + (s8x16){0};
  for (int k = 0; k < 15; k++) q += (s8x16)(nibbles > (uint8_t)k) & steps[k];
  return q;
}

INLINE void quanta_iq4_nl(const uint8_t *p, int j, struct quanta *block) {
  const u8x16 bytes = BYTES(p + 2);
  set_signed(nonlinear(bytes & 15), nonlinear(bytes >> 4), p, block);
}

// Eight 6-bit scales, less 32: their lower four bits in four bytes, the upper two in two before them.
INLINE void quanta_iq4_xs(const uint8_t *p, int j, struct quanta *block) {
  const u8x16 bytes = BYTES(p + 8 + 16 * j);
  const int low = p[4 + j / 2] >> 4 * (j % 2) & 15, high = p[2 + j / 4] >> 2 * (j % 4) & 3;
  set_signed(nonlinear(bytes & 15), nonlinear(bytes >> 4), p, block);
  block->scale *= (low | high << 4) - 32;
}

// Types whose 32 elements have one scale, and how they come of it.
#define SCALED_TYPES(F) \
  F(q8_0, 34, 1) F(q4_0, 18, 1) F(q5_0, 22, 1) F(iq4_nl, 18, 1) F(iq4_xs, 136, 8)
#define AFFINE_TYPES(F) F(q4_1, 20, 1) F(q5_1, 24, 1) F(q4_k, 144, 8) F(q5_k, 176, 8)
#define FACTORED_TYPES(F) SCALED_TYPES(F) AFFINE_TYPES(F)

#define UNPACK(type, how)                                                                          \
  INLINE void unpack_##type(const uint8_t *p, int j, f16 *w) {                                     \
    struct quanta block;                                                                           \
    quanta_##type(p, j, &block);                                                                   \
    how(&block, w);                                                                                \
  }
#define UNPACK_SCALED(type, block_bytes, pieces) UNPACK(type, scaled)
#define UNPACK_AFFINE(type, block_bytes, pieces) UNPACK(type, affine)
SCALED_TYPES(UNPACK_SCALED)
AFFINE_TYPES(UNPACK_AFFINE)

INLINE void unpack_q6_k(const uint8_t *p, int j, f16 *w) {
  const float all = half(p + 208);
  const int8_t *scales = (const int8_t *)p + 192;
  const int upper = j / 4, quarter = j % 4;
  for (int part = 0; part < 2; part++) {
    u8x16 q = BYTES(p + 64 * upper + 32 * (quarter % 2) + 16 * part);
    q = quarter >= 2 ? q >> 4 : q & 15;
    q |= ((BYTES(p + 128 + 32 * upper + 16 * part) >> (uint8_t)(2 * quarter)) & 3) << 4;
    const float scale = all * scales[8 * upper + 2 * quarter + part];
    w[part] = __builtin_convertvector((s8x16)q - 32, f16) * scale;
  }
}

// Two bits of 16 of 256 elements: a byte holds those of four, 32 apart.
INLINE u8x16 two_bits(const uint8_t *p, int j, int part) {
  return (BYTES(p + 32 * (j / 4) + 16 * part) >> (uint8_t)(2 * (j % 4))) & 3;
}

// Sixteen bytes of a 4-bit scale and a 4-bit minimum, which two halves multiply.
INLINE void unpack_q2_k(const uint8_t *p, int j, f16 *w) {
  const float all = half(p + 80), all_minima = half(p + 82);
  for (int part = 0; part < 2; part++) {
    const uint8_t both = p[2 * j + part];
    const float scale = all * (both & 15), minimum = all_minima * (both >> 4);
    w[part] = __builtin_convertvector(two_bits(p + 16, j, part), f16) * scale - minimum;
  }
}

// Sixteen 6-bit scales, less 32, in twelve bytes. A third bit that is not set takes 4 off.
INLINE void unpack_q3_k(const uint8_t *p, int j, f16 *w) {
  const float all = half(p + 108);
  const uint8_t *scales = p + 96;
  for (int part = 0; part < 2; part++) {
    const int k = 2 * j + part;
    const int low = scales[k % 8] >> 4 * (k / 8) & 15, high = scales[8 + k % 4] >> 2 * (k / 4) & 3;
    const u8x16 third = (BYTES(p + 16 * part) >> (uint8_t)j) & 1;
    const s8x16 q = (s8x16)(two_bits(p + 32, j, part) | third << 2) - 4;
    w[part] = __builtin_convertvector(q, f16) * (all * ((low | high << 4) - 32));
  }
}

// Every blocked type: its bytes a block, and its pieces of 32 elements.
#define BLOCKED_TYPES(F) FACTORED_TYPES(F) F(q6_k, 210, 8) F(q2_k, 84, 8) F(q3_k, 110, 8)
