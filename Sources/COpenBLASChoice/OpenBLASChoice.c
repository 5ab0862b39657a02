#include "OpenBLASChoice.h"

#include <TrialProduct.h>
#include <cblas.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#if defined(__linux__) && defined(__GLIBC__)
#include <sys/auxv.h>
#include <sys/resource.h>
#include <unistd.h>
#endif

// What kernels are compiled for. GFLOP/s of one thread, [1024, 576] times [576, 1536], on a Xeon of
// model 207, which OpenBLAS 0.3.21 takes for a Prescott: Prescott 32, Nehalem 24, Sandybridge 58,
// Haswell and Zen 82, SkylakeX and Cooperlake 150. So nothing below AVX is worth a change, and
// Cooperlake, whose products of Floats are SkylakeX's bit by bit, need not be asked for: releases
// before 0.3.10 do not have it.
enum level { BASE, AVX, AVX2, AVX512, UNKNOWN };

struct core {
  const char *name;
  enum level level;
};

// All that the library may name. One that is not here is newer than this list: its choice stands.
static const struct core CORES[] = {
    {"Katmai", BASE},     {"Coppermine", BASE}, {"Northwood", BASE},    {"Prescott", BASE},
    {"Banias", BASE},     {"Atom", BASE},       {"Core2", BASE},        {"Penryn", BASE},
    {"Dunnington", BASE}, {"Nehalem", BASE},    {"Athlon", BASE},       {"Opteron", BASE},
    {"Barcelona", BASE},  {"Bobcat", BASE},     {"Opteron_SSE3", BASE}, {"Nano", BASE},
    {"Sandybridge", AVX}, {"Bulldozer", AVX},   {"Piledriver", AVX},    {"Steamroller", AVX},
    {"Haswell", AVX2},    {"Zen", AVX2},        {"Excavator", AVX2},    {"SkylakeX", AVX512},
    {"Cooperlake", AVX512}, {"SapphireRapids", AVX512},
};

static enum level level_of(const char *core) {
  for (size_t i = 0; i < sizeof CORES / sizeof *CORES; i++)
    if (strcasecmp(CORES[i].name, core) == 0) return CORES[i].level;
  return UNKNOWN;
}

// Whether the line, up to its end or the text's, has the word between blanks.
static bool has_word(const char *line, const char *word) {
  size_t length = strlen(word), end = strcspn(line, "\n");
  for (size_t at = 0; at < end;) {
    at += strspn(line + at, " \t:");
    size_t found = strcspn(line + at, " \t:\n");
    if (found == length && strncmp(line + at, word, length) == 0) return true;
    at += found;
  }
  return false;
}

// The line of flags, which the kernel has freed of what the system does not support.
static const char *flags_line(const char *text) {
  while (text && strncmp(text, "flags", 5) != 0) {
    text = strchr(text, '\n');
    if (text) text++;
  }
  return text;
}

const char *openblas_better_core(const char *core, const char *requested, const char *avoided,
                                 const char *processor_text) {
  if (requested && *requested) return NULL;
  enum level level = level_of(core);
  const char *flags = flags_line(processor_text);
  if (!flags) return NULL;
  // From the fastest down: the first that is right here and whose instructions are all there.
  static const struct {
    struct core core;
    const char *needs[4];
  } better[] = {
      {{"SkylakeX", AVX512}, {"avx512f", "avx512dq", "avx512bw", "avx512vl"}},
      {{"Haswell", AVX2}, {"avx2", "fma"}},
      {{"Sandybridge", AVX}, {"avx"}},
  };
  for (size_t i = 0; i < sizeof better / sizeof *better; i++) {
    const struct core candidate = better[i].core;
    if (level >= candidate.level || (avoided && has_word(avoided, candidate.name))) continue;
    bool is_there = true;
    for (int need = 0; need < 4 && better[i].needs[need]; need++)
      is_there = is_there && has_word(flags, better[i].needs[need]);
    if (is_there) return candidate.name;
  }
  return NULL;
}

// What a started-over program finds of the one before it: "SkylakeX Prescott", what was chosen and
// what for. A process that was started by it inherits both, and may ask for other kernels.
#define REPLACED "LINEARIZE_OPENBLAS_REPLACED"
#define WRONG "LINEARIZE_OPENBLAS_WRONG"

const char *openblas_replaced_core(void) {
  const char *requested = getenv("OPENBLAS_CORETYPE"), *replaced = getenv(REPLACED);
  if (!requested || !*requested || !replaced) return NULL;
  const size_t length = strlen(requested);
  return strncmp(replaced, requested, length) == 0 && replaced[length] == ' ' ? replaced + length + 1
                                                                               : NULL;
}

const char *openblas_wrong_cores(void) { return getenv(WRONG); }

