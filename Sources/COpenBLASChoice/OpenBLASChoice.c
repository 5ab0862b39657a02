#include "OpenBLASChoice.h"

#include <cblas.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#if defined(__linux__) && defined(__GLIBC__)
#include <sys/auxv.h>
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

const char *openblas_better_core(const char *core, const char *requested,
                                 const char *processor_text) {
  if (requested && *requested) return NULL;
  enum level level = level_of(core);
  const char *flags = flags_line(processor_text);
  if (!flags) return NULL;
  // From the fastest down: the first whose instructions are all there.
  if (level < AVX512 && has_word(flags, "avx512f") && has_word(flags, "avx512dq") &&
      has_word(flags, "avx512bw") && has_word(flags, "avx512vl"))
    return "SkylakeX";
  if (level < AVX2 && has_word(flags, "avx2") && has_word(flags, "fma")) return "Haswell";
  if (level < AVX && has_word(flags, "avx")) return "Sandybridge";
  return NULL;
}

#if defined(__linux__) && defined(__GLIBC__)

// The first processor's lines; processors of one machine do not differ in these flags.
static bool read_processor(char *text, size_t capacity) {
  FILE *file = fopen("/proc/cpuinfo", "re");
  if (!file) return false;
  size_t count = fread(text, 1, capacity - 1, file);
  fclose(file);
  text[count] = '\0';
  return count > 0;
}

// Starts the program over, in the same process and with the same arguments, where OpenBLAS has
// chosen too slow kernels. Runs before main, after OpenBLAS was loaded, with whatever program this
// is linked into; the tests' too. The variable is set then, so it happens once at most. Where the
// program cannot be started over it goes on as it is: slower, not wrong.
__attribute__((constructor)) static void restart_with_better_core(int count, char **arguments) {
  const char *requested = getenv("OPENBLAS_CORETYPE");
  static char text[16384];
  if ((requested && *requested) || !read_processor(text, sizeof text)) return;
  const char *better = openblas_better_core(openblas_get_corename(), requested, text);
  // Without an interpreter of its own the program is an argument of the dynamic loader, which is
  // what would be started.
  if (!better || count == 0 || getauxval(AT_BASE) == 0) return;
  if (setenv("OPENBLAS_CORETYPE", better, 1) != 0) return;
  // By its path, so that the process keeps its name.
  char path[PATH_MAX];
  ssize_t length = readlink("/proc/self/exe", path, sizeof path - 1);
  if (length > 0) {
    path[length] = '\0';
    execv(path, arguments);
  }
  execv("/proc/self/exe", arguments);
  unsetenv("OPENBLAS_CORETYPE");
}

#endif
