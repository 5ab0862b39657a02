#include "Widening.h"
#include <stdint.h>
#include <string.h>

// ThreadSanitizer instruments the resolver that target_clones needs, which then crashes at load.
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define CLONES __attribute__((target_clones("avx512f", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

typedef float f16 __attribute__((ext_vector_type(16)));
typedef uint32_t u16 __attribute__((ext_vector_type(16)));
typedef uint16_t h16 __attribute__((ext_vector_type(16)));
typedef int8_t s8x16 __attribute__((ext_vector_type(16)));
typedef uint8_t u8x16 __attribute__((ext_vector_type(16)));
typedef f16 f16u __attribute__((aligned(4)));
typedef u8x16 u8x16u __attribute__((aligned(1)));
typedef s8x16 s8x16u __attribute__((aligned(1)));
typedef h16 h16u __attribute__((aligned(1)));
#define STORE(p, v) (*(f16u *)(p) = (v))
#define BYTES(p) (*(const u8x16u *)(p))
#define INLINE static inline __attribute__((always_inline))

// IEEE half to float by bits: the default clone runs on CPUs without a conversion instruction.
// A subnormal is rebased on the smallest normal, which is then subtracted exactly.
INLINE float half(const uint8_t *p) {
  uint16_t h;
  memcpy(&h, p, 2);
  const uint32_t exponent = h & 0x7C00u, sign = (uint32_t)(h & 0x8000u) << 16;
  uint32_t bits = ((uint32_t)(h & 0x7FFFu) << 13) + (112u << 23);
  float value;
  if (exponent == 0x7C00u) bits += 112u << 23;
  if (exponent == 0) bits += 1u << 23;
  memcpy(&value, &bits, 4);
  if (exponent == 0) value -= 0x1p-14f;
  memcpy(&bits, &value, 4);
  bits |= sign;
  memcpy(&value, &bits, 4);
  return value;
}

// output = q * scale + offset over 16 small integers. Vectors go by pointer: by value they would
// change the calling convention between the clones.
INLINE void scaled(float *output, const u8x16 *q, float scale, float offset) {
  STORE(output, __builtin_convertvector(*q, f16) * scale + offset);
}

INLINE void scaled_signed(float *output, const s8x16 *q, float scale) {
  STORE(output, __builtin_convertvector(*q, f16) * scale);
}

CLONES void widen_f16(const void *source, float *output, long count) {
  const uint8_t *p = source;
  long i = 0;
  for (; i + 16 <= count; i += 16) {
    const u16 h = __builtin_convertvector(*(const h16u *)(p + 2 * i), u16);
    const u16 exponent = h & 0x7C00u;
    u16 bits = ((h & 0x7FFFu) << 13) + (112u << 23);
    bits += (exponent == 0x7C00u) ? (u16)(112u << 23) : (u16)0;
    const u16 raised = bits + (1u << 23);
    const f16 rebased = *(const f16 *)&raised - 0x1p-14f;
    bits = (exponent == 0) ? *(const u16 *)&rebased : bits;
    bits |= (h & 0x8000u) << 16;
    STORE(output + i, *(const f16 *)&bits);
  }
  for (; i < count; i++) output[i] = half(p + 2 * i);
}

CLONES void widen_bf16(const void *source, float *output, long count) {
  const uint8_t *p = source;
  long i = 0;
  for (; i + 16 <= count; i += 16) {
    const u16 bits = __builtin_convertvector(*(const h16u *)(p + 2 * i), u16) << 16;
    STORE(output + i, *(const f16 *)&bits);
  }
  for (; i < count; i++) {
    uint16_t h;
    memcpy(&h, p + 2 * i, 2);
    const uint32_t bits = (uint32_t)h << 16;
    memcpy(output + i, &bits, 4);
  }
}

CLONES void widen_q8_0(const void *source, float *output, long count) {
  const uint8_t *p = source;
  for (long i = 0; i < count; i += 32, p += 34) {
    const float scale = half(p);
    for (int part = 0; part < 2; part++) {
      const s8x16 q = *(const s8x16u *)(p + 2 + 16 * part);
      scaled_signed(output + i + 16 * part, &q, scale);
    }
  }
}

CLONES void widen_q4_0(const void *source, float *output, long count) {
  const uint8_t *p = source;
  for (long i = 0; i < count; i += 32, p += 18) {
    const float scale = half(p);
    const u8x16 bytes = BYTES(p + 2);
    const s8x16 low = (s8x16)(bytes & 15) - 8, high = (s8x16)(bytes >> 4) - 8;
    scaled_signed(output + i, &low, scale);
    scaled_signed(output + i + 16, &high, scale);
  }
}

CLONES void widen_q4_1(const void *source, float *output, long count) {
  const uint8_t *p = source;
  for (long i = 0; i < count; i += 32, p += 20) {
    const float scale = half(p), minimum = half(p + 2);
    const u8x16 bytes = BYTES(p + 4), low = bytes & 15, high = bytes >> 4;
    scaled(output + i, &low, scale, minimum);
    scaled(output + i + 16, &high, scale, minimum);
  }
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

CLONES void widen_q5_0(const void *source, float *output, long count) {
  const uint8_t *p = source;
  for (long i = 0; i < count; i += 32, p += 22) {
    const float scale = half(p);
    u8x16 low, high;
    five_bits(p + 2, p + 6, &low, &high);
    const s8x16 first = (s8x16)low - 16, second = (s8x16)high - 16;
    scaled_signed(output + i, &first, scale);
    scaled_signed(output + i + 16, &second, scale);
  }
}

CLONES void widen_q5_1(const void *source, float *output, long count) {
  const uint8_t *p = source;
  for (long i = 0; i < count; i += 32, p += 24) {
    const float scale = half(p), minimum = half(p + 2);
    u8x16 low, high;
    five_bits(p + 4, p + 8, &low, &high);
    scaled(output + i, &low, scale, minimum);
    scaled(output + i + 16, &high, scale, minimum);
  }
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

CLONES void widen_q4_k(const void *source, float *output, long count) {
  const uint8_t *p = source;
  for (long i = 0; i < count; i += 256, p += 144) {
    const float all = half(p), least = half(p + 2);
    for (int j = 0; j < 8; j++) {
      float scale = all, minimum = least;
      six_bits(p + 4, j, &scale, &minimum);
      for (int part = 0; part < 32; part += 16) {
        u8x16 q = BYTES(p + 16 + 32 * (j / 2) + part);
        q = j % 2 ? q >> 4 : q & 15;
        scaled(output + i + 32 * j + part, &q, scale, -minimum);
      }
    }
  }
}

CLONES void widen_q5_k(const void *source, float *output, long count) {
  const uint8_t *p = source;
  for (long i = 0; i < count; i += 256, p += 176) {
    const float all = half(p), least = half(p + 2);
    for (int j = 0; j < 8; j++) {
      float scale = all, minimum = least;
      six_bits(p + 4, j, &scale, &minimum);
      for (int part = 0; part < 32; part += 16) {
        u8x16 q = BYTES(p + 48 + 32 * (j / 2) + part);
        q = j % 2 ? q >> 4 : q & 15;
        q |= ((BYTES(p + 16 + part) >> (uint8_t)j) & 1) << 4;
        scaled(output + i + 32 * j + part, &q, scale, -minimum);
      }
    }
  }
}

CLONES void widen_q6_k(const void *source, float *output, long count) {
  const uint8_t *p = source;
  for (long i = 0; i < count; i += 256, p += 210) {
    const float all = half(p + 208);
    const int8_t *scales = (const int8_t *)p + 192;
    for (int j = 0; j < 8; j++) {
      const int half_block = j / 4, quarter = j % 4;
      for (int part = 0; part < 32; part += 16) {
        u8x16 q = BYTES(p + 64 * half_block + 32 * (quarter % 2) + part);
        q = quarter >= 2 ? q >> 4 : q & 15;
        q |= ((BYTES(p + 128 + 32 * half_block + part) >> (uint8_t)(2 * quarter)) & 3) << 4;
        const s8x16 centred = (s8x16)q - 32;
        const float scale = all * scales[8 * half_block + 2 * quarter + part / 16];
        scaled_signed(output + i + 32 * j + part, &centred, scale);
      }
    }
  }
}