static void multiply(long m, long n, long k, const float *a, long a_stride, int a_transposed,
                     const float *b, long b_stride, int b_transposed, float *c, long c_stride) {
  cblas_sgemm(CblasRowMajor, a_transposed ? CblasTrans : CblasNoTrans,
              b_transposed ? CblasTrans : CblasNoTrans, m, n, k, 1, a, a_stride, b, b_stride, 0, c,
              c_stride);
}

// A rounding a term at most, whatever the order.
int openblas_products_are_right(void) {
  return products_are_right(multiply, TRIAL_TERMS * 0x1p-23);
}

#if defined(__linux__) && defined(__GLIBC__)

// MiB. Below 270 it hangs, and at 270 the buffers of its second product are missing.
enum { LEAST = 384, EXIT_SOFTWARE = 70 };

static void append(char *text, const char *words) { strcat(text, words); }

static void append_number(char *text, unsigned long number) {
  char digits[24];
  size_t at = sizeof digits - 1;
  digits[at] = '\0';
  do digits[--at] = (char)('0' + number % 10);
  while (number /= 10);
  append(text, digits + at);
}

// Ends a process that has too little address space, with a word: OpenBLAS maps its buffers when it is
// loaded and, where it gets none, asks for them for ever, deaf to signals.
static void require_address_space(void) {
  struct rlimit limit;
  if (getrlimit(RLIMIT_AS, &limit) != 0 || limit.rlim_cur >= (rlim_t)LEAST << 20) return;
  char text[256] = "error: the address space of this process is limited to ";
  append_number(text, (unsigned long)(limit.rlim_cur >> 20));
  append(text, " MiB (ulimit -v), expected at least ");
  append_number(text, LEAST);
  append(text, " MiB and the size of the model\n");
  if (write(STDERR_FILENO, text, strlen(text)) < 0) _exit(EXIT_SOFTWARE);
  _exit(EXIT_SOFTWARE);
}

// Before the libraries are initialised, where a constructor would come too late. Standard input and
// output are not set up yet; system calls are all there is.
__attribute__((section(".preinit_array"), used)) static void (*const first)(void) =
    require_address_space;

// The first processor's lines; processors of one machine do not differ in these flags.
static bool read_processor(char *text, size_t capacity) {
  FILE *file = fopen("/proc/cpuinfo", "re");
  if (!file) return false;
  size_t count = fread(text, 1, capacity - 1, file);
  fclose(file);
  text[count] = '\0';
  return count > 0;
}

// Where the program cannot be started over it goes on as it is: slower, not wrong.
static void start_over(char **arguments) {
  // By its path, so that the process keeps its name.
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length > 0) {
    path[length] = '\0';
    execv(path, arguments);
  }
  execv("/proc/self/exe", arguments);
}

// Takes `better` in place of `core`. Returns where that is not possible.
static void start_over_with(const char *better, const char *core, char **arguments) {
  char replaced[64];
  snprintf(replaced, sizeof replaced, "%s %s", better, core);
  if (setenv("OPENBLAS_CORETYPE", better, 1) == 0 && setenv(REPLACED, replaced, 1) == 0)
    start_over(arguments);
  unsetenv("OPENBLAS_CORETYPE");
  unsetenv(REPLACED);
}

// Starts the program over, in the same process and with the same arguments, where OpenBLAS has
// chosen too slow kernels. Runs before main, after OpenBLAS was loaded, with whatever program this
// is linked into; the tests' too. With the variable set it happens once, and once more for kernels
// that were chosen here and compute wrongly: the next best, or the library's own choice.
__attribute__((constructor)) static void restart_with_better_core(int count, char **arguments) {
  static char text[16384];
  // Without an interpreter of its own the program is an argument of the dynamic loader, which is
  // what would be started.
  if (count == 0 || getauxval(AT_BASE) == 0 || !read_processor(text, sizeof text)) return;
  const char *requested = getenv("OPENBLAS_CORETYPE"), *core = openblas_replaced_core();
  if (core) {
    // The library's own kernels are the last resort: nothing is left to start over with.
    if (strcmp(core, requested) == 0 || openblas_products_are_right()) return;
    const char *before = getenv(WRONG);
    char wrong[128], own[32];
    snprintf(wrong, sizeof wrong, "%s%s%s", before ? before : "", before ? " " : "", requested);
    snprintf(own, sizeof own, "%s", core);
    if (setenv(WRONG, wrong, 1) != 0) return;
    const char *next = openblas_better_core(own, NULL, wrong, text);
    start_over_with(next ? next : own, own, arguments);
    return;
  }
  const char *better =
      openblas_better_core(openblas_get_corename(), requested, getenv(WRONG), text);
  if (better) start_over_with(better, openblas_get_corename(), arguments);
}

#endif
