#include "GatedLinearAttention.h"
#include "Vectors.h"

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
