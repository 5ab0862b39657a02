// Which kernels OpenBLAS should use, decided before main. In C because nothing in Swift runs that
// early: OpenBLAS chooses when it is loaded and listens to the environment alone.
#pragma once

/// The kernels that OpenBLAS should use in place of `core`, or NULL where its own choice is right.
///
/// A release of OpenBLAS that does not know a processor falls back on the kernels of an old one,
/// Prescott's at worst, although the processor has all that faster kernels need. What it has
/// decides, not what it is called.
///
/// `requested` is the value of OPENBLAS_CORETYPE or NULL; an empty one asks for nothing, and what
/// was asked for is never replaced. `processor_text` is what /proc/cpuinfo says.
const char *openblas_better_core(const char *core, const char *requested,
                                 const char *processor_text);
