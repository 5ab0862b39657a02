// Loaded before a program (LD_PRELOAD), makes its calls on files below one folder fail, fall short or
// kill it. What is to happen is in the environment:
//
//   FAULT_FOLDER  part of the paths that count
//   FAULT_MODE    count: nothing, but FAULT_LOG gets a line for each call
//                 kill: SIGKILL before the call; short: half of a read or write; a number: that errno
//   FAULT_AT      the call that is hit, from 1
//   FAULT_EVERY   1: it and every later call; else that call alone
//   FAULT_LOG     what was counted or hit: number, call, path
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

enum mode { UNREAD, COUNT, KILL, SHORT, FAIL };

static enum mode mode;
static const char *folder;
static long at, calls;
static int every, number;

static const char *setting(const char *name, const char *otherwise) {
  const char *value = getenv(name);
  return value ? value : otherwise;
}

static void read_settings(void) {
  const char *text = setting("FAULT_MODE", "count");
  folder = setting("FAULT_FOLDER", "/");
  at = atol(setting("FAULT_AT", "0"));
  every = atoi(setting("FAULT_EVERY", "0"));
  number = atoi(text);
  mode = strcmp(text, "count") == 0   ? COUNT
         : strcmp(text, "kill") == 0  ? KILL
         : strcmp(text, "short") == 0 ? SHORT
                                      : FAIL;
}

// By system calls of its own: what is counted must not count itself.
static void note(const char *call, const char *path) {
  const char *log = getenv("FAULT_LOG");
  if (!log) return;
  char line[1024];
  int length = snprintf(line, sizeof line, "%ld %s %s\n", calls, call, path);
  if (length >= (int)sizeof line) length = sizeof line - 1;
  long descriptor = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (descriptor < 0) return;
  syscall(SYS_write, descriptor, line, length);
  syscall(SYS_close, descriptor);
}

// What is to happen to the call: 0 nothing.
static enum mode fate(const char *call, const char *path) {
  if (mode == UNREAD) read_settings();
  if (!path || !strstr(path, folder)) return 0;
  calls++;
  if (mode != COUNT && (every ? calls < at : calls != at)) return 0;
  note(call, path);
  if (mode == KILL) raise(SIGKILL);
  return mode == COUNT ? 0 : mode;
}

static const char *path_of(int descriptor) {
  static __thread char path[4096];
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(link, path, sizeof path - 1);
  if (length < 0) return NULL;
  path[length] = '\0';
  return path;
}

#define NEXT(name)                \
  static __typeof__(name) *next;  \
  if (!next) next = (__typeof__(name) *)dlsym(RTLD_NEXT, #name)
#define FAILED return errno = number, -1

#define TRANSFER(call, name, parameters, arguments)                             \
  ssize_t name parameters {                                                     \
    NEXT(name);                                                                 \
    enum mode what = fate(call, path_of(descriptor));                           \
    if (what == FAIL) FAILED;                                                   \
    if (what == SHORT && count > 1) count /= 2;                                 \
    return next arguments;                                                      \
  }

TRANSFER("read", read, (int descriptor, void *buffer, size_t count), (descriptor, buffer, count))
TRANSFER("write", write, (int descriptor, const void *buffer, size_t count),
         (descriptor, buffer, count))
TRANSFER("pread", pread64, (int descriptor, void *buffer, size_t count, off64_t offset),
         (descriptor, buffer, count, offset))
TRANSFER("pwrite", pwrite64, (int descriptor, const void *buffer, size_t count, off64_t offset),
         (descriptor, buffer, count, offset))

ssize_t pread(int descriptor, void *buffer, size_t count, off_t offset) {
  return pread64(descriptor, buffer, count, offset);
}
ssize_t pwrite(int descriptor, const void *buffer, size_t count, off_t offset) {
  return pwrite64(descriptor, buffer, count, offset);
}

#define PLAIN(call, name, parameters, arguments, path) \
  int name parameters {                                \
    NEXT(name);                                        \
    if (fate(call, path) == FAIL) FAILED;              \
    return next arguments;                             \
  }

PLAIN("fsync", fsync, (int descriptor), (descriptor), path_of(descriptor))
PLAIN("ftruncate", ftruncate64, (int descriptor, off64_t length), (descriptor, length),
      path_of(descriptor))
PLAIN("flock", flock, (int descriptor, int operation), (descriptor, operation),
      path_of(descriptor))
PLAIN("rename", rename, (const char *from, const char *to), (from, to), to)
PLAIN("mkdir", mkdir, (const char *path, mode_t bits), (path, bits), path)
PLAIN("unlink", unlink, (const char *path), (path), path)
PLAIN("rmdir", rmdir, (const char *path), (path), path)

int ftruncate(int descriptor, off_t length) { return ftruncate64(descriptor, length); }

// The descriptor is gone, whatever close says.
int close(int descriptor) {
  NEXT(close);
  enum mode what = fate("close", path_of(descriptor));
  int result = next(descriptor);
  if (what == FAIL) FAILED;
  return result;
}

static mode_t bits_of(int flags, va_list rest) {
  return flags & (O_CREAT | __O_TMPFILE) ? va_arg(rest, mode_t) : 0;
}

int openat64(int base, const char *path, int flags, ...) {
  NEXT(openat64);
  va_list rest;
  va_start(rest, flags);
  mode_t bits = bits_of(flags, rest);
  va_end(rest);
  if (fate("open", path) == FAIL) FAILED;
  return next(base, path, flags, bits);
}

#define OPEN(name, first, base)                     \
  int name(first const char *path, int flags, ...) { \
    va_list rest;                                   \
    va_start(rest, flags);                          \
    mode_t bits = bits_of(flags, rest);             \
    va_end(rest);                                   \
    return openat64(base, path, flags, bits);       \
  }
#define NOTHING
#define BASE int base,
OPEN(open, NOTHING, AT_FDCWD)
OPEN(open64, NOTHING, AT_FDCWD)
OPEN(openat, BASE, base)

DIR *opendir(const char *path) {
  NEXT(opendir);
  if (fate("opendir", path) == FAIL) return errno = number, NULL;
  return next(path);
}
