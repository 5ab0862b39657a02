#define _GNU_SOURCE
#include "VectorKernels.h"
#include "Vectors.h"
#include <sched.h>

typedef int i16 __attribute__((ext_vector_type(16)));

// Vectors go by pointer: by value they would change the calling convention between the clones.
INLINE void load_tail(f16 *v, const float *p, long n, float fill) {
  float t[16];
  for (int i = 0; i < 16; i++) t[i] = fill;
  memcpy(t, p, n * sizeof(float));
  memcpy(v, t, sizeof t);
}

INLINE void store_tail(float *p, const f16 *v, long n) {
  float t[16];
  memcpy(t, v, sizeof t);
  memcpy(p, t, n * sizeof(float));
}

// Cody-Waite reduction and a degree-5 polynomial: relative error below 1.2e-7 on [-87, 88];
// 0 below, infinity above, NaN stays NaN.
INLINE void exp_lanes(f16 *px) {
#pragma clang fp contract(fast)
  const f16 x0 = *px, lo = -87.33654f, hi = 88.72283f;
  f16 x = x0 < lo ? lo : x0;
  x = x > hi ? hi : x;
  f16 t = x * 1.44269504f + 12582912.f, n = t - 12582912.f;
  f16 r = x - n * 0.693359375f;
  r = r + n * 2.12194440e-4f;
  f16 p = r * 1.98756915e-4f + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  f16 y = p * (r * r) + (r + 1.f);
  i16 e = ((i16)t + 127) << 23;
  y = y * (f16)e;
  *px = x0 < lo ? (f16)0 : y;
}

// The body is run for every full vector of 16 and once for the rest.
#define EACH(n, body)                                                                              \
  do {                                                                                             \
    long i = 0;                                                                                    \
    for (; i + 16 <= (n); i += 16) {                                                               \
      const int tail = 0;                                                                          \
      (void)tail;                                                                                  \
      body                                                                                         \
    }                                                                                              \
    if (i < (n)) {                                                                                 \
      const long tail = (n) - i;                                                                   \
      body                                                                                         \
    }                                                                                              \
  } while (0)
#define IN(v, p, fill)                                                                             \
  f16 v;                                                                                           \
  if (tail) load_tail(&v, (p) + i, tail, fill); else v = LOAD((p) + i);
#define OUT(p, v)                                                                                  \
  if (tail) store_tail((p) + i, &v, tail); else STORE((p) + i, v);

int vk_available_cpus(void) {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set)) return 1;
  int count = CPU_COUNT(&set);
  return count > 0 ? count : 1;
}

CLONES float vk_exp_sum(const float *x, float *y, long n, float scale, float shift) {
#pragma clang fp contract(fast)
  f16 sum = 0;
  EACH(n, {
    IN(v, x, 0)
    v = v * scale - shift;
    exp_lanes(&v);
    OUT(y, v)
    if (tail) load_tail(&v, y + i, tail, 0);
    sum += v;
  });
  return sum_lanes(&sum);
}

CLONES void vk_exp(const float *x, float *y, long n) {
  EACH(n, { IN(v, x, 0) exp_lanes(&v); OUT(y, v) });
}

CLONES float vk_max(const float *x, long n) {
  f16 m = -__builtin_inff();
  EACH(n, { IN(v, x, -__builtin_inff()) m = v > m ? v : m; });
  float t[16];
  memcpy(t, &m, sizeof t);
  for (int i = 1; i < 16; i++) t[0] = t[i] > t[0] ? t[i] : t[0];
  return t[0];
}

CLONES float vk_sum(const float *x, long n) {
  f16 s = 0;
  EACH(n, { IN(v, x, 0) s += v; });
  return sum_lanes(&s);
}

CLONES void vk_block_sums(const float *x, float *sums, long n) {
  for (long i = 0; i < n; i++, x += 32) {
    const f16 s = LOAD(x) + LOAD(x + 16);
    sums[i] = sum_lanes(&s);
  }
}

CLONES float vk_dot(const float *x, const float *y, long n) {
#pragma clang fp contract(fast)
  f16 s = 0, u = 0;
  long i = 0;
  for (; i + 32 <= n; i += 32) {
    s = LOAD(x + i) * LOAD(y + i) + s;
    u = LOAD(x + i + 16) * LOAD(y + i + 16) + u;
  }
  s += u;
  for (; i < n; i += 16) {
    long tail = n - i < 16 ? n - i : 0;
    IN(a, x, 0)
    IN(b, y, 0)
    s = a * b + s;
  }
  return sum_lanes(&s);
}

