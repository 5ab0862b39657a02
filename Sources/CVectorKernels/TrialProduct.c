#include "TrialProduct.h"

enum { M = 37, N = 53, K = TRIAL_TERMS };

// Fixed numbers of all their bits, from -1/2 to 1/2.
static void fill(float *values, int count, unsigned state) {
  for (int i = 0; i < count; i++) {
    state = state * 1664525u + 1013904223u;
    values[i] = (float)(state >> 8) / 0x1p24f - .5f;
  }
}

int products_are_right(matrix_product *multiply, double bound) {
  float a[M * K], b[K * N], c[M * N];
  fill(a, M * K, 1);
  fill(b, K * N, 2);
  for (int form = 0; form < 4; form++) {
    const int left = form & 1, right = form >> 1;
    multiply(M, N, K, a, left ? M : K, left, b, right ? K : N, right, c, N);
    for (int i = 0; i < M; i++)
      for (int j = 0; j < N; j++) {
        double sum = 0, magnitude = 0;
        for (int k = 0; k < K; k++) {
          const double term = (double)(left ? a[k * M + i] : a[i * K + k]) *
                              (right ? b[j * K + k] : b[k * N + j]);
          sum += term;
          magnitude += term < 0 ? -term : term;
        }
        // Written so that a NaN is wrong too.
        const double error = c[i * N + j] - sum;
        if (!(error <= bound * magnitude && -error <= bound * magnitude)) return 0;
      }
  }
  return 1;
}
