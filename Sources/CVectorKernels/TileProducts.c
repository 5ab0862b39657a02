#include "TileProducts.h"
#include "TrialProduct.h"
#include "Blocks.h"

#if defined(__x86_64__) && defined(__linux__)

#include <cpuid.h>
#include <immintrin.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TILES __attribute__((target("amx-tile,amx-bf16,avx512f,avx512bw")))
#define TILES_INLINE TILES static inline __attribute__((always_inline))

enum {
  LINES = 16,                     // rows of the left side, or columns of the right, a tile holds
  DEPTH = 32,                     // terms of a sum a tile holds
  PARTS = 3,                      // bfloat16s of a float
  TILE = LINES * DEPTH,           // numbers of a tile
  STEP = PARTS * TILE,            // numbers of 16 lines and 32 terms
  BLOCK = 2 * LINES,              // rows and columns of the result that are summed at a time
  MAXIMUM_STEPS = 12,             // of a block of terms: what stays in the second-level cache
};

typedef unsigned short bfloat16;

// What is packed: for every group of 16 lines, for every 32 terms, three tiles, the parts. A tile
// of the left side is [line][pair], of the right [pair][line]; pair i holds terms i and i + 16, so
// that both come from whole vectors.

// To the nearest bfloat16, ties away from 0. Not a number stays so in the part after the last one
// that is rounded, which is cut.
TILES_INLINE __m512i rounded(__m512 x) {
  return _mm512_and_si512(_mm512_add_epi32(_mm512_castps_si512(x), _mm512_set1_epi32(0x8000)),
                          _mm512_set1_epi32((int)0xffff0000));
}

// Exact: the part is within a factor of two of the number, or its leading bits.
TILES_INLINE __m512 remainder_of(__m512 x, __m512i part) {
  return _mm512_sub_ps(x, _mm512_castsi512_ps(part));
}

TILES_INLINE __m512i paired(__m512i first, __m512i second) {
  return _mm512_or_si512(
      _mm512_srli_epi32(first, 16),
      _mm512_and_si512(second, _mm512_set1_epi32((int)0xffff0000)));
}

TILES_INLINE void split(__m512 first, __m512 second, __m512i parts[PARTS]) {
  for (int part = 0; part < PARTS - 1; part++) {
    const __m512i x = rounded(first), y = rounded(second);
    parts[part] = paired(x, y);
    first = remainder_of(first, x), second = remainder_of(second, y);
  }
  parts[PARTS - 1] = paired(_mm512_castps_si512(first), _mm512_castps_si512(second));
}

