#include "DeltaRule.h"
#include "Vectors.h"

enum { LANES = 16, LONGEST = 16 };

typedef float f4 __attribute__((ext_vector_type(4)));
typedef float f8 __attribute__((ext_vector_type(8)));

// Vectors go by pointer: by value they would change the calling convention between the clones.
INLINE void load(f16 *v, const float *p, long n) {
  if (n >= LANES) {
    *v = LOAD(p);
  } else {
    float t[LANES] = {0};
    memcpy(t, p, n * sizeof(float));
    memcpy(v, t, sizeof t);
  }
}

INLINE void add(float *p, const f16 *v, long n) {
  f16 sum;
  load(&sum, p, n);
  sum += *v;
  if (n >= LANES)
    STORE(p, sum);
  else
    memcpy(p, &sum, n * sizeof(float));
}

// The sums of four vectors at once: a quarter of the shuffles of one after another.
INLINE void sum_four(float *sums, const f16 *v) {
  f4 q[4];
  for (int i = 0; i < 4; i++) {
    f8 half = v[i].lo + v[i].hi;
    q[i] = half.lo + half.hi;
  }
  f4 a = __builtin_shufflevector(q[0], q[1], 0, 4, 2, 6) +
         __builtin_shufflevector(q[0], q[1], 1, 5, 3, 7);
  f4 b = __builtin_shufflevector(q[2], q[3], 0, 4, 2, 6) +
         __builtin_shufflevector(q[2], q[3], 1, 5, 3, 7);
  f4 sum = __builtin_shufflevector(a, b, 0, 1, 4, 5) + __builtin_shufflevector(a, b, 2, 3, 6, 7);
  memcpy(sums, &sum, sizeof sum);
}

CLONES void vk_delta_rule_products(const float *queries, long query_stride, const float *removals,
                                   long removal_stride, const float *writes, long write_stride,
                                   const float *keys, long key_stride, const float *decays,
                                   float *products, float *scratch, long n, long dim) {
#pragma clang fp contract(fast)
  float *write = scratch, *key = scratch + dim;
  for (long s = 0; s < n; s++) {
    memcpy(write, writes + s * write_stride, dim * sizeof(float));
    memcpy(key, keys + s * key_stride, dim * sizeof(float));
    for (long t = s; t < n; t++) {
      // The last token has no removal after it: its own stands in and is not stored.
      const long next = t + 1 < n ? t + 1 : t;
      const float *r = queries + t * query_stride, *z = removals + next * removal_stride;
      const float *w = decays + t * dim;
      f16 sums[4] = {0, 0, 0, 0};
      long i = 0;
      for (; i + LANES <= dim; i += LANES) {
        f16 x = LOAD(write + i), y = LOAD(key + i);
        if (t > s) {
          const f16 decay = LOAD(w + i);
          x *= decay;
          y *= decay;
          STORE(write + i, x);
          STORE(key + i, y);
        }
        sums[0] += LOAD(z + i) * x;
        sums[1] += LOAD(z + i) * y;
        sums[2] += LOAD(r + i) * x;
        sums[3] += LOAD(r + i) * y;
      }
      float total[4];
      sum_four(total, sums);
      for (; i < dim; i++) {
        if (t > s) {
          write[i] *= w[i];
          key[i] *= w[i];
        }
        total[0] += z[i] * write[i];
        total[1] += z[i] * key[i];
        total[2] += r[i] * write[i];
        total[3] += r[i] * key[i];
      }
      float *line = products + (n + t) * 2 * n + s;
      line[0] = total[2];
      line[n] = total[3];
      if (next > t) {
        line = products + next * 2 * n + s;
        line[0] = total[0];
        line[n] = total[1];
      }
    }
  }
}

CLONES void vk_delta_rule_product_gradients(
    const float *queries, long query_stride, const float *removals, long removal_stride,
    const float *writes, long write_stride, const float *keys, long key_stride,
    const float *decays, const float *product_gradients, float *query_gradients,
    float *removal_gradients, float *write_gradients, float *key_gradients, float *decay_gradients,
    long gradient_stride, long n, long dim) {
#pragma clang fp contract(fast)
  for (long i = 0; i < dim; i += LANES) {
    const long tail = dim - i;
    // Row t of z and dz is the removal of token t + 1; the last is nobody's.
    f16 w[LONGEST], r[LONGEST], z[LONGEST], dw[LONGEST], dr[LONGEST], dz[LONGEST], terms[LONGEST];
    for (long t = 0; t < n; t++) {
      load(&w[t], decays + t * dim + i, tail);
      load(&r[t], queries + t * query_stride + i, tail);
      z[t] = 0;
      if (t + 1 < n) load(&z[t], removals + (t + 1) * removal_stride + i, tail);
      dw[t] = dr[t] = dz[t] = 0;
    }
    for (long s = 0; s < n; s++) {
      f16 write, key, ratio = 1, of_write = 0, of_key = 0;
      load(&write, writes + s * write_stride + i, tail);
      load(&key, keys + s * key_stride + i, tail);
      for (long t = s; t < n; t++) {
        if (t > s) ratio *= w[t];
        const float *query = product_gradients + (n + t) * 2 * n + s;
        const float *removal = product_gradients + (t + 1) * 2 * n + s;
        const f16 a = ratio * (query[0] * write + query[n] * key);
        dr[t] += a;
        terms[t] = a * r[t];
        f16 b = query[0] * r[t], c = query[n] * r[t];
        if (t + 1 < n) {
          const f16 e = ratio * (removal[0] * write + removal[n] * key);
          dz[t] += e;
          terms[t] += e * z[t];
          b += removal[0] * z[t];
          c += removal[n] * z[t];
        }
        of_write += ratio * b;
        of_key += ratio * c;
      }
      add(write_gradients + s * gradient_stride + i, &of_write, tail);
      add(key_gradients + s * gradient_stride + i, &of_key, tail);
      // A pair's term is the gradient of every log decay between its tokens.
      f16 sum = 0;
      for (long t = n - 1; t > s; t--) {
        sum += terms[t];
        dw[t] += sum;
      }
    }
    for (long t = 0; t < n; t++) {
      add(query_gradients + t * gradient_stride + i, &dr[t], tail);
      add(decay_gradients + t * gradient_stride + i, &dw[t], tail);
      if (t + 1 < n) add(removal_gradients + (t + 1) * gradient_stride + i, &dz[t], tail);
    }
  }
}
