// Vectors of 16 floats, and functions that are compiled once for each kind of processor.
#pragma once
#include <string.h>

// ThreadSanitizer instruments the resolver that target_clones needs, which then crashes at load.
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define CLONES __attribute__((target_clones("avx512f", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

typedef float f16 __attribute__((ext_vector_type(16)));
typedef f16 f16u __attribute__((aligned(4)));
#define LOAD(p) (*(const f16u *)(p))
#define STORE(p, v) (*(f16u *)(p) = (v))

// Vectors go by pointer: by value they would change the calling convention between the clones.
INLINE float sum_lanes(const f16 *v) {
  float t[16];
  memcpy(t, v, sizeof t);
  for (int w = 8; w; w /= 2)
    for (int i = 0; i < w; i++) t[i] += t[i + w];
  return t[0];
}