// 16 x 16 numbers of 32 bits, here and back.
TILES_INLINE void transpose(__m512i rows[LINES]) {
  __m512i t[LINES];
  for (int i = 0; i < LINES; i += 2) {
    t[i] = _mm512_unpacklo_epi32(rows[i], rows[i + 1]);
    t[i + 1] = _mm512_unpackhi_epi32(rows[i], rows[i + 1]);
  }
  for (int i = 0; i < LINES; i += 4) {
    rows[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
    rows[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
    rows[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
    rows[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
  }
  for (int i = 0; i < LINES; i += 8)
    for (int j = i; j < i + 4; j++) {
      t[j] = _mm512_shuffle_i32x4(rows[j], rows[j + 4], 0x88);
      t[j + 4] = _mm512_shuffle_i32x4(rows[j], rows[j + 4], 0xdd);
    }
  for (int i = 0; i < 8; i++) {
    rows[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
    rows[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
  }
}

TILES_INLINE __mmask16 first_of(long count) {
  return count >= 16 ? 0xffff : count <= 0 ? 0 : (__mmask16)((1u << count) - 1);
}

struct matrix {
  const float *elements;
  long stride;
  bool lines_are_rows; // else the terms run from row to row
};

// Packs up to 16 lines of `terms` terms from the matrix's first; what is missing is 0.
// Returns how many parts are not all 0, at least 1.
TILES_INLINE int pack_group(struct matrix x, long lines, long terms, bool pairs_first,
                            bfloat16 *packed) {
  __m512i seen[PARTS];
  for (int part = 0; part < PARTS; part++) seen[part] = _mm512_setzero_si512();
  for (long start = 0; start < terms; start += DEPTH, packed += STEP) {
    const long left = terms - start;
    __m512i *tiles = (__m512i *)packed;
    for (long i = 0; i < LINES; i++) {
      __m512i parts[PARTS];
      if (x.lines_are_rows) {
        const float *terms_of_line = x.elements + i * x.stride + start;
        const bool is_there = i < lines;
        split(_mm512_maskz_loadu_ps(is_there ? first_of(left) : 0, terms_of_line),
              _mm512_maskz_loadu_ps(is_there ? first_of(left - 16) : 0, terms_of_line + 16), parts);
      } else {
        const float *lines_of_term = x.elements + (start + i) * x.stride;
        split(_mm512_maskz_loadu_ps(i < left ? first_of(lines) : 0, lines_of_term),
              _mm512_maskz_loadu_ps(i + 16 < left ? first_of(lines) : 0,
                                    lines_of_term + 16 * x.stride),
              parts);
      }
      for (int part = 0; part < PARTS; part++) {
        seen[part] = _mm512_or_si512(seen[part], parts[part]);
        _mm512_store_si512(tiles + part * LINES + i, parts[part]);
      }
    }
    if (x.lines_are_rows == pairs_first)
      for (int part = 0; part < PARTS; part++) {
        __m512i rows[LINES];
        for (int i = 0; i < LINES; i++) rows[i] = _mm512_load_si512(tiles + part * LINES + i);
        transpose(rows);
        for (int i = 0; i < LINES; i++) _mm512_store_si512(tiles + part * LINES + i, rows[i]);
      }
  }
  int count = PARTS;
  // Without their signs: -0 is nothing too.
  while (count > 1 && !_mm512_test_epi32_mask(seen[count - 1], _mm512_set1_epi32(0x7fff7fff)))
    count--;
  return count;
}

static struct matrix from(struct matrix x, long line, long term) {
  x.elements += x.lines_are_rows ? line * x.stride + term : term * x.stride + line;
  return x;
}

static long smaller(long a, long b) { return a < b ? a : b; }

// The side is a constant of each call, which a group's inner loops are made for.
TILES_INLINE int pack(struct matrix x, long lines, long terms, bool is_right, bfloat16 *packed,
                      long group_stride) {
  int parts = 1;
  // Whole blocks: the last group may be empty.
  for (long line = 0; line < (lines + BLOCK - 1) / BLOCK * BLOCK; line += LINES) {
    const int found = pack_group(from(x, line, 0), lines - line, terms, is_right,
                                 packed + line / LINES * group_stride);
    if (found > parts) parts = found;
  }
  return parts;
}

TILES int pack_tiles(const float *x, long stride, int lines_are_rows, long lines, long terms,
                     int is_right, bfloat16 *packed, long group_stride) {
  const struct matrix matrix = {x, stride, lines_are_rows};
  return is_right ? pack(matrix, lines, terms, true, packed, group_stride)
                  : pack(matrix, lines, terms, false, packed, group_stride);
}

long packed_tile_steps(long terms) { return (terms + DEPTH - 1) / DEPTH; }

// Small integers of 16 lines, a tile a step, and what they are times: 16 factors a step.
#define PACK_BLOCKS(type, block_bytes, pieces)                                                     \
  TILES PACK_TILE_BLOCKS(type) {                                                                   \
    const long steps = terms / DEPTH;                                                              \
    for (long line = 0; line < (lines + BLOCK - 1) / BLOCK * BLOCK; line += LINES)                 \
      for (long step = 0; step < steps; step++) {                                                  \
        bfloat16 *tile = packed + line / LINES * steps * TILE + step * TILE;                       \
        float *of_lines = factors + line * steps + step * LINES;                                   \
        __m512i pairs[LINES];                                                                      \
        for (long i = 0; i < LINES; i++) {                                                         \
          pairs[i] = _mm512_setzero_si512(), of_lines[i] = 0;                                      \
          if (line + i >= lines) continue;                                                         \
          const uint8_t *row =                                                                     \
              (const uint8_t *)rows + row_bytes * (order ? order[line + i] : line + i);            \
          struct quanta block;                                                                     \
          quanta_##type(row + step / (pieces) * (block_bytes), step % (pieces), &block);           \
          pairs[i] = paired(*(__m512i *)&block.q[0], *(__m512i *)&block.q[1]);                     \
          of_lines[i] = block.scale;                                                               \
        }                                                                                          \
        transpose(pairs);                                                                          \
        for (int i = 0; i < LINES; i++) _mm512_store_si512((__m512i *)tile + i, pairs[i]);         \
      }                                                                                            \
  }

FACTORED_TYPES(PACK_BLOCKS)

// Two groups of 16 rows by two of 16 columns: tiles 0 to 3 hold the sums, 4 and 5 a part of the
// left side, 6 and 7 one of the right.
#define LOAD_LEFT(part)                                                                          \
  _tile_loadd(4, left + (part) * TILE, 64), _tile_loadd(5, left + left_group + (part) * TILE, 64)
#define LOAD_RIGHT(part)                                                                          \
  _tile_loadd(6, right + (part) * TILE, 64), _tile_loadd(7, right + right_group + (part) * TILE, 64)
#define ADD_PRODUCTS                                                                             \
  _tile_dpbf16ps(0, 4, 6), _tile_dpbf16ps(1, 4, 7), _tile_dpbf16ps(2, 5, 6), _tile_dpbf16ps(3, 5, 7)

// The six products of parts in one order, the small ones first, each with one new part loaded. What a
// missing part would add is 0, so that an element has the same bits with and without it: whether it
// is missing depends on the other lines too.
TILES_INLINE void add_steps(const bfloat16 *left, long left_group, int left_parts,
                            const bfloat16 *right, long right_group, int right_parts,
                            long steps) {
  for (long step = 0; step < steps; step++, left += STEP, right += STEP) {
    LOAD_RIGHT(0);
    if (left_parts > 2) LOAD_LEFT(2), ADD_PRODUCTS;
    if (left_parts > 1) LOAD_LEFT(1), ADD_PRODUCTS;
    if (right_parts > 1) {
      LOAD_RIGHT(1);
      if (left_parts > 1) ADD_PRODUCTS;
    }
    LOAD_LEFT(0);
    if (right_parts > 1) ADD_PRODUCTS;
    if (right_parts > 2) LOAD_RIGHT(2), ADD_PRODUCTS;
    if (right_parts > 1) LOAD_RIGHT(0);
    ADD_PRODUCTS;
  }
}

// A loop without conditions for every number of parts.
TILES_INLINE void add_block(const bfloat16 *left, long left_group, int left_parts,
                            const bfloat16 *right, long right_group, int right_parts,
                            long steps) {
#define ADD_STEPS(l, r)                                                                          \
  if (left_parts == l && right_parts == r)                                                        \
  add_steps(left, left_group, l, right, right_group, r, steps)
  ADD_STEPS(1, 1);
  else ADD_STEPS(1, 2);
  else ADD_STEPS(1, 3);
  else ADD_STEPS(2, 1);
  else ADD_STEPS(2, 2);
  else ADD_STEPS(2, 3);
  else ADD_STEPS(3, 1);
  else ADD_STEPS(3, 2);
  else ADD_STEPS(3, 3);
#undef ADD_STEPS
}

// Of a right side in blocks that have a factor each: a step's sums, of exact products, are multiplied
// by their columns' factors and added. While tiles sum a step, vectors add the one before.
TILES_INLINE void sum_step(const bfloat16 *left, long left_group, int left_parts,
                           const bfloat16 *right, long right_group) {
  _tile_zero(0), _tile_zero(1), _tile_zero(2), _tile_zero(3);
  LOAD_RIGHT(0);
  if (left_parts > 2) LOAD_LEFT(2), ADD_PRODUCTS;
  if (left_parts > 1) LOAD_LEFT(1), ADD_PRODUCTS;
  LOAD_LEFT(0);
  ADD_PRODUCTS;
}

#define FOR_ALL_SUMS(operation, base, stride)                                                    \
  operation(0, base, (stride) * 4), operation(1, (base) + LINES, (stride) * 4),                   \
      operation(2, (base) + LINES * (stride), (stride) * 4),                                      \
      operation(3, (base) + LINES * (stride) + LINES, (stride) * 4)

// A block that is not whole, or that is scaled, is summed here.
struct sums {
  _Alignas(64) float values[BLOCK * BLOCK];
};

static void copy(long rows, long columns, const float *from, long from_stride, float *to,
                 long to_stride) {
  for (long row = 0; row < rows; row++)
    memcpy(to + row * to_stride, from + row * from_stride, columns * sizeof *to);
}

static void clear(float *sums, long stride) {
  for (long row = 0; row < BLOCK; row++) memset(sums + row * stride, 0, BLOCK * sizeof *sums);
}

static void scale(long rows, long columns, float alpha, const float *sums, float beta, float *c,
                  long stride) {
  for (long row = 0; row < rows; row++)
    for (long column = 0; column < columns; column++) {
      float *element = c + row * stride + column;
      *element = alpha * sums[row * BLOCK + column] + (beta == 0 ? 0 : beta * *element);
    }
}

struct tile_configuration {
  uint8_t palette, start_row, reserved[14];
  uint16_t bytes_a_row[16];
  uint8_t rows[16];
};

TILES_INLINE void configure(void) {
  struct tile_configuration configuration = {.palette = 1};
  for (int tile = 0; tile < 8; tile++)
    configuration.bytes_a_row[tile] = 64, configuration.rows[tile] = LINES;
  _tile_loadconfig(&configuration);
}

TILES_INLINE void add_factored_steps(const bfloat16 *left, long left_group, int left_parts,
                                     const bfloat16 *right, long right_group, const float *factors,
                                     long factor_group, long steps, float *sums, long stride) {
  struct sums step_sums[2];
  for (long step = 0; step <= steps; step++) {
    if (step < steps)
      sum_step(left + step * STEP, left_group, left_parts, right + step * TILE, right_group);
    if (step > 0) {
      const float *values = step_sums[(step - 1) % 2].values;
      const __m512 first = _mm512_loadu_ps(factors + (step - 1) * LINES),
                   second = _mm512_loadu_ps(factors + factor_group + (step - 1) * LINES);
      for (int row = 0; row < BLOCK; row++, values += BLOCK) {
        float *sum = sums + row * stride;
        _mm512_storeu_ps(sum, _mm512_fmadd_ps(first, _mm512_load_ps(values), _mm512_loadu_ps(sum)));
        sum += LINES;
        _mm512_storeu_ps(
            sum, _mm512_fmadd_ps(second, _mm512_load_ps(values + LINES), _mm512_loadu_ps(sum)));
      }
    }
    if (step < steps) FOR_ALL_SUMS(_tile_stored, step_sums[step % 2].values, BLOCK);
  }
}

TILES_INLINE void add_factored_block(const bfloat16 *left, long left_group, int left_parts,
                                     const bfloat16 *right, long right_group, const float *factors,
                                     long factor_group, long steps, float *sums, long stride) {
#define ADD_STEPS(parts)                                                                           \
  add_factored_steps(left, left_group, parts, right, right_group, factors, factor_group, steps,    \
                     sums, stride)
  if (left_parts == 1) ADD_STEPS(1);
  else if (left_parts == 2) ADD_STEPS(2);
  else ADD_STEPS(3);
#undef ADD_STEPS
}

// A block of terms over all rows and columns. Whole or not, a sum goes on from what is there, so
// that its bits are the same.
TILES_INLINE void add_terms(long m, long n, long steps, float alpha, struct packed_tiles a,
                            struct packed_tiles b, float beta, float *c, long stride) {
  struct sums aside = {0};
  const bool goes_on = alpha == 1 && (beta == 0 || beta == 1);
  const bool starts_at_0 = !(goes_on && beta == 1);
  for (long row = 0; row < m; row += BLOCK)
    for (long column = 0; column < n; column += BLOCK) {
      const long rows = smaller(BLOCK, m - row), columns = smaller(BLOCK, n - column);
      const long left_group = row / LINES, right_group = column / LINES;
      const bfloat16 *left = a.numbers + left_group * a.group_stride;
      const bfloat16 *right = b.numbers + right_group * b.group_stride;
      float *block = c + row * stride + column;
      const bool is_in_place = goes_on && rows == BLOCK && columns == BLOCK;
      float *sums = is_in_place ? block : aside.values;
      const long sums_stride = is_in_place ? stride : BLOCK;
      if (!starts_at_0 && !is_in_place) copy(rows, columns, block, stride, sums, BLOCK);
      if (b.factors) {
        const long factor_group = b.group_stride / DEPTH;
        if (starts_at_0) clear(sums, sums_stride);
        add_factored_block(left, a.group_stride, a.parts, right, b.group_stride,
                           b.factors + right_group * factor_group, factor_group, steps, sums,
                           sums_stride);
      } else {
        if (starts_at_0) _tile_zero(0), _tile_zero(1), _tile_zero(2), _tile_zero(3);
        else FOR_ALL_SUMS(_tile_loadd, sums, sums_stride);
        add_block(left, a.group_stride, a.parts, right, b.group_stride, b.parts, steps);
        FOR_ALL_SUMS(_tile_stored, sums, sums_stride);
      }
      if (is_in_place) continue;
      if (goes_on) copy(rows, columns, sums, BLOCK, block, stride);
      else scale(rows, columns, alpha, sums, beta, block, stride);
    }
}

TILES void multiply_packed_tiles(long m, long n, long k, float alpha, struct packed_tiles a,
                                 struct packed_tiles b, float beta, float *c, long c_stride) {
  const long steps = packed_tile_steps(k), blocks = (steps + MAXIMUM_STEPS - 1) / MAXIMUM_STEPS;
  const long depth = (steps + blocks - 1) / blocks;
  configure();
  for (long step = 0; step < steps; step += depth) {
    add_terms(m, n, smaller(depth, steps - step), alpha, a, b, step ? 1 : beta, c, c_stride);
    a.numbers += depth * STEP, b.numbers += depth * (b.factors ? TILE : STEP);
    if (b.factors) b.factors += depth * LINES;
  }
  _tile_release();
}

// Leaf 7: AMX-BF16 and AMX-TILE; leaf 1: that the system saves extended states; register 0: that
// tiles are among them, and AVX-512's vectors.
static bool processor_has_tiles(void) {
  unsigned a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & 1u << 27)) return false;
  unsigned low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  const unsigned states = 3u << 17 | 7u << 5 | 3u << 1;
  if ((low & states) != states || !__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  return (d & 1u << 22) && (d & 1u << 24) && (b & 1u << 16) && (b & 1u << 30);
}

// Linux gives a process its tiles when it asks for them: arch_prctl(ARCH_REQ_XCOMP_PERM, XTILEDATA).
static bool system_grants_tiles(void) { return syscall(SYS_arch_prctl, 0x1023, 18) == 0; }

static void multiply(long m, long n, long k, const float *a, long a_stride, int a_transposed,
                     const float *b, long b_stride, int b_transposed, float *c, long c_stride) {
  // Of a trial's size.
  static bfloat16 packed[2][4 * 3 * STEP] __attribute__((aligned(64)));
  const long group = packed_tile_steps(k) * STEP;
  const struct packed_tiles sides[2] = {
      {packed[0], group, pack_tiles(a, a_stride, !a_transposed, m, k, 0, packed[0], group), NULL},
      {packed[1], group, pack_tiles(b, b_stride, b_transposed, n, k, 1, packed[1], group), NULL}};
  multiply_packed_tiles(m, n, k, 1, sides[0], sides[1], 0, c, c_stride);
}

static int is_available;

static void find_out(void) {
  // 2^-23 of every term for the parts that are left out, and nine roundings of the sum.
  is_available =
      processor_has_tiles() && system_grants_tiles() && products_are_right(multiply, 10 * 0x1p-23);
}

int tile_products_are_available(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, find_out);
  return is_available;
}

#else

#include <stdlib.h>

int tile_products_are_available(void) { return 0; }

// Mistakes of a caller that has not asked.
int pack_tiles(const float *x, long stride, int lines_are_rows, long lines, long terms,
               int is_right, unsigned short *packed, long group_stride) {
  abort();
}

#define CANNOT_PACK(type, block_bytes, pieces) PACK_TILE_BLOCKS(type) { abort(); }
FACTORED_TYPES(CANNOT_PACK)

long packed_tile_steps(long terms) { abort(); }

void multiply_packed_tiles(long m, long n, long k, float alpha, struct packed_tiles a,
                           struct packed_tiles b, float beta, float *c, long c_stride) {
  abort();
}

#endif