CLONES float vk_squared_distance(const float *x, const float *y, long n) {
#pragma clang fp contract(fast)
  f16 s = 0;
  EACH(n, {
    IN(a, x, 0)
    IN(b, y, 0)
    a -= b;
    s = a * a + s;
  });
  return sum_lanes(&s);
}

CLONES void vk_add_scaled(float *y, const float *x, float a, long n) {
#pragma clang fp contract(fast)
  for (long i = 0; i < n; i++) y[i] += a * x[i];
}

CLONES void vk_scale(const float *x, float *y, float a, long n) {
  for (long i = 0; i < n; i++) y[i] = a * x[i];
}

CLONES void vk_multiply(const float *x, const float *y, float *z, long n) {
  for (long i = 0; i < n; i++) z[i] = x[i] * y[i];
}

CLONES float vk_rms_norm(const float *x, const float *w, float *y, long n, float epsilon) {
#pragma clang fp contract(fast)
  f16 s = 0;
  EACH(n, {
    IN(v, x, 0)
    s = v * v + s;
  });
  float r = 1.f / __builtin_sqrtf(sum_lanes(&s) / n + epsilon);
  EACH(n, {
    IN(v, x, 0)
    IN(g, w, 0)
    v = v * r * g;
    OUT(y, v)
  });
  return r;
}

INLINE void sigmoid_lanes(f16 *px) {
  f16 e = -*px;
  exp_lanes(&e);
  *px = 1.f / (1.f + e);
}

CLONES void vk_silu_multiply(const float *gate, const float *up, float *y, long n) {
  EACH(n, {
    IN(g, gate, 0)
    IN(u, up, 0)
    f16 s = g;
    sigmoid_lanes(&s);
    g = g * s * u;
    OUT(y, g)
  });
}

CLONES void vk_silu_multiply_backward(const float *gate, const float *up, const float *gradient,
                                      float *gate_gradient, float *up_gradient, long n) {
#pragma clang fp contract(fast)
  EACH(n, {
    IN(g, gate, 0)
    IN(u, up, 0)
    IN(d, gradient, 0)
    f16 s = g;
    sigmoid_lanes(&s);
    f16 silu = g * s;
    f16 du = d * silu;
    f16 dg = d * u * (s + silu * (1.f - s));
    OUT(gate_gradient, dg)
    OUT(up_gradient, du)
  });
}

// gelu(x) = x * sigmoid(2 * sqrt(2/pi) * (x + 0.044715 x^3)), equal to the tanh form.
#define GELU_SCALE 1.5957691216057308f
#define GELU_CUBIC 0.044715f

CLONES void vk_gelu_tanh(const float *x, float *y, long n) {
#pragma clang fp contract(fast)
  EACH(n, {
    IN(v, x, 0)
    f16 s = GELU_SCALE * (v + GELU_CUBIC * v * v * v);
    sigmoid_lanes(&s);
    v *= s;
    OUT(y, v)
  });
}

CLONES void vk_gelu_tanh_backward(const float *x, const float *gradient, float *y, long n) {
#pragma clang fp contract(fast)
  EACH(n, {
    IN(v, x, 0)
    IN(d, gradient, 0)
    f16 s = GELU_SCALE * (v + GELU_CUBIC * v * v * v);
    sigmoid_lanes(&s);
    f16 slope = GELU_SCALE * (1.f + 3.f * GELU_CUBIC * v * v);
    d *= s + v * s * (1.f - s) * slope;
    OUT(y, d)
  });
}

CLONES void vk_adamw(float *value, const float *gradient, float *first, float *second, long n,
                     float rate, float beta1, float beta2, float epsilon, float decay, float c1,
                     float c2) {
#pragma clang fp contract(fast)
  const float step = rate / c1, root = 1.f / __builtin_sqrtf(c2), keep = 1.f - rate * decay;
  EACH(n, {
    IN(p, value, 0)
    IN(g, gradient, 0)
    IN(m, first, 0)
    IN(v, second, 0)
    m = beta1 * m + (1.f - beta1) * g;
    v = beta2 * v + (1.f - beta2) * g * g;
    f16 denominator = __builtin_elementwise_sqrt(v) * root + epsilon;
    p = p * keep - step * m / denominator;
    OUT(value, p)
    OUT(first, m)
    OUT(second, v)
  });
}
