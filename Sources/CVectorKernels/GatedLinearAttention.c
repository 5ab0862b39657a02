#include "GatedLinearAttention.h"
#include <string.h>

// ThreadSanitizer instruments the resolver that target_clones needs, which then crashes at load.
#if defined(__x86_64__) && !__has_feature(thread_sanitizer)
#define CLONES __attribute__((target_clones("avx512f", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif

typedef float f16 __attribute__((ext_vector_type(16)));
typedef f16 f16u __attribute__((aligned(4)));
#define LOAD(p) (*(const f16u *)(p))
#define STORE(p, v) (*(f16u *)(p) = (v))

static inline __attribute__((always_inline)) float sum_lanes(const f16 *v) {
  float t[16];
  memcpy(t, v, sizeof t);
  for (int w = 8; w; w /= 2)
    for (int i = 0; i < w; i++) t[i] += t[i + w];
  return t[0];
}

CLONES void vk_gated_pairs(const float *query, const float *decay, const float *previous,
                           float *current, float *products, long count, long width) {
#pragma clang fp contract(fast)
  const long whole = width / 16 * 16;
  for (long j = 0; j < count; j++) {
    const float *from = previous + j * width;
    float *to = current + j * width;
    f16 sum = 0;
    for (long i = 0; i < whole; i += 16) {
      f16 v = LOAD(from + i) * LOAD(decay + i);
      STORE(to + i, v);
      sum = v * LOAD(query + i) + sum;
    }
    float rest = 0;
    for (long i = whole; i < width; i++) {
      to[i] = from[i] * decay[i];
      rest += to[i] * query[i];
    }
    products[j] = sum_lanes(&sum) + rest;
  }
}

CLONES void vk_gated_pair_gradients(const float *query, const float *decay, const float *weights,
                                    const float *pairs, float *lines, float *query_gradient,
                                    float *decay_gradient, long count, long width) {
#pragma clang fp contract(fast)
  const long whole = width / 16 * 16;
  // Channels outside, so that both sums over the rows stay in registers.
  for (long i = 0; i < whole; i += 16) {
    const f16 q = LOAD(query + i), w = LOAD(decay + i);
    f16 dq = LOAD(query_gradient + i), dg = LOAD(decay_gradient + i);
    for (long j = 0; j < count; j++) {
      const f16 pair = LOAD(pairs + j * width + i);
      const f16 line = weights[j] * q + LOAD(lines + j * width + i);
      STORE(lines + j * width + i, line * w);
      dq = weights[j] * pair + dq;
      dg = line * pair + dg;
    }
    STORE(query_gradient + i, dq);
    STORE(decay_gradient + i, dg);
  }
  for (long i = whole; i < width; i++) {
    for (long j = 0; j < count; j++) {
      const float line = weights[j] * query[i] + lines[j * width + i];
      lines[j * width + i] = line * decay[i];
      query_gradient[i] += weights[j] * pairs[j * width + i];
      decay_gradient[i] += line * pairs[j * width + i];
    }
  }
}

CLONES void vk_multiply_add(const float *x, const float *y, float *z, long n) {
#pragma clang fp contract(fast)
  for (long i = 0; i < n; i++) z[i] += x[i] * y[i];
}
